"""The table's stream: what changed, as records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sms_tracker.aws.items import from_item
from sms_tracker.domain.ports import StreamChange


def changes(records: list[Mapping[str, Any]]) -> Iterator[StreamChange]:
    """Every modification in the order of the stream; insertions and expiries are no change of status.

    An image that cannot be read is passed on as such (``unreadable``), for it must not hold up the others.
    """
    for record in records:
        if record.get("eventName") != "MODIFY":
            continue
        stream = record["dynamodb"]
        sequence, raw = stream["SequenceNumber"], record
        try:
            old, new = from_item(stream["OldImage"]), from_item(stream["NewImage"])
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            yield StreamChange(sequence=sequence, raw=raw, unreadable=f"{type(error).__name__} in the image")
        else:
            yield StreamChange(sequence=sequence, raw=raw, old=old, new=new)
