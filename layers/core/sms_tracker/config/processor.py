"""The settings of processor: where reports go, and what is kept of them."""

from __future__ import annotations

from dataclasses import dataclass

from sms_tracker.config import TextRetention


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorConfig:
    messages_table: str
    providers: tuple[str, ...]
    reports_queue_url: str
    unmatched_queue_url: str
    reports_dlq_url: str
    keep_raw_reports: bool
    text_retention: TextRetention
