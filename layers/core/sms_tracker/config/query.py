"""The settings of query: where records and statistics are, and how a number that is searched for is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig:
    """``allowed_countries`` as in :class:`sms_tracker.config.send.SendConfig`."""

    messages_table: str
    state_table: str
    reports_queue_url: str
    allowed_countries: frozenset[str] | None
