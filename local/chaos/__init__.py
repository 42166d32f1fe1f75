"""The chaos suite: many faults at once on the local stack, then a consistency check."""
