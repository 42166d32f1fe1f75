"""Send SMS through several providers and know, for every message, whether it arrived."""

__version__ = "0.1.0"
