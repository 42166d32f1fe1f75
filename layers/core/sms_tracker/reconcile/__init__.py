"""Close what reports alone leave open, and count each hour's messages."""
