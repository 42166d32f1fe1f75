"""The read side of the API: messages, lists, statistics, and the web page's files."""
