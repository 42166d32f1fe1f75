"""What authenticated clients and people read: messages, lists, statistics, files."""
