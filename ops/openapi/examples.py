"""The document's examples, made by the code that answers requests, so that they cannot differ from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ops.openapi.operations import REQUEST
from sms_tracker import providers
from sms_tracker.domain.cost import CostSums
from sms_tracker.domain.errors import FieldError, InvalidMessage, NoSender, Throttled, Unavailable
from sms_tracker.domain.hourly_stats import HOUR, HourlyStats, Tally
from sms_tracker.domain.indexes import Position
from sms_tracker.domain.limits import Bound
from sms_tracker.domain.operator_rules import Action, Instruction
from sms_tracker.domain.opt_out import Kind
from sms_tracker.domain.outbound import Fault, NotProcessed, Refused
from sms_tracker.domain.record import Entry, Record, Send, SendPhase
from sms_tracker.domain.report import NOT_SENT, OPTED_OUT, REFUSED, Report, Source
from sms_tracker.domain.state import fold, initial_state
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.domain.text import segment
from sms_tracker.read import schemas
from sms_tracker.read.list_query import ListQuery, encoded_cursor
from sms_tracker.read.messages import Health, message_view
from sms_tracker.read.schemas import OptOut, OptOutPage
from sms_tracker.read.stats import By, Selection, stats_body
from sms_tracker.read.stats_schemas import Stats
from sms_tracker.read.web_files import no_such_file
from sms_tracker.services import responses
from sms_tracker.services.limits import over_limit
from sms_tracker.services.opt_out_api import opt_outs_off, still_blocked
from sms_tracker.services.provider_call import sending_stopped
from sms_tracker.services.responses import ApiResponse

_PROVIDER = providers.names()[-1]
_CREATED = "2026-01-31T12:00:00.000Z"
_UNREACHABLE = Failure(
    category=Category.TEMPORARY, reason=Reason.UNREACHABLE, code="30003", message="Unreachable destination handset"
)
_OPTED_OUT = Failure(
    category=Category.PERMANENT, reason=Reason.OPTED_OUT, code="21610", message="The recipient has unsubscribed"
)


def _report(status: Status, second: int, **more: Any) -> Report:
    at = f"2026-01-31T12:00:{second:02d}.000Z"
    values = {"provider": _PROVIDER, "word": str(status), "status": status, "received": at, **more}
    return Report(provider_message_id=f"SM{'0' * 29}a01", **values)


def _record(*reports: Report, phase: SendPhase = SendPhase.ANSWERED) -> Record:
    entries = {
        each.fingerprint: Entry(
            word=each.word,
            received=each.received,
            attempt=each.attempt,
            source=each.source,
            code=each.code,
            text=each.failure.message if each.failure else None,
        )
        for each in reports
    }
    return Record(
        message_id="0b0e9f0a-53cf-4f13-9f0c-6a35d1a3f7de",
        version=1 + len(reports),
        state=fold(reports, base=initial_state(attempt=1, at=_CREATED, provider=_PROVIDER)),
        send=Send(phase=phase, attempt=1, token="", until=0),
        client="shop",
        to=REQUEST["to"],
        sender="+15551234567",
        segmentation=segment(REQUEST["body"]),
        fingerprint="",
        text_hash="",
        created_at=_CREATED,
        updated_at=max((each.received for each in reports), default=_CREATED),
        expires_at=0,
        reference=REQUEST["reference"],
        reports=entries,
    )


_PENDING = _record(phase=SendPhase.CLAIMED)
_TAKEN = _record(_report(Status.ACCEPTED, 1, source=Source.ANSWER))
_FAILED = _record(
    _report(Status.ACCEPTED, 1, source=Source.ANSWER),
    _report(Status.SENT, 2),
    _report(Status.UNDELIVERED, 9, code="30003", failure=_UNREACHABLE),
)
_AT_THE_DOOR = _report(Status.FAILED, 1, word=REFUSED, source=Source.ANSWER, failure=_OPTED_OUT)
_NEVER_TAKEN = Failure(category=Category.TEMPORARY, reason=Reason.NOT_SENT)
_REFUSED = _record(replace(_AT_THE_DOOR, provider_message_id=None))
_NOT_SENT = _record(_report(Status.FAILED, 9, word=NOT_SENT, source=Source.LOOKUP, failure=_NEVER_TAKEN))
_CLOSED = _record(
    _report(
        Status.FAILED, 0, word=OPTED_OUT, source=Source.ANSWER, failure=replace(_OPTED_OUT, code=None, message=None)
    )
)
_NO_ACCOUNT = Failure(category=Category.PERMANENT, reason=Reason.ACCOUNT, code="20003")
_BUSY = NotProcessed(reason="", code="20429")

_FULL = Bound(name="client_per_hour", attribute="", most=0, ends=datetime.fromisoformat(_CREATED) + timedelta(hours=1))

_PAGE: schemas.MessagePage = {
    "messages": [message_view(_FAILED)],
    "cursor": encoded_cursor(Position(_FAILED.created_at, _FAILED.message_id), ListQuery().digest),
}


def _health(*, queue: bool) -> ApiResponse:
    def probe() -> None:
        if not queue:
            raise Unavailable("")

    return Health({"table": lambda: None, "queue": probe}, lambda: 0.0).check()


def _statistics() -> Stats:
    hour = "2026-01-31T12:00:00.000Z"
    counted = Tally(
        Counter(delivered=97, undelivered=2, sent=1),
        Counter(unreachable=2),
        Counter({2: 60, 3: 30, 6: 7}),
        CostSums(attempts=101, priced=100, computed=130, billed=131, different=1, amounts={"EUR": Decimal("9.1")}),
    )
    cohort = HourlyStats(
        hour=hour, computed_at="2026-01-31T13:10:00.000Z", final=False, sums={(_PROVIDER, "shop"): counted}
    )
    selection = Selection(
        since=datetime.fromisoformat(hour),
        until=datetime.fromisoformat(hour) + HOUR,
        by=By.PROVIDER,
        provider=None,
        client="shop",
    )
    return stats_body(selection, [cohort])


_BLOCKED: OptOut = {
    "to": "+31612345678",
    "scope": f"sender:{_PROVIDER}:+15551234567",
    "blocked": True,
    "cause": Kind.STOP,
    "source": _PROVIDER,
    "reason": None,
    "at": _CREATED,
    "version": 1,
    "changed_at": _CREATED,
}
ANSWERS: Mapping[object, Mapping[str, object]] = {
    schemas.AcceptedMessage: responses.accepted(_TAKEN, "").body,
    schemas.Message: message_view(_FAILED),
    schemas.MessagePage: _PAGE,
    Stats: _statistics(),
    schemas.Health: _health(queue=True).body,
    OptOut: _BLOCKED,
    OptOutPage: {"opt_outs": [_BLOCKED], "cursor": None},
}
"""An example of each model."""

_REPLIES: tuple[ApiResponse, ...] = (
    responses.invalid(InvalidMessage([FieldError("to", "is not an international number; write it like +31612345678")])),
    responses.scope_missing("send"),
    responses.live_keys_only(),
    responses.in_progress(_PENDING, 12),
    responses.refused(_REFUSED),
    responses.refused(_NOT_SENT).as_replay(),
    responses.refused(_CLOSED),
    opt_outs_off(),
    still_blocked(_BLOCKED),
    responses.key_reused(_TAKEN),
    over_limit(_PENDING, _FULL, now=datetime.fromisoformat(_CREATED), kept=False),
    responses.check_failed(_PENDING, Throttled("")),
    responses.account_refused(_PENDING, Refused(failure=_NO_ACCOUNT, fault=Fault.ACCOUNT)),
    responses.not_processed(_PENDING, _BUSY),
    sending_stopped(Instruction(action=Action.STOP, client="shop", by="ann", reason="a key was leaked", at=_CREATED)),
    responses.attempts_spent(_PENDING),
    responses.not_recorded(NoSender(_PENDING.state.provider)),
    responses.not_recorded(Unavailable("")),
    responses.no_such_message(),
    no_such_file(),
    _health(queue=False),
    *(
        responses.webhook_problem(kind)
        for kind in ("unreadable", "refused-signature", "unknown-provider", "too-large", "unavailable")
    ),
)
PROBLEMS: Mapping[str, ApiResponse] = {reply.decision: reply for reply in reversed(_REPLIES)}
"""By problem type; the first of each type."""
