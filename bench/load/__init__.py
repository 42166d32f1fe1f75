"""Load: clients that send and providers that report, signed as the real ones sign, and what became of every report."""
