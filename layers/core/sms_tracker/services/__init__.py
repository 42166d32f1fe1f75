"""The use cases: send, receive, track, publish, digest, find."""
