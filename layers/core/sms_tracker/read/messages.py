"""GET /messages, GET /messages/{message_id} and GET /health."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sms_tracker import __version__, providers
from sms_tracker.domain.callback import MESSAGE_ID
from sms_tracker.domain.cost import Cost
from sms_tracker.domain.errors import InvalidMessage, SmsTrackerError
from sms_tracker.domain.http import ADMIN, READ, Caller
from sms_tracker.domain.opt_out import is_scope_visible, opt_out_scope
from sms_tracker.domain.ports import Clock, Messages, Search
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import Report
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import REASON_MEANINGS, RETRY_ADVICE, RETRYABLE, Failure, Status
from sms_tracker.read.list_query import client_filter, encoded_cursor, read_denied, read_query
from sms_tracker.read.search import find_page
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse, ok, problem
from sms_tracker.services.timeline import NotApplied, by_arrival, not_applied, report_of

if TYPE_CHECKING:
    from sms_tracker.read import schemas


def message_view(record: Record, *, opt_out_scope: str | None = None) -> schemas.Message:
    """The message with its timeline, oldest report first. ``failure`` is null unless the status is a failure."""
    state, failure = record.state, record.state.shown_failure
    return {
        "message_id": record.message_id,
        "version": record.version,
        "status": state.status,
        "final": state.status.final,
        "outcome": state.status.outcome,
        "status_at": state.at,
        "provider": state.provider,
        "provider_message_id": state.provider_message_id,
        "attempt": state.attempt,
        "client": record.client,
        "to": record.to or None,
        "from": record.sender,
        "reference": record.reference,
        "body": record.body,
        "encoding": record.segmentation.encoding,
        "segments": record.segmentation.segments,
        "cost": {str(attempt): _cost(cost) for attempt, cost in sorted(record.costs.items())},
        "network": record.network,
        "failure": _failure(failure, provider=state.provider, status=state.status),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "opt_out_scope": opt_out_scope,
        "reports": _timeline(record),
    }


def _failure(failure: Failure | None, *, provider: str, status: Status) -> schemas.Failure | None:
    """The failure with its meaning, retry advice and the provider's documentation of its code."""
    if failure is None:
        return None
    return {
        "category": failure.category,
        "reason": failure.reason,
        "code": failure.code,
        "message": failure.message,
        "meaning": REASON_MEANINGS[failure.reason],
        "retryable": RETRYABLE[failure.category],
        "retry_advice": RETRY_ADVICE[failure.category],
        "docs_url": None if failure.code is None else providers.load(provider).page(failure.code, status),
    }


def _cost(cost: Cost) -> schemas.Cost:
    return {
        "amount": cost.price.amount,
        "currency": cost.price.currency,
        "observed_at": cost.observed_at,
        "segments": cost.segments,
    }


def _timeline(record: Record) -> list[schemas.Report]:
    """Each report, and why it was not applied, oldest first."""
    entries = by_arrival(record)
    reports = [report_of(record, entry) for entry in entries]
    base = initial_state(attempt=1, at=record.created_at, provider=record.provider_of(1))
    reasons = not_applied(zip(reports, (entry.foreign for entry in entries), strict=True), base=base)
    return list(map(_report, entries, reports, reasons))


def _report(entry: Entry, report: Report, reason: NotApplied | None) -> schemas.Report:
    status = report.status
    return {
        "provider_status": entry.word,
        "status": status,
        "code": entry.code,
        "message": entry.text,
        "failure": None if status is None else _failure(report.failure, provider=report.provider, status=status),
        "occurred_at": entry.occurred,
        "received_at": entry.received,
        "attempt": entry.attempt,
        "source": entry.source,
        "other_recipient": entry.foreign,
        "applied": reason is None,
        "not_applied_reason": None if reason is None else str(reason),
        "fields": dict(entry.fields),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReader:
    """Reads messages. ``countries`` (ISO 3166, None for all) are those that the deployment sends to.

    ``mode`` is ``OptOutScope``. A test key finds only messages of test keys; any other key finds none of them.
    """

    messages: Messages
    search: Search
    clock: Clock
    countries: frozenset[str] | None
    mode: ScopeMode

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
            page = find_page(self.search, search, on_unreadable=lambda _, error: warnings.append(str(error)))
        except InvalidMessage as error:
            return responses.invalid(error)
        except SmsTrackerError as error:
            return responses.records_unavailable(error)
        body: schemas.MessagePage = {
            "messages": [self._view(record, caller) for record in page.records],
            "cursor": None if page.after is None else encoded_cursor(page.after, search.parameters),
        }
        return replace(ok(body, "listed", read_of=_others(page.records, caller.client)), warnings=tuple(warnings))

    def _view(self, record: Record, caller: Caller) -> schemas.Message:
        """The record, with the scope of its recipient's opt-outs if ``caller`` may see them."""
        if self.mode is ScopeMode.OFF or not record.to:
            return message_view(record)
        name = opt_out_scope(self.mode, provider=record.state.provider, sender=record.sender, client=record.client)
        return message_view(record, opt_out_scope=name if is_scope_visible(name, caller) else None)


def _may_read(record: Record, caller: Caller) -> bool:
    return record.client == caller.client or ADMIN in caller.scopes


def _others(records: Iterable[Record], client: str) -> dict[str, list[str]]:
    """Ids of other clients' records, by client."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.client != client:
            found.setdefault(record.client, []).append(record.message_id)
    return found


_PROBE_LIFETIME = 10.0
"""Seconds for which the results of the probes are reused."""


class Health:
    """The public health check. Table and queue are probed at most once in ten seconds.

    ``now`` must go on while Lambda freezes the environment, which a monotonic clock may not.
    """

    def __init__(self, probes: Mapping[str, Callable[[], object]], now: Callable[[], float]) -> None:
        self._probes = probes
        self._now = now
        self._probed_at = float("-inf")
        self._results: dict[str, bool] = {}

    def check(self) -> ApiResponse:
        """200 if all probes answered, otherwise 503 with the result of each, without the causes."""
        now = self._now()
        if not 0 <= now - self._probed_at <= _PROBE_LIFETIME:  # below 0: the clock was set back
            self._results = {name: _is_up(probe) for name, probe in self._probes.items()}
            self._probed_at = now
        states = {name: "ok" if answered else "unavailable" for name, answered in self._results.items()}
        body = {"version": __version__, **states}
        if all(self._results.values()):
            return ok({"status": "ok", **body}, "healthy")
        return problem("unhealthy", "Try again later.", members=body)


def _is_up(probe: Callable[[], object]) -> bool:
    try:
        probe()
    except SmsTrackerError:
        return False
    return True
