"""Browse: what the read routes answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sms_tracker import __version__
from sms_tracker.domain.errors import InvalidMessage, SmsTrackerError
from sms_tracker.domain.ports import Clock, Messages, Search
from sms_tracker.domain.record import Record
from sms_tracker.read import views
from sms_tracker.read.list_query import criteria, cursor
from sms_tracker.read.search import find
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse, ok, problem

if TYPE_CHECKING:
    from sms_tracker.read.schemas import MessagePage

SCOPE, EVERYBODY = "read", "admin"
"""What opens the reads of one's own records, and of everybody's."""
_MESSAGE_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PROBE = 10.0
"""Seconds for which one look at table and queue answers for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReader:
    """The read use cases of authenticated clients; ``countries`` (ISO 3166, None for all) are those sent to."""

    messages: Messages
    search: Search
    clock: Clock
    countries: frozenset[str] | None = None

    def one(self, client: str, scopes: frozenset[str], message_id: str) -> ApiResponse:
        """The record with its timeline; another client's is found with scope ``admin`` only."""
        if not scopes & {SCOPE, EVERYBODY}:
            return responses.scope_missing(SCOPE)
        try:
            # What is no id of ours is not asked for: it may be longer than a key can be. A UUID's case says nothing.
            known = message_id.lower()
            record = self.messages.get(known) if _MESSAGE_ID.fullmatch(known) else None
        except SmsTrackerError as error:
            return responses.unreadable(error)
        if record is None or (record.client != client and EVERYBODY not in scopes):
            return responses.no_such_message()
        return ok(views.message(record), "found", read_of=_others([record], client))

    def many(self, client: str, scopes: frozenset[str], query: Mapping[str, str]) -> ApiResponse:
        """One page, newest first, and the cursor of the next where there may be one."""
        whose = chosen(query, client=client, scopes=scopes)
        if isinstance(whose, ApiResponse):
            return whose
        warnings = list[str]()
        try:
            wanted = criteria(query, client=whose.client, now=self.clock(), countries=self.countries)
            page = find(self.search, wanted, on_unreadable=lambda _, error: warnings.append(str(error)))
        except InvalidMessage as error:
            return responses.invalid(error)
        except SmsTrackerError as error:
            return responses.unreadable(error)
        following = None if page.after is None else cursor(page.after)
        shown: MessagePage = {"messages": [views.message(record) for record in page.records], "cursor": following}
        return replace(ok(shown, "listed", read_of=_others(page.records, client)), warnings=tuple(warnings))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The client whose records are asked for, None for all."""

    client: str | None


def chosen(query: Mapping[str, str], *, client: str, scopes: frozenset[str]) -> Chosen | ApiResponse:
    """By the parameter ``client``, which only ``admin`` may set to another's name; or why not."""
    if not scopes & {SCOPE, EVERYBODY}:
        return responses.scope_missing(SCOPE)
    if EVERYBODY in scopes:
        return Chosen(query.get("client"))
    return Chosen(client) if query.get("client", client) == client else responses.scope_missing(EVERYBODY)


def _others(records: Iterable[Record], client: str) -> dict[str, list[str]]:
    """Ids of the records that are not the reader's own, by client."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.client != client:
            found.setdefault(record.client, []).append(record.message_id)
    return found


class Health:
    """Shallow, public and cheap: table and queue are asked at most once in ten seconds."""

    def __init__(self, probes: Mapping[str, Callable[[], object]], monotonic: Callable[[], float]) -> None:
        self._probes = probes
        self._monotonic = monotonic
        self._asked_at: float | None = None
        self._answers: dict[str, bool] = {}

    def check(self) -> ApiResponse:
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
