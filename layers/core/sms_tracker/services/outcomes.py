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
    """One message that has an outcome now, and had none or another.

    Seconds from its creation: until its recipient had it, if so (``delivered``), and until that outcome stood in the
    record (``known``).
    """

    provider: str
    outcome: Outcome
    delivered: float | None
    known: float


def ended(changes: Iterable[StreamChange]) -> Iterator[Ended]:
    """A correction counts once more; so does a change that the stream brings again."""
    for change in changes:
        if change.old is None or change.new is None:
            continue
        state = change.new.state
        if state.status.outcome in {Outcome.OPEN, change.old.state.status.outcome}:
            continue
        arrived, created = delivered_at(change.new), datetime.fromisoformat(change.new.created_at)
        yield Ended(
            provider=state.provider,
            outcome=state.status.outcome,
            delivered=_since(created, arrived) if arrived else None,
            known=_since(created, change.new.updated_at),
        )


def _since(created: datetime, moment: str) -> float:
    """No less than none, for a provider's clock is another one."""
    return max(0.0, (datetime.fromisoformat(moment) - created).total_seconds())
