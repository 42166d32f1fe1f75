"""MessageBird's list of messages: no SDK of theirs filters it by reference, but each message shows its own."""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.adopt import Candidate, Sought
from sms_tracker.providers import wire
from sms_tracker.providers.base import Listed

PAGE_SIZE = 200


def read(answer: Mapping[str, object], sought: Sought) -> Listed:
    """One page, newest first: what carries our reference, and the next offset while times are not too old."""
    items = answer.get("items")
    records = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    ours = tuple(
        Candidate(provider_message_id=known, created=_created(record), certain=True)
        for record in records
        if wire.text(record.get("reference")) == sought.message_id and (known := wire.text(record.get("id")))
    )
    return Listed(ours, None if ours else _next(answer, records, sought))


def _next(answer: Mapping[str, object], records: list[dict[str, object]], sought: Sought) -> str | None:
    times = [_created(record) for record in records]
    offset, total = answer.get("offset"), answer.get("totalCount")
    if not isinstance(offset, int) or not isinstance(total, int) or not records:
        return None
    following = offset + len(records)
    older = all(time is not None and time < sought.since for time in times)
    return None if older or following >= total else str(following)


def _created(record: Mapping[str, object]) -> str | None:
    return wire.rfc3339(wire.text(record.get("createdDatetime")))
