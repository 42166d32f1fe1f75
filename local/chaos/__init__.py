"""The local stack under everything that can go wrong at once, and a ledger check of what came of it."""
