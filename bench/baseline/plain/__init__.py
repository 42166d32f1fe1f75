"""What the baselines have in common: settings by Powertools, and the conditional write by boto3."""
