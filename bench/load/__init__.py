"""Load tests: clients that send, providers that report with genuine signatures, and a check of every report."""
