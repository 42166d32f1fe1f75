"""The settings of reconciler: when it asks, what it gives up, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

from sms_tracker.config.send import SendConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerConfig(SendConfig):
    """It may send again, so it knows all that ``send`` knows; ages are seconds, the rate is calls a second."""

    state_table: str
    reports_queue_url: str
    reconcile_after_seconds: int
    unknown_after_seconds: int
    not_sent_after_seconds: int
    look_again_after_seconds: int
    tracking_objective: float
    lookups_per_second: int
    lookups_per_run: int
    run_seconds: int
