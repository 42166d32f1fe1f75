"""What Bird says about a message, in a webhook or in its own record: its status words, its error codes, its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sms_tracker.domain import cost
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.status import Outcome, Status
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
    "received": None,  # inbound: recognised, moves nothing
    "sms_suppression.created": None,  # an opt-out, likewise
}
"""An event's word is its type without ``sms.``, which makes it the word of Bird's own record."""

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
"""``error.code``, an open set. The carrier's own code beside it has no published table and is kept as a detail."""

WITHOUT_CODE: dict[str, Cause] = {
    "canceled": (Category.PERMANENT, Reason.CANCELED),
    "expired": (Category.TEMPORARY, Reason.EXPIRED),
    "undelivered": (Category.TEMPORARY, Reason.UNKNOWN),
    "failed": (Category.PERMANENT, Reason.UNKNOWN),
    "rejected": (Category.UNKNOWN, Reason.NOT_SENT),  # refused before a carrier had it
}
"""What a failure means that has no code, or one that is not listed."""

NO_CODE = {"", "unknown"}
"""Bird's ``unknown`` classifies nothing: kept as a code, it would outrank a failure that has a real one later."""

ERROR_PAGES = "https://docs.bird.com/errors"

_READ = {"sms_id", "id", "status", "mcc_mnc", "created_at", "sent_at", "delivered_at"}
_PERSONAL = {"to", "from", "text", "subject", "destination", "originator"}
_MOMENTS = {"accepted": "created_at", "sent": "sent_at", "delivered": "delivered_at"}


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """A webhook's event. Never raises: the unfamiliar is data. An event without data is Bird's test of the endpoint."""
    said = event(fields)
    data = part(said, "data")
    made = _report(
        (parsing.text(said.get("type")) or "").removeprefix("sms."),
        data,
        part(data, "error"),
        occurred=parsing.rfc3339(parsing.text(said.get("timestamp"))),
        received_at=received_at,
        source=Source.CALLBACK,
    )
    return made if data else replace(made, test=True)


def record_report(record: Mapping[str, object], *, received_at: str) -> Report | None:
    """Bird's own record of a message; None where it names no message or no status."""
    word = parsing.text(record.get("status"))
    if word is None or parsing.text(record.get("id")) is None:
        return None
    error = part(record, "last_error")
    return _report(word, record, error, occurred=moment(record), received_at=received_at, source=Source.LOOKUP)


def moment(record: Mapping[str, object]) -> str | None:
    """When the message in Bird's own record reached its status, in our form; None where the record has no such time."""
    word = parsing.text(record.get("status")) or ""
    error = part(record, "last_error")
    occurred = error.get("occurred_at") if word in WITHOUT_CODE else record.get(_MOMENTS.get(word, ""))
    return parsing.rfc3339(parsing.text(occurred))


def status(word: str, code: str | None) -> Status | None:  # noqa: ARG001 - codes never change a status here
    """What a status word maps to; None for one that moves nothing."""
    return STATUSES.get(word)


def knows(word: str) -> bool:
    """Whether it is a word of Bird's, also where it moves nothing."""
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
    """What a stored word means today, with the failure that its code and text describe."""
    return STATUSES.get(word), _failure(word, _code(code), text)


def page(code: str, status: Status) -> str | None:  # noqa: ARG001 - each code has one meaning
    """Bird's page on an error of its API; the codes of a delivery have none."""
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
        segments=cost.segments(parsing.text(part(data, "segments").get("count"))),
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
    return cost.price(*(parsing.text(stated.get(name)) for name in ("amount", "currency_code")))


def _details(data: Mapping[str, object], error: Mapping[str, object], *, without: set[str]) -> dict[str, str]:
    """The scalars that say more: of the event, of its segments and of its error. No number, no text."""
    further = dict(data)
    further |= {f"segments[{name}]": value for name, value in part(data, "segments").items()}
    further |= {f"error[{name}]": value for name, value in error.items() if name not in without}
    scalars = {name: text for name, value in further.items() if (text := parsing.text(value))}
    return parsing.details(scalars, without=_READ | _PERSONAL)
