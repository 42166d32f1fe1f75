"""What the baselines share: settings by Powertools, and the conditional write by boto3."""
