"""Search again for the messages that a run did not find: only then may a request be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sms_tracker.domain.invocation import Pace
from sms_tracker.domain.ports import Messages
from sms_tracker.domain.record import Record

ABSENT_ONCE = "absent-once"
_APART = 60.0
"""Seconds between the two searches: a provider's list may show a message a little later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondSearches:
    """The messages of one run that its first search did not find.

    They are kept in memory: a run that dies between leaves nothing, and the next one begins with a first search.
    """

    messages: Messages
    pace: Pace
    _absent: list[tuple[str, float]] = field(default_factory=list)

    def note(self, record: Record) -> str:
        """Remember the record for a second search. Returns the decision."""
        self._absent.append((record.message_id, self.pace.monotonic()))
        return ABSENT_ONCE

    def records(self, end: float) -> Iterator[Record]:
        """Each noted record as it is stored a minute later, if that is before ``end`` (monotonic)."""
        for message_id, noted in self._absent:
            if noted + _APART > end:
                return
            if (wait := noted + _APART - self.pace.monotonic()) > 0:
                self.pace.sleep(wait)
            if (record := self.messages.get(message_id)) is not None:
                yield record
