"""Browse: what the read routes answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sms_tracker import __version__
from sms_tracker.domain.errors import InvalidMessage, SmsTrackerError
from sms_tracker.domain.ports import Clock, Messages, Search
from sms_tracker.services import replies, view
from sms_tracker.services.find import find
from sms_tracker.services.query import criteria, cursor
from sms_tracker.services.replies import Reply, ok, problem

if TYPE_CHECKING:
    from sms_tracker.services.shapes import MessagePage

SCOPE = "read"
_MESSAGE_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PROBE = 10.0
"""Seconds for which one look at table and queue answers for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The read use cases of authenticated clients."""

    messages: Messages
    search: Search
    clock: Clock

    def one(self, client: str, scopes: frozenset[str], message_id: str) -> Reply:
        """The record with its timeline; another client's is not found either."""
        if SCOPE not in scopes:
            return replies.scope_missing(SCOPE)
        try:
            # What is no id of ours is not asked for: it may be longer than a key can be.
            record = self.messages.get(message_id) if _MESSAGE_ID.fullmatch(message_id) else None
        except SmsTrackerError as error:
            return replies.unreadable(error)
        if record is None or record.client != client:
            return problem("no-such-message", "There is no such message. Check the id; records expire.")
        return ok(view.message(record), "found")

    def many(self, client: str, scopes: frozenset[str], query: Mapping[str, str]) -> Reply:
        """One page, newest first, and the cursor of the next where there may be one."""
        if SCOPE not in scopes:
            return replies.scope_missing(SCOPE)
        try:
            page = find(self.search, criteria(query, client=client, now=self.clock()))
        except InvalidMessage as error:
            return replies.invalid(error)
        except SmsTrackerError as error:
            return replies.unreadable(error)
        following = None if page.after is None else cursor(page.after)
        shown: MessagePage = {"messages": [view.message(record) for record in page.records], "cursor": following}
        return ok(shown, "listed")


class Health:
    """Shallow, public and cheap: table and queue are asked at most once in ten seconds."""

    def __init__(self, probes: Mapping[str, Callable[[], object]], monotonic: Callable[[], float]) -> None:
        self._probes = probes
        self._monotonic = monotonic
        self._asked_at: float | None = None
        self._answers: dict[str, bool] = {}

    def check(self) -> Reply:
        """200 when all answered, else 503; which did not is said, why is not."""
        now = self._monotonic()
        if self._asked_at is None or now - self._asked_at > _PROBE:
            self._answers = {name: _answers(probe) for name, probe in self._probes.items()}
            self._asked_at = now
        states = {name: "ok" if answered else "unavailable" for name, answered in self._answers.items()}
        healthy = all(self._answers.values())
        body = {"version": __version__, **states}
        return (
            ok({"status": "ok", **body}, "healthy")
            if healthy
            else problem("unhealthy", "Try again later.", members=body)
        )


def _answers(probe: Callable[[], object]) -> bool:
    try:
        probe()
    except SmsTrackerError:
        return False
    return True
