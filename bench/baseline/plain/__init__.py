"""Shared parts of the baselines: settings by Powertools, the conditional write by boto3."""
