"""GET /messages, GET /messages/{message_id} and GET /health."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sms_tracker import __version__
from sms_tracker.domain.callback import MESSAGE_ID
from sms_tracker.domain.errors import InvalidMessage, SmsTrackerError
from sms_tracker.domain.http import ADMIN, READ, Caller
from sms_tracker.domain.opt_out import is_visible, scope
from sms_tracker.domain.ports import Clock, Messages, Search
from sms_tracker.domain.record import Record
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.read import views
from sms_tracker.read.list_query import cursor, read_query
from sms_tracker.read.parameters import client_filter, read_denied
from sms_tracker.read.search import find
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse, ok, problem

if TYPE_CHECKING:
    from sms_tracker.read.schemas import Message, MessagePage

_PROBE = 10.0
"""Seconds for which a result is reused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReader:
    """Reads messages. ``countries`` (ISO 3166, None for all) are those that the deployment sends to.

    ``mode`` is ``OptOutScope``. A test key finds only messages of test keys; any other key finds none of them.
    """

    messages: Messages
    search: Search
    clock: Clock
    countries: frozenset[str] | None = None
    mode: ScopeMode = ScopeMode.OFF

    def one(self, caller: Caller, message_id: str) -> ApiResponse:
        """The message with its timeline. Another client's message needs the scope ``admin``."""
        if not caller.scopes & {READ, ADMIN}:
            return responses.scope_missing(READ)
        try:
            # Other texts are not looked up, because they may be too long for a key. UUIDs are the same in capitals.
            key = message_id.lower()
            record = self.messages.get(key) if MESSAGE_ID.fullmatch(key) else None
        except SmsTrackerError as error:
            return responses.records_unavailable(error)
        if record is None or record.test != caller.test or not _may_read(record, caller):
            return responses.no_such_message()
        return ok(self._view(record, caller), "found", read_of=_others([record], caller.client))

    def many(self, caller: Caller, query: Mapping[str, str]) -> ApiResponse:
        """One page, newest first, with the cursor of the next page."""
        if denied := read_denied(caller, query):
            return denied
        warnings = list[str]()
        try:
            client = client_filter(caller, query)
            search = read_query(query, client=client, now=self.clock(), countries=self.countries)
            search = replace(search, test=caller.test)
            page = find(self.search, search, on_unreadable=lambda _, error: warnings.append(str(error)))
        except InvalidMessage as error:
            return responses.invalid(error)
        except SmsTrackerError as error:
            return responses.records_unavailable(error)
        body: MessagePage = {
            "messages": [self._view(record, caller) for record in page.records],
            "cursor": None if page.after is None else cursor(page.after, search.parameters),
        }
        return replace(ok(body, "listed", read_of=_others(page.records, caller.client)), warnings=tuple(warnings))

    def _view(self, record: Record, caller: Caller) -> Message:
        """The record, with the scope of its recipient's opt-outs if ``caller`` may see them."""
        if self.mode is ScopeMode.OFF or not record.to:
            return views.message(record)
        name = scope(self.mode, provider=record.state.provider, sender=record.sender, client=record.client)
        return views.message(record, opt_out_scope=name if is_visible(name, caller) else None)


def _may_read(record: Record, caller: Caller) -> bool:
    return record.client == caller.client or ADMIN in caller.scopes


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
        """200 if all probes answered, otherwise 503 with the result of each, without the causes."""
        now = self._monotonic()
        if self._probed_at is None or now - self._probed_at > _PROBE:
            self._answers = {name: _answers(probe) for name, probe in self._probes.items()}
            self._probed_at = now
        states = {name: "ok" if answered else "unavailable" for name, answered in self._answers.items()}
        body = {"version": __version__, **states}
        if all(self._answers.values()):
            return ok({"status": "ok", **body}, "healthy")
        return problem("unhealthy", "Try again later.", members=body)


def _answers(probe: Callable[[], object]) -> bool:
    try:
        probe()
    except SmsTrackerError:
        return False
    return True
