"""Checks after a deployment: what the public address accepts, and above all what it refuses."""
