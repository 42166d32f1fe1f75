"""The settings of publisher: which changes are published, and what of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherConfig:
    """``published_statuses`` may also hold :data:`sms_tracker.domain.status.CORRECTIONS`."""

    event_bus_name: str
    published_statuses: frozenset[str]
    publish_failed_queue_url: str
    event_personal_data: bool
