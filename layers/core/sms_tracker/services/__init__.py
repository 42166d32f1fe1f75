"""The use cases on a message's path: send, receive, process, publish, digest."""
