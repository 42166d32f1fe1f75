"""Send SMS through several providers and know, for every message, whether it arrived."""

import gc

__version__ = "0.2.0"

gc.set_threshold(50_000)  # imports create many objects and no garbage: 6 % of the send function's start (ADR 11)
