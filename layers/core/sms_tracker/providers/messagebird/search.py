"""MessageBird's list of messages: no SDK of theirs filters it by reference, but each message shows its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sms_tracker.domain.matching import Candidate, Sought
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Listed

PAGE_SIZE = 200
_UNREADABLE = LookupFailed(reason="the answer is no list of messages")


def read(answer: Mapping[str, object], sought: Sought) -> Listed | LookupFailed:
    """One page, newest first: what carries our reference, and the next offset while times are not too old.

    What cannot be read to its end is no list: it would prove an absence that nobody knows.
    """
    items = answer.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return _UNREADABLE
    ours = tuple(
        Candidate(provider_message_id=known, created=_created(record), certain=True)
        for record in items
        if parsing.text(record.get("reference")) in sought.references and (known := parsing.text(record.get("id")))
    )
    if ours or _older(items, sought):
        return Listed(ours, None)
    offset, total = answer.get("offset"), answer.get("totalCount")
    if not isinstance(offset, int) or not isinstance(total, int):
        return _UNREADABLE
    following = offset + len(items)
    return Listed((), str(following) if items and following < total else None)


def _older(records: Sequence[Mapping[str, object]], sought: Sought) -> bool:
    times = [_created(record) for record in records]
    return bool(times) and all(time is not None and time < sought.since for time in times)


def _created(record: Mapping[str, object]) -> str | None:
    return parsing.rfc3339(parsing.text(record.get("createdDatetime")))
