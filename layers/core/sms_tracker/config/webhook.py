"""The settings of webhook: who may report, and where reports go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sms_tracker.config import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    reports_queue_url: str
    settings_prefix: str
    providers: tuple[str, ...]
    verification: Mapping[str, Verification]
