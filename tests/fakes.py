"""In-memory implementations of the ports; the contract tests run them and the real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import ge, gt

from sms_tracker.domain.bus import BusEvent
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.indexes import shard as shard_of
from sms_tracker.domain.limits import SendLimits
from sms_tracker.domain.ports import NotWritten, Written
from sms_tracker.domain.record import MAX_REPORTS, Change, Entry, Guard, Record, Send, SendPhase
from sms_tracker.domain.report import Report, spellings
from sms_tracker.domain.settings import Settings
from sms_tracker.domain.status import Status

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
SERVICE_KEY = b"k" * 32
BASE_URL = "https://sms.example.com"


@dataclass
class FakeClock:
    """A clock that only ``sleep`` and assignments move; also a monotonic clock."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class MemoryMessages:
    """The table as a dictionary, with DynamoDB's conditional semantics. ``writes`` counts applied writes.

    ``due`` are the due times of messages that the reconciler tracks.
    """

    records: dict[str, Record] = field(default_factory=dict)
    due: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    keep_raw_reports: bool = False
    drop_text: bool = False

    def put(self, record: Record) -> Written | NotWritten:
        old = self.records.get(record.message_id)
        if old is not None:
            return Written() if old.send.token == record.send.token else NotWritten(old)
        return self._write(record)

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        old = self.records.get(message_id)
        if old is None or not _holds(old, change):
            return NotWritten(old)
        new = _changed(old, change, keep_fields=self.keep_raw_reports)
        dropped = self.drop_text and change.guard is not Guard.LATE and new.state.status.final
        return self._write(replace(new, body=None) if dropped else new)

    def release(self, message_id: str, *, token: str, cause: str, now: str) -> None:
        old = self.records.get(message_id)
        if old is not None and old.send.token == token and old.send.phase is SendPhase.CLAIMED:
            send = replace(old.send, phase=SendPhase.RELEASED, cause=cause)
            self._write(replace(old, send=send, updated_at=now))

    def withdraw(self, message_id: str, *, token: str) -> None:
        old = self.records.get(message_id)
        if old and (old.send.token, old.send.phase, old.version) == (token, SendPhase.CLAIMED, 1) and not old.reports:
            del self.records[message_id]
            self.writes += 1

    def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
        old = self.records.get(record.message_id)
        if old is not None and old.send.token == send.token:
            return True
        read = (record.send.token, record.send.phase, record.version)
        if old is None or (old.send.token, old.send.phase, old.version) != read:
            return False
        self.due[record.message_id] = now
        state = replace(old.state, status=Status.PENDING, attempt=send.attempt, at=now, provider=provider)
        providers = record.providers_with(send.attempt, provider)
        moved = replace(old, send=send, state=state, version=old.version + 1, updated_at=now, providers=providers)
        self._write(replace(moved, sender=record.sender))
        return True

    def get(self, message_id: str) -> Record | None:
        return self.records.get(message_id)

    def by_provider_id(self, provider: str, provider_message_id: str) -> str | None:
        for record in self.records.values():
            if (record.state.provider, record.state.provider_message_id) == (provider, provider_message_id):
                return record.message_id
        return None

    def _write(self, record: Record) -> Written:
        self.records[record.message_id] = record
        self.writes += 1
        return Written()


@dataclass
class MemoryReconcileState:
    """The reconciler's state in the same table."""

    messages: MemoryMessages
    positions: dict[str, str] = field(default_factory=dict)

    def position(self, name: str) -> str | None:
        return self.positions.get(name)

    def advance(self, name: str, until: str) -> None:
        self.positions[name] = max(until, self.positions.get(name, ""))

    def open(self, message_id: str, *, due: str) -> bool:
        return message_id not in self.messages.due and self._set(message_id, due)

    def put_off(self, message_id: str, *, due: str) -> None:
        self._set(message_id, due)

    def due(self, shard: int, *, until: str, limit: int) -> list[str]:
        mine = sorted((due, each) for each, due in self.messages.due.items() if int(shard_of(each)) == shard)
        return [each for due, each in mine if due <= until and self._is_open(each)][:limit]

    def _set(self, message_id: str, due: str) -> bool:
        if not self._is_open(message_id):
            return False
        self.messages.due[message_id] = due
        return True

    def _is_open(self, message_id: str) -> bool:
        record = self.messages.records.get(message_id)
        return record is not None and not record.state.status.final


def _holds(old: Record, change: Change) -> bool:
    unseen = not any(old.has(report) for report in change.added)
    ours = [report for report in change.added if report.fingerprint not in change.foreign]
    about = not old.to or all(not each.recipient or old.to in spellings(each.recipient) for each in ours)
    room = not change.added or len(old.reports) + len(change.added) <= MAX_REPORTS
    above = gt if change.has_only_costs else ge
    outranks = all(above(cost.key, old.costs[each].key) for each, cost in change.costs.items() if each in old.costs)
    return unseen and about and room and outranks and _guarded(old, change)


def _guarded(old: Record, change: Change) -> bool:
    state = change.state
    if change.guard is Guard.LATE or state is None:
        return True
    if change.guard is Guard.SEEN:
        return old.version == change.version
    return (
        old.state.order < state.order
        and (state.failure is None or old.state.failure is None)
        and (not state.other_ids or not old.state.other_ids)
        and all(old.state.ids.get(attempt) in (None, state.ids.get(attempt)) for attempt in {state.attempt, *state.ids})
    )


def _changed(old: Record, change: Change, *, keep_fields: bool) -> Record:
    entries = {report.fingerprint: _entry(report, change, keep_fields=keep_fields) for report in change.added}
    new = replace(old, reports={**old.reports, **entries})
    if change.phase is not None:
        new = replace(new, send=replace(new.send, phase=change.phase))
    if change.phase is SendPhase.ANSWERED:
        new = replace(new, send=replace(new.send, token="", until=0), validity_seconds=None)
    ours = [report for report in change.added if report.fingerprint not in change.foreign]
    new = replace(new, costs={**new.costs, **change.costs})
    new = replace(new, network=new.network or next((r.network for r in ours if r.network), None))
    if change.guard is Guard.LATE or change.state is None:
        return new
    state = replace(
        change.state,
        ids={**old.state.ids, **change.state.ids},
        other_ids=change.state.other_ids or old.state.other_ids,
        failure=change.state.failure or (None if change.guard is Guard.SEEN else old.state.failure),
    )
    return replace(new, state=state, version=old.version + 1, updated_at=change.now)


def _entry(report: Report, change: Change, *, keep_fields: bool) -> Entry:
    kept = keep_fields or report.is_failure or not report.recognised
    return Entry(
        word=report.word,
        received=report.received,
        attempt=report.attempt,
        source=str(report.source),
        code=report.code,
        occurred=report.occurred,
        text=report.failure.message if report.failure else None,
        foreign=report.fingerprint in change.foreign,
        fields=dict(report.details) if kept else {},
    )


@dataclass
class MemoryQueue:
    """A queue that stores ``(body, reason, delay)``. ``fail`` makes it raise ``error``."""

    sent: list[tuple[str, str | None, int]] = field(default_factory=list)
    fail: bool = False
    error: Exception = field(default_factory=lambda: Unavailable("SendMessage: ServiceUnavailable"))

    def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
        if self.fail:
            raise self.error
        self.sent.append((body, reason, delay_seconds))

    @property
    def bodies(self) -> list[str]:
        return [body for body, _, _ in self.sent]


@dataclass
class MemoryBus:
    """A bus that stores accepted events; ``refuse`` selects events to refuse."""

    events: list[BusEvent] = field(default_factory=list)
    refuse: Callable[[BusEvent], bool] = lambda _: False

    def put(self, events: Sequence[BusEvent]) -> list[str | None]:
        answers = ["ThrottlingException" if self.refuse(event) else None for event in events]
        self.events += [event for event, answer in zip(events, answers, strict=True) if answer is None]
        return answers


@dataclass
class MemoryTopic:
    """A topic that stores ``(subject, text)``."""

    published: list[tuple[str, str]] = field(default_factory=list)
    fail: bool = False

    def publish(self, subject: str, text: str) -> None:
        if self.fail:
            raise Unavailable("Publish: Throttled")
        self.published.append((subject, text))


Answer = HttpResponse | NoResponse


@dataclass
class ScriptedHttp:
    """Returns its answers in turn, then repeats the last; records requests. ``during`` runs before each answer."""

    answers: Sequence[Answer]
    requests: list[HttpRequest] = field(default_factory=list)
    during: Callable[[HttpRequest], object] = lambda _: None

    def __call__(self, request: HttpRequest, *, timeout: float) -> Answer:
        assert timeout > 0
        self.requests.append(request)
        self.during(request)
        return self.answers[min(len(self.requests), len(self.answers)) - 1]


TWILIO = {"account_sid": "AC" + "0" * 32, "auth_token": "token-one", "next_auth_token": "token-two"}
MESSAGEBIRD = {"access_key": "live_key", "signing_key": "sign-one", "next_signing_key": "sign-two"}


@dataclass
class FixedSettings:
    """Constant settings; ``asked`` records each max_age."""

    credentials: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: {"twilio": TWILIO, "messagebird": MESSAGEBIRD}
    )
    urls: tuple[str, ...] = (BASE_URL,)
    senders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    error: Exception | None = None
    asked: list[float | None] = field(default_factory=list)
    limits: SendLimits | None = None

    def __call__(self, *, max_age: float | None = None) -> Settings:
        self.asked.append(max_age)
        if self.error is not None:
            raise self.error
        return Settings(
            credentials=self.credentials,
            service_key=SERVICE_KEY,
            public_base_urls=self.urls,
            senders=self.senders,
            limits=self.limits,
        )


def ignore_failed_call(call: str, *, attempt: int, code: str | None, status: int | None, again: bool) -> None:
    """A :class:`sms_tracker.domain.ports.CallFailed` that logs nothing."""


def never_stopped(client: str, /) -> None:
    """A :class:`sms_tracker.domain.operator_rules.StopOf` without stops."""
