"""The settings of query: where records and statistics are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig:
    messages_table: str
    state_table: str
    reports_queue_url: str
