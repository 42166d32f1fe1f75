"""Events of AWS End User Messaging SMS: their status words and their fields.

The stored word is the event's type without ``TEXT_``, with its finality:

    UNREACHABLE            AWS keeps trying: no effect
    UNREACHABLE.final      AWS gave up
    SUCCESSFUL.delivered   final, in a country of ``AwsCarrierAccepted``
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sms_tracker.domain import cost
from sms_tracker.domain.report import Report, clean, timestamp
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.providers import parsing

FINAL, COUNTED_AS_DELIVERED = ".final", ".delivered"

CARRIER_ACCEPTED = "context[carrier_accepted]"
"""The countries of ``AwsCarrierAccepted`` when the message was sent, separated by commas."""

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
"""Failure words. Each is also the failure's code, because AWS has no other."""

STATUSES: dict[str, Status | None] = {
    "ACCEPTED": Status.ACCEPTED,  # for the answer to a send, which has no word
    "QUEUED": Status.ACCEPTED,
    "QUEUED.final": Status.ACCEPTED,
    "PENDING": Status.SENDING,
    "PENDING.final": Status.SENDING,
    "SENT": Status.SENT,
    "SENT.final": Status.SENT,
    "SUCCESSFUL": Status.SENT,  # accepted by the carrier
    "SUCCESSFUL.final": Status.UNKNOWN,  # … and no handset confirms it
    "SUCCESSFUL.delivered": Status.DELIVERED,  # … which counts as delivery in this country
    "DELIVERED": Status.DELIVERED,
    "DELIVERED.final": Status.DELIVERED,
    "UNKNOWN": None,
    "UNKNOWN.final": Status.UNKNOWN,
    **dict.fromkeys(FAILURES),
    **{word + FINAL: status for word, (status, *_) in FAILURES.items()},
}

UNCONFIRMED = frozenset({"SUCCESSFUL.final"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = {"eventType", "messageStatus", "isFinal", "eventTimestamp", "messageId", "mcc", "mnc"}
_READ |= {"totalMessagePrice", "totalCarrierFee"}
_PERSONAL = {"destinationPhoneNumber", "originationPhoneNumber", "messageBody"}


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """The report in an event; never raises."""
    word, description = _word(fields), parsing.field(fields, "messageStatusDescription")
    reached, failure = meaning(word, None, description)
    used = _READ | _PERSONAL | ({"messageStatusDescription"} if failure else set())
    used |= {name for name in fields if name.startswith("context[")}
    return Report(
        provider="aws",
        word=word,
        status=reached,
        recognised=knows(word),
        received=received_at,
        provider_message_id=parsing.field(fields, "messageId") or None,
        code=failure.code if failure else None,
        failure=failure,
        occurred=_moment(parsing.field(fields, "eventTimestamp")),
        recipient=parsing.e164(fields.get("destinationPhoneNumber", "")),
        price=_price(fields),
        segments=cost.parse_segments(fields.get("totalMessageParts")),
        network=clean(fields.get("mcc", "") + fields.get("mnc", "")) or None,
        details=parsing.details(fields, without=used),
    )


def status(word: str, code: str | None) -> Status | None:  # noqa: ARG001 - the code is the word
    """The status of a stored word; None for one without effect."""
    return STATUSES.get(word)


def knows(word: str) -> bool:
    """Whether ``STATUSES`` has the word."""
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
    """Status and failure of a stored word."""
    reached, code = STATUSES.get(word), word.removesuffix(FINAL)
    if reached is None or reached.outcome is not Outcome.FAILURE:
        return reached, None
    _, category, reason = FAILURES[code]
    return reached, Failure(category=category, reason=reason, code=code, message=parsing.masked(text))


def page(code: str, status: Status) -> str | None:  # noqa: ARG001 - one page lists them all
    """AWS's list of events; None for refusals, which have no page."""
    return EVENTS_PAGE if code in FAILURES else None


EVENTS_PAGE = "https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-types.html"


def _word(fields: Mapping[str, str]) -> str:
    """The event's word with its finality; ``messageStatus`` if it has no type."""
    word = parsing.field(fields, "eventType").removeprefix("TEXT_") or parsing.field(fields, "messageStatus")
    if not word or parsing.field(fields, "isFinal") != "true":
        return word
    country, carrier_accepted = fields.get("isoCountryCode", ""), fields.get(CARRIER_ACCEPTED, "").split(",")
    is_delivered = word == "SUCCESSFUL" and country != "" and country in carrier_accepted
    return clean(word + (COUNTED_AS_DELIVERED if is_delivered else FINAL))


def _moment(milliseconds: str) -> str | None:
    """Milliseconds since 1970 as RFC 3339; any other text stays as it is."""
    try:
        return timestamp(_EPOCH + timedelta(milliseconds=int(milliseconds)))
    except (ValueError, OverflowError):
        return milliseconds or None


def _price(fields: Mapping[str, str]) -> cost.Price | None:
    """Price and carrier fee of all parts, in US dollars; None for 0, which means that it is not known yet."""
    total = cost.total(cost.parse_price(fields.get(name), "USD") for name in ("totalMessagePrice", "totalCarrierFee"))
    return None if total is None or total.amount == "0" else total
