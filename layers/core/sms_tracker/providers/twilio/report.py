"""Twilio's reports, from a callback or its own record of a message: status words and fields."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sms_tracker.domain import cost
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.providers import parsing
from sms_tracker.providers.twilio.codes import VALIDITY_EXPIRED, Cause, cause_of

ERROR_PAGES = "https://www.twilio.com/docs/api/errors"

UNCONFIRMED: frozenset[str] = frozenset()
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
    "receiving": None,  # inbound: no effect
    "received": None,
}
UNLISTED: Cause = (Category.UNKNOWN, Reason.UNKNOWN)
CANCELED: Cause = (Category.PERMANENT, Reason.CANCELED)

_NAME = "twilio"
_READ = {"MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "ErrorCode"}
_PERSONAL = {"To", "From", "Body", "ChannelToAddress", "WaId", "ProfileName"}
_EVENT = re.compile(r"specversion|[0-9]+\[specversion\]")
"""The member of a CloudEvent that no callback has; Event Streams send a list of events."""
EVENT_STREAMS = "events of Twilio's Event Streams: each message has its own callback URL"
_RECORD_DETAILS = ("num_segments", "messaging_service_sid", "date_created", "date_sent")


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """The report in a callback. It has no usable time: ``RawDlrDoneDate`` has no zone and may precede the send."""
    word, code = parsing.field(fields, "MessageStatus", "SmsStatus"), parsing.code(fields.get("ErrorCode"))
    reached, failure = meaning(word, code, fields.get("ErrorMessage"))
    return Report(
        provider=_NAME,
        word=word,
        status=reached,
        recognised=knows(word),
        received=received_at,
        provider_message_id=parsing.field(fields, "MessageSid", "SmsSid") or None,
        code=code,
        failure=failure,
        details=parsing.details(fields, without=_READ | _PERSONAL | ({"ErrorMessage"} if failure else set())),
        set_aside=EVENT_STREAMS if not word and any(map(_EVENT.fullmatch, fields)) else None,
    )


def record_report(record: Mapping[str, object], *, received_at: str) -> Report | None:
    """The report in Twilio's Message resource; None if it has no id or no status."""
    sid, word = parsing.text(record.get("sid")), parsing.text(record.get("status"))
    if sid is None or word is None:
        return None
    code = parsing.code(parsing.text(record.get("error_code")))
    reached, failure = meaning(word, code, parsing.text(record.get("error_message")))
    details = {name: parsing.text(record.get(name)) for name in _RECORD_DETAILS}
    return Report(
        provider=_NAME,
        word=word,
        status=reached,
        recognised=knows(word),
        received=received_at,
        provider_message_id=sid,
        code=code,
        failure=failure,
        occurred=parsing.rfc2822(parsing.text(record.get("date_updated"))),
        source=Source.LOOKUP,
        price=cost.parse_price(parsing.text(record.get("price")), parsing.text(record.get("price_unit"))),
        segments=cost.parse_segments(parsing.text(record.get("num_segments"))),
        details={name: value for name, value in details.items() if value is not None},
    )


def status(word: str, code: str | None) -> Status | None:
    return Status.EXPIRED if word == "undelivered" and code == VALIDITY_EXPIRED else STATUSES.get(word)


def knows(word: str) -> bool:
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
    """The cause of a failure is that of its code, else of its status."""
    code = parsing.code(code)
    reached = status(word, code)
    if reached is None or reached.outcome is not Outcome.FAILURE:
        return reached, None
    category, reason = cause_of(code) or (CANCELED if reached is Status.CANCELED else UNLISTED)
    return reached, Failure(category=category, reason=reason, code=code, message=parsing.masked(text))


def page(code: str, status: Status) -> str | None:  # noqa: ARG001 - each number has one meaning
    return f"{ERROR_PAGES}/{code}" if code.isascii() and code.isdigit() else None
