"""Notify people about failures once a minute, grouped by cause, with meaning and advice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from sms_tracker.domain.ports import Topic
from sms_tracker.services.events import StatusChanged

_GROUPS, _EXAMPLES = 20, 5
"""Paragraphs in one notification, and message ids in each."""


class _Envelope(BaseModel):
    """EventBridge's envelope of an event; its other fields are ignored."""

    detail: StatusChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """``failures`` is the number of messages in the notification; ``unreadable`` are queue ids for the DLQ."""

    failures: int
    unreadable: tuple[str, ...] = ()


def digest(bodies: Iterable[tuple[str, str]], topic: Topic) -> Digested:
    """Publish one notification for a batch of ``(queue id, event as JSON)``; raises ``Unavailable``.

    Of several events of one message, the one with the highest version counts.
    """
    latest: dict[str, StatusChanged] = {}
    unreadable = []
    for queue_id, body in bodies:
        try:
            event = _Envelope.model_validate_json(body).detail
        except ValidationError:
            unreadable.append(queue_id)
            continue
        known = latest.get(event.message_id)
        if known is None or known.version < event.version:
            latest[event.message_id] = event
    if latest:
        topic.publish(_subject(len(latest)), text(list(latest.values())))
    return Digested(failures=len(latest), unreadable=tuple(unreadable))


def text(events: Sequence[StatusChanged]) -> str:
    """The notification: one paragraph for each provider, reason and code, most frequent first."""
    groups: dict[tuple[str, str, str], list[StatusChanged]] = defaultdict(list)
    for event in events:
        failure = event.failure
        groups[event.provider, failure.reason if failure else "", (failure and failure.code) or ""].append(event)
    ranked = sorted(groups.values(), key=len, reverse=True)
    parts = [_subject(len(events)), *map(_paragraph, ranked[:_GROUPS])]
    if (rest := len(ranked) - _GROUPS) > 0:
        parts.append(f"... and {rest} smaller groups.")
    return "\n\n".join(parts)


def _subject(count: int) -> str:
    return f"sms-tracker: {count} message{'s' if count != 1 else ''} not delivered"


def _paragraph(group: Sequence[StatusChanged]) -> str:
    first = group[0]
    examples = ", ".join(event.message_id for event in group[:_EXAMPLES])
    more = f" and {len(group) - _EXAMPLES} more" if len(group) > _EXAMPLES else ""
    if first.failure is None:
        meaning = "No final report came in time. The message may or may not have arrived."
        title = f"{first.provider}, {first.status}"
    else:
        code = f", code {first.failure.code}" if first.failure.code else ""
        title = f"{first.provider}, {first.failure.reason}{code}"
        meaning = f"{first.failure.meaning} ({first.failure.retry_advice})"
    return f"{len(group)} x {title}\n  {meaning}\n  {examples}{more}"
