"""Bird's reports, from a webhook or its own record of a message: status words, error codes and fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sms_tracker.domain import cost
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.providers import parsing
from sms_tracker.providers.bird.webhook import event, part

UNCONFIRMED: frozenset[str] = frozenset()
STATUSES: dict[str, Status | None] = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.SCHEDULED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "canceled": Status.CANCELED,
    "expired": Status.EXPIRED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "rejected": Status.FAILED,
    "received": None,  # inbound: no effect
    "sms_suppression.created": None,  # an opt-out: no effect
}
"""The word of an event is its type without ``sms.``, as in Bird's own record."""

Cause = tuple[Category, Reason]

CODES: dict[str, Cause] = {
    "invalid_destination": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "unreachable": (Category.TEMPORARY, Reason.UNREACHABLE),
    "blocked_by_carrier": (Category.PERMANENT, Reason.BLOCKED),
    "blocked_by_fraud_protection": (Category.PERMANENT, Reason.BLOCKED),
    "blocked_by_recipient": (Category.PERMANENT, Reason.BLOCKED),
    "landline_unreachable": (Category.PERMANENT, Reason.LANDLINE),
    "content_rejected": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "sender_unregistered": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "recipient_opted_out": (Category.PERMANENT, Reason.OPTED_OUT),
    "provider_unavailable": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "insufficient_balance": (Category.TEMPORARY, Reason.ACCOUNT),
}
"""``error.code``, an open set. The carrier's own code has no published table and is stored as a detail."""

WITHOUT_CODE: dict[str, Cause] = {
    "canceled": (Category.PERMANENT, Reason.CANCELED),
    "expired": (Category.TEMPORARY, Reason.EXPIRED),
    "undelivered": (Category.TEMPORARY, Reason.UNKNOWN),
    "failed": (Category.PERMANENT, Reason.UNKNOWN),
    "rejected": (Category.UNKNOWN, Reason.NOT_SENT),  # refused before a carrier had it
}
"""The cause of a failure without a listed code."""

NO_CODE = {"", "unknown"}
"""Not codes: Bird's ``unknown`` must not outrank a real code."""

ERROR_PAGES = "https://docs.bird.com/errors"

_READ = {"sms_id", "id", "status", "mcc_mnc", "created_at", "sent_at", "delivered_at"}
_PERSONAL = {"to", "from", "text", "subject", "destination", "originator"}
_MOMENTS = {"accepted": "created_at", "sent": "sent_at", "delivered": "delivered_at"}


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """The report in a webhook; never raises. An event without data is Bird's test of the endpoint."""
    received = event(fields)
    data = part(received, "data")
    made = _report(
        (parsing.text(received.get("type")) or "").removeprefix("sms."),
        data,
        part(data, "error"),
        occurred=parsing.rfc3339(parsing.text(received.get("timestamp"))),
        received_at=received_at,
        source=Source.CALLBACK,
    )
    return made if data else replace(made, test=True)


def record_report(record: Mapping[str, object], *, received_at: str) -> Report | None:
    """The report in Bird's own record of a message; None if it has no id or no status."""
    word = parsing.text(record.get("status"))
    if word is None or parsing.text(record.get("id")) is None:
        return None
    error = part(record, "last_error")
    return _report(word, record, error, occurred=moment(record), received_at=received_at, source=Source.LOOKUP)


def moment(record: Mapping[str, object]) -> str | None:
    """When the message in Bird's own record reached its status, in our form; None if not stated."""
    word = parsing.text(record.get("status")) or ""
    error = part(record, "last_error")
    occurred = error.get("occurred_at") if word in WITHOUT_CODE else record.get(_MOMENTS.get(word, ""))
    return parsing.rfc3339(parsing.text(occurred))


def status(word: str, code: str | None) -> Status | None:  # noqa: ARG001 - codes never change a status here
    """The status of a word; None for one without effect."""
    return STATUSES.get(word)


def knows(word: str) -> bool:
    """Whether ``STATUSES`` has the word."""
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
    """Status and failure of a stored word with its code and text."""
    return STATUSES.get(word), _failure(word, _code(code), text)


def page(code: str, status: Status) -> str | None:  # noqa: ARG001 - each code has one meaning
    """Bird's page on an API error; delivery codes have none."""
    return f"{ERROR_PAGES}/{code}" if re.fullmatch("E[0-9]{5}", code) else None


def _report(
    word: str,
    data: Mapping[str, object],
    error: Mapping[str, object],
    *,
    occurred: str | None,
    received_at: str,
    source: Source,
) -> Report:
    code, description = _code(parsing.text(error.get("code"))), parsing.text(error.get("description"))
    failure = _failure(word, code, description)
    is_outbound = word not in STATUSES or STATUSES[word] is not None
    return Report(
        provider="bird",
        word=word,
        status=STATUSES.get(word),
        recognised=word in STATUSES,
        received=received_at,
        provider_message_id=parsing.text(data.get("sms_id")) or parsing.text(data.get("id")),
        code=code,
        failure=failure,
        occurred=occurred,
        source=source,
        recipient=parsing.e164(parsing.text(data.get("to")) or "") if is_outbound else None,
        price=_price(part(data, "cost")),
        segments=cost.parse_segments(parsing.text(part(data, "segments").get("count"))),
        network=parsing.text(data.get("mcc_mnc")),
        details=_details(data, error, without={"code", "description", "occurred_at"} if failure else {"code"}),
    )


def _failure(word: str, code: str | None, text: str | None) -> Failure | None:
    status = STATUSES.get(word)
    if status is None or status.outcome is not Outcome.FAILURE:
        return None
    category, reason = CODES.get(code or "", WITHOUT_CODE[word])
    return Failure(category=category, reason=reason, code=code, message=parsing.masked(text))


def _code(code: str | None) -> str | None:
    return None if code is None or code in NO_CODE else code


def _price(stated: Mapping[str, object]) -> cost.Price | None:
    return cost.parse_price(*(parsing.text(stated.get(name)) for name in ("amount", "currency_code")))


def _details(data: Mapping[str, object], error: Mapping[str, object], *, without: set[str]) -> dict[str, str]:
    """Further scalars of the event, its segments and its error, without phone numbers and texts."""
    further = dict(data)
    further |= {f"segments[{name}]": value for name, value in part(data, "segments").items()}
    further |= {f"error[{name}]": value for name, value in error.items() if name not in without}
    scalars = {name: text for name, value in further.items() if (text := parsing.text(value))}
    return parsing.details(scalars, without=_READ | _PERSONAL)
