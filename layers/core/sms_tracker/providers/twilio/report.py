"""What Twilio says about a message, in a callback or in its own record: its status words and its error codes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.report import Report, Source, clean
from sms_tracker.domain.status import Outcome, Status
from sms_tracker.providers import parsing

STATUSES: dict[str, Status | None] = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.SCHEDULED,
    "queued": Status.ACCEPTED,
    "sending": Status.SENDING,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "partially_delivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELED,
    "read": Status.READ,
    "receiving": None,  # inbound: recognised, moves nothing
    "received": None,
}
VALIDITY_EXPIRED = "30036"
"""The code that turns ``undelivered`` into our ``expired``."""

Cause = tuple[Category, Reason]

CODES: dict[str, Cause] = {
    "10001": (Category.PERMANENT, Reason.ACCOUNT),
    "20003": (Category.PERMANENT, Reason.ACCOUNT),
    "20404": (Category.PERMANENT, Reason.ACCOUNT),
    "20429": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "21211": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21212": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21268": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21408": (Category.PERMANENT, Reason.ACCOUNT),
    "21602": (Category.PERMANENT, Reason.UNKNOWN),
    "21603": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21604": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21606": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21608": (Category.PERMANENT, Reason.ACCOUNT),
    "21610": (Category.PERMANENT, Reason.OPTED_OUT),
    "21611": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "21612": (Category.PERMANENT, Reason.UNREACHABLE),
    "21614": (Category.PERMANENT, Reason.LANDLINE),
    "21617": (Category.PERMANENT, Reason.UNKNOWN),
    "30001": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30002": (Category.PERMANENT, Reason.ACCOUNT),
    "30003": (Category.TEMPORARY, Reason.UNREACHABLE),
    "30004": (Category.PERMANENT, Reason.BLOCKED),
    "30005": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "30006": (Category.PERMANENT, Reason.LANDLINE),
    "30007": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "30008": (Category.TEMPORARY, Reason.UNKNOWN),
    "30010": (Category.PERMANENT, Reason.ACCOUNT),
    "30032": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30034": (Category.PERMANENT, Reason.SENDER_REJECTED),
    VALIDITY_EXPIRED: (Category.TEMPORARY, Reason.EXPIRED),
    "30410": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30450": (Category.PERMANENT, Reason.BLOCKED),
    "30500": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "63038": (Category.TEMPORARY, Reason.ACCOUNT),
}
"""Errors at creation and on delivery in one table: Twilio gives each number one meaning."""

UNLISTED: Cause = (Category.UNKNOWN, Reason.UNKNOWN)
CANCELED: Cause = (Category.PERMANENT, Reason.CANCELED)

NO_CODE = {"", "0"}
"""Kept as a code, these would outrank a failure that has a real one later."""

_MAX_DETAILS = 40
_READ = {"MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "ErrorCode"}
_PERSONAL = {"To", "From", "Body", "ChannelToAddress", "WaId", "ProfileName"}
_RECORD_DETAILS = ("num_segments", "messaging_service_sid", "date_created", "date_sent")


def read(fields: Mapping[str, str], *, provider: str, received_at: str) -> Report:
    """A callback. It tells no time of the event: ``RawDlrDoneDate`` has no zone and may precede the send."""
    word, code = _first(fields, "MessageStatus", "SmsStatus"), _code(fields.get("ErrorCode"))
    failure = _failure(word, code, fields.get("ErrorMessage"))
    used = _READ | _PERSONAL | ({"ErrorMessage"} if failure else set())
    further = ((clean(name), clean(value)) for name, value in fields.items() if name not in used)
    details = (pair for pair in further if pair[0])  # a blank name cannot be stored
    return Report(
        provider=provider,
        word=word,
        status=status_of(word, code),
        recognised=word in STATUSES,
        received=received_at,
        provider_message_id=_first(fields, "MessageSid", "SmsSid") or None,
        code=code,
        failure=failure,
        details=dict(islice(details, _MAX_DETAILS)),
    )


def read_record(record: Mapping[str, object], *, provider: str, received_at: str) -> Report | None:
    """Twilio's Message resource; None where it names no message or no status."""
    sid, word = parsing.text(record.get("sid")), parsing.text(record.get("status"))
    if sid is None or word is None:
        return None
    code = _code(parsing.text(record.get("error_code")))
    price, unit = parsing.text(record.get("price")), parsing.text(record.get("price_unit"))
    details = {name: parsing.text(record.get(name)) for name in _RECORD_DETAILS}
    return Report(
        provider=provider,
        word=word,
        status=status_of(word, code),
        recognised=word in STATUSES,
        received=received_at,
        provider_message_id=sid,
        code=code,
        failure=_failure(word, code, parsing.text(record.get("error_message"))),
        occurred=parsing.rfc2822(parsing.text(record.get("date_updated"))),
        source=Source.LOOKUP,
        price=clean(f"{price} {unit or ''}".strip()) if price else None,
        details={name: value for name, value in details.items() if value is not None},
    )


def status_of(word: str, code: str | None) -> Status | None:
    return Status.EXPIRED if word == "undelivered" and code == VALIDITY_EXPIRED else STATUSES.get(word)


def _failure(word: str, code: str | None, message: str | None) -> Failure | None:
    status = status_of(word, code)
    if status is None or status.outcome is not Outcome.FAILURE:
        return None
    category, reason = CODES.get(code or "", CANCELED if status is Status.CANCELED else UNLISTED)
    return Failure(category=category, reason=reason, code=code, message=parsing.masked(message or "") or None)


def _code(value: str | None) -> str | None:
    code = clean(value or "")
    return None if code in NO_CODE else code


def _first(fields: Mapping[str, str], *names: str) -> str:
    """The first of these fields that is not blank, as text to keep."""
    return next((text for name in names if (text := clean(fields.get(name, "")))), "")
