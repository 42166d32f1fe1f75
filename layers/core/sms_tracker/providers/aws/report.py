"""What an event of AWS End User Messaging SMS says: its status words, and the fields around them.

The word that we store is the event's type without ``TEXT_``, and how far it can be relied on:

    UNREACHABLE            AWS goes on trying: recognised, moves nothing
    UNREACHABLE.final      AWS gave up
    SUCCESSFUL.delivered   final, in a country of ``AwsCarrierAccepted``
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.report import Report, clean, timestamp
from sms_tracker.domain.status import Outcome, Status
from sms_tracker.providers import parsing

FINAL, COUNTED = ".final", ".delivered"

CARRIER_ACCEPTED = "carrierAccepted"
"""A field that whoever makes an envelope of an event adds: the countries of ``AwsCarrierAccepted``, with commas."""

FAILURES: dict[str, tuple[Status, Category, Reason]] = {
    "BLOCKED": (Status.UNDELIVERED, Category.PERMANENT, Reason.BLOCKED),
    "CARRIER_BLOCKED": (Status.UNDELIVERED, Category.PERMANENT, Reason.BLOCKED),
    "CARRIER_UNREACHABLE": (Status.UNDELIVERED, Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "INVALID": (Status.UNDELIVERED, Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "INVALID_MESSAGE": (Status.UNDELIVERED, Category.PERMANENT, Reason.CONTENT_FILTERED),
    "PROTECT_BLOCKED": (Status.UNDELIVERED, Category.PERMANENT, Reason.BLOCKED),
    "SPAM": (Status.UNDELIVERED, Category.PERMANENT, Reason.CONTENT_FILTERED),
    "TTL_EXPIRED": (Status.EXPIRED, Category.TEMPORARY, Reason.EXPIRED),
    "UNREACHABLE": (Status.UNDELIVERED, Category.TEMPORARY, Reason.UNREACHABLE),
}
"""Words of failure. Each is the failure's code too: AWS has no other, and our events carry no word."""

STATUSES: dict[str, Status | None] = {
    "ACCEPTED": Status.ACCEPTED,  # the answer to a send, which has no word of its own
    "QUEUED": Status.ACCEPTED,
    "QUEUED.final": Status.ACCEPTED,
    "PENDING": Status.SENDING,
    "PENDING.final": Status.SENDING,
    "SENT": Status.SENT,
    "SENT.final": Status.SENT,
    "SUCCESSFUL": Status.SENT,  # the carrier has it
    "SUCCESSFUL.final": Status.UNKNOWN,  # … and no handset will confirm it
    "SUCCESSFUL.delivered": Status.DELIVERED,  # … which counts as delivery there
    "DELIVERED": Status.DELIVERED,
    "DELIVERED.final": Status.DELIVERED,
    "UNKNOWN": None,
    "UNKNOWN.final": Status.UNKNOWN,
    **dict.fromkeys(FAILURES),
    **{word + FINAL: status for word, (status, *_) in FAILURES.items()},
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?")
_MAX_DETAILS = 40
_READ = {"eventType", "messageStatus", "isFinal", "eventTimestamp", "messageId", "mcc", "mnc", CARRIER_ACCEPTED}
_READ |= {"totalMessagePrice", "totalCarrierFee"}
_PERSONAL = {"destinationPhoneNumber", "originationPhoneNumber", "messageBody"}


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """Never raises."""
    said, description = _word(fields), _text(fields, "messageStatusDescription")
    known, failure = meaning(said, None, description)
    used = _READ | _PERSONAL | ({"messageStatusDescription"} if failure else set())
    return Report(
        provider="aws",
        word=said,
        status=known,
        recognised=knows(said),
        received=received_at,
        provider_message_id=_text(fields, "messageId") or None,
        code=failure.code if failure else None,
        failure=failure,
        occurred=_moment(_text(fields, "eventTimestamp")),
        recipient=parsing.e164(fields.get("destinationPhoneNumber", "")),
        price=_price(fields),
        network=_text(fields, "mcc") + _text(fields, "mnc") or None,
        details=_details(fields, without=used),
    )


def status(word: str, code: str | None) -> Status | None:  # noqa: ARG001  # the word says it all
    """What a stored word means; None for one that moves nothing."""
    return STATUSES.get(word)


def knows(word: str) -> bool:
    """Whether it is in the table, also where it moves nothing."""
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:  # noqa: ARG001  # the code is the word
    """Status and failure of a stored word."""
    known, bare = STATUSES.get(word), word.removesuffix(FINAL)
    if known is None or known.outcome is not Outcome.FAILURE:
        return known, None
    _, category, reason = FAILURES[bare]
    return known, Failure(category=category, reason=reason, code=bare, message=parsing.masked(text))


def page(code: str, status: Status) -> str | None:  # noqa: ARG001  # one page lists them all
    """AWS's list of events, for the words of events alone: refusals have no page."""
    return EVENTS_PAGE if code in FAILURES else None


EVENTS_PAGE = "https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-types.html"


def _word(fields: Mapping[str, str]) -> str:
    """``messageStatus`` stands in for an event without a type."""
    word = _text(fields, "eventType").removeprefix("TEXT_") or _text(fields, "messageStatus")
    if not word or _text(fields, "isFinal") != "true":
        return word
    country, counting = fields.get("isoCountryCode"), fields.get(CARRIER_ACCEPTED, "").split(",")
    counts = word == "SUCCESSFUL" and country and country in counting
    return clean(word + (COUNTED if counts else FINAL))


def _moment(milliseconds: str) -> str | None:
    """RFC 3339; what is no number of milliseconds since 1970 stays as it is."""
    try:
        return timestamp(_EPOCH + timedelta(milliseconds=int(milliseconds)))
    except (ValueError, OverflowError):
        return milliseconds or None


def _price(fields: Mapping[str, str]) -> str | None:
    """Price and carrier fee of all parts, in US dollars; None where there is none yet."""
    amounts = [_text(fields, name) for name in ("totalMessagePrice", "totalCarrierFee")]
    total = sum((Decimal(amount) for amount in amounts if _AMOUNT.fullmatch(amount)), Decimal())
    return f"{total.normalize():f} USD" if total else None


def _details(fields: Mapping[str, str], *, without: set[str]) -> dict[str, str]:
    """The fields that say more, at most 40; without our own context, and without blank names, which cannot be kept."""
    others = ((clean(name), clean(value)) for name, value in fields.items() if name not in without)
    further = (pair for pair in others if pair[0] and not pair[0].startswith("context["))
    return dict(islice(further, _MAX_DETAILS))


def _text(fields: Mapping[str, str], name: str) -> str:
    return clean(fields.get(name, ""))
