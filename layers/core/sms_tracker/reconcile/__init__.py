"""Close messages without a final report, and count each hour's messages."""
