"""GET /messages, GET /messages/{message_id} and GET /health."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sms_tracker import __version__
from sms_tracker.domain.callback import MESSAGE_ID
from sms_tracker.domain.errors import InvalidMessage, SmsTrackerError
from sms_tracker.domain.opt_out import ScopeMode, scope, visible
from sms_tracker.domain.ports import Clock, Messages, Search
from sms_tracker.domain.record import Record
from sms_tracker.read import views
from sms_tracker.read.list_query import criteria, cursor
from sms_tracker.read.parameters import ADMIN, READ, client_filter
from sms_tracker.read.search import find
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse, ok, problem

if TYPE_CHECKING:
    from sms_tracker.read.schemas import Message, MessagePage

_PROBE = 10.0
"""Seconds for which the result of one probe is reused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReader:
    """Reads messages. ``countries`` (ISO 3166, None for all) are those that the deployment sends to.

    ``mode`` is ``OptOutScope``; ``senders`` of each call are those of the key, each as ``provider:sender``.
    """

    messages: Messages
    search: Search
    clock: Clock
    countries: frozenset[str] | None = None
    mode: ScopeMode = ScopeMode.OFF

    def one(
        self,
        client: str,
        scopes: frozenset[str],
        message_id: str,
        senders: frozenset[str] = frozenset(),
        *,
        test: bool = False,
    ) -> ApiResponse:
        """The message with its timeline. Another client's message needs the scope ``admin``.

        A test key finds messages of test keys alone, any other key none of them.
        """
        if not scopes & {READ, ADMIN}:
            return responses.scope_missing(READ)
        try:
            # Any other text is not looked up: it may be too long for a key. A UUID in capitals is the same UUID.
            known = message_id.lower()
            record = self.messages.get(known) if MESSAGE_ID.fullmatch(known) else None
        except SmsTrackerError as error:
            return responses.unreadable(error)
        if record is None or record.test != test or (record.client != client and ADMIN not in scopes):
            return responses.no_such_message()
        return ok(self._view(record, client, scopes, senders), "found", read_of=_others([record], client))

    def many(
        self,
        client: str,
        scopes: frozenset[str],
        query: Mapping[str, str],
        senders: frozenset[str] = frozenset(),
        *,
        test: bool = False,
    ) -> ApiResponse:
        """One page, newest first, with the cursor of the next page; ``test`` as in :meth:`one`."""
        allowed = client_filter(query, client=client, scopes=scopes)
        if isinstance(allowed, ApiResponse):
            return allowed
        warnings = list[str]()
        try:
            search = criteria(query, client=allowed.client, now=self.clock(), countries=self.countries)
            page = find(
                self.search, replace(search, test=test), on_unreadable=lambda _, error: warnings.append(str(error))
            )
        except InvalidMessage as error:
            return responses.invalid(error)
        except SmsTrackerError as error:
            return responses.unreadable(error)
        following = None if page.after is None else cursor(page.after, search.parameters)
        found = [self._view(record, client, scopes, senders) for record in page.records]
        shown: MessagePage = {"messages": found, "cursor": following}
        return replace(ok(shown, "listed", read_of=_others(page.records, client)), warnings=tuple(warnings))

    def _view(self, record: Record, client: str, scopes: frozenset[str], senders: frozenset[str]) -> Message:
        """The record, with the scope of opt-outs that could block it where the key sees them."""
        if self.mode is ScopeMode.OFF or not record.to:
            return views.message(record)
        name = scope(self.mode, provider=record.state.provider, sender=record.sender, client=record.client)
        seen = ADMIN in scopes or visible(name, client=client, senders=senders)
        return views.message(record, opt_out_scope=name if seen else None)


def _others(records: Iterable[Record], client: str) -> dict[str, list[str]]:
    """Ids of other clients' records, by client."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.client != client:
            found.setdefault(record.client, []).append(record.message_id)
    return found


class Health:
    """The public health check. Table and queue are probed at most once in ten seconds."""

    def __init__(self, probes: Mapping[str, Callable[[], object]], monotonic: Callable[[], float]) -> None:
        self._probes = probes
        self._monotonic = monotonic
        self._probed_at: float | None = None
        self._answers: dict[str, bool] = {}

    def check(self) -> ApiResponse:
        """200 if all probes answered, otherwise 503 with the names of those that did not, without the cause."""
        now = self._monotonic()
        if self._probed_at is None or now - self._probed_at > _PROBE:
            self._answers = {name: _answers(probe) for name, probe in self._probes.items()}
            self._probed_at = now
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
