"""Checks of a deployment at its public address: right requests are accepted, wrong ones refused."""
