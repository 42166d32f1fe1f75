"""The settings of send: what it sends, to where, under whose name, and what it keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sms_tracker.config import TextRetention
from sms_tracker.domain.errors import Misconfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class SendConfig:
    """``allowed_countries`` holds ISO 3166 codes, None for all; ``senders`` a provider's default originator."""

    messages_table: str
    settings_prefix: str
    providers: tuple[str, ...]
    default_provider: str
    senders: Mapping[str, str]
    allowed_countries: frozenset[str] | None
    text_retention: TextRetention
    retention_days: int
    claim_seconds: int
    keep_raw_reports: bool

    def __post_init__(self) -> None:
        if self.default_provider not in self.providers:
            raise Misconfigured("DEFAULT_PROVIDER is not one of PROVIDERS")
