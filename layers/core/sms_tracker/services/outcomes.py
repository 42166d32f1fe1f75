"""Outcomes: which messages of a batch of changes came to an end, for the metrics that are live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sms_tracker.domain.ports import StreamChange
from sms_tracker.domain.status import Outcome
from sms_tracker.services.timeline import delivered_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One message that has an outcome now, and had none or another; ``seconds`` from creation to delivery, if so."""

    provider: str
    outcome: Outcome
    seconds: float | None


def ended(changes: Iterable[StreamChange]) -> Iterator[Ended]:
    """A correction counts once more; so does a change that the stream brings again."""
    for change in changes:
        if change.old is None or change.new is None:
            continue
        state = change.new.state
        if state.status.outcome in {Outcome.OPEN, change.old.state.status.outcome}:
            continue
        arrived = delivered_at(change.new)
        waited = arrived and datetime.fromisoformat(arrived) - datetime.fromisoformat(change.new.created_at)
        yield Ended(
            provider=state.provider,
            outcome=state.status.outcome,
            seconds=max(0.0, waited.total_seconds()) if waited else None,
        )
