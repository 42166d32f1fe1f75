"""The check after a deployment: what the public address does, and above all what it refuses."""
