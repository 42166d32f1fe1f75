"""MessageBird's reports: status words, error codes and fields."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sms_tracker.domain import cost
from sms_tracker.domain.report import Report, clean
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.providers import parsing

DELIVERY_ERRORS_PAGE = (
    "https://docs.bird.com/api/channels-api/message-status-and-interactions"
    "/message-failure-sources/sms-platform-extended-error-codes"
)

UNCONFIRMED: frozenset[str] = frozenset()
STATUSES = {
    "scheduled": Status.SCHEDULED,
    "accepted": Status.ACCEPTED,
    "sent": Status.SENT,
    "buffered": Status.BUFFERED,
    "expired": Status.EXPIRED,
    "delivery_failed": Status.UNDELIVERED,
    "delivered": Status.DELIVERED,
}

Cause = tuple[Category, Reason]

_NO_SUBSCRIBER: Cause = (Category.PERMANENT, Reason.INVALID_RECIPIENT)
_NO_ANSWER: Cause = (Category.TEMPORARY, Reason.UNREACHABLE)
_NETWORK: Cause = (Category.TEMPORARY, Reason.PROVIDER_ERROR)
_OPTED_OUT: Cause = (Category.PERMANENT, Reason.OPTED_OUT)

DELIVERY_ERRORS: dict[str, Cause] = {
    "1": _NO_SUBSCRIBER,
    "2": _NO_SUBSCRIBER,
    "3": _NO_SUBSCRIBER,
    "5": _NO_SUBSCRIBER,
    "8": _NO_ANSWER,
    "9": _NO_SUBSCRIBER,
    "10": _NO_SUBSCRIBER,
    "11": _NO_SUBSCRIBER,
    "12": _NO_SUBSCRIBER,
    "26": _NO_ANSWER,
    "27": _NO_ANSWER,
    "31": _NO_ANSWER,
    "34": _NETWORK,
    "103": _OPTED_OUT,
    "104": (Category.PERMANENT, Reason.SENDER_REJECTED),
}
"""``statusErrorCode``; docs/providers/messagebird.md has the source of each line."""

STATUS_REASONS: dict[str, Cause] = {
    "unknown subscriber": _NO_SUBSCRIBER,
    "incorrect number": _NO_SUBSCRIBER,
    "unavailable subscriber": _NO_ANSWER,
    "expired": (Category.TEMPORARY, Reason.EXPIRED),
    "timeout": (Category.TEMPORARY, Reason.EXPIRED),
    "dlr not received": (Category.UNKNOWN, Reason.EXPIRED),  # it may have arrived
    "opted out": _OPTED_OUT,
    "recipient opted out": _OPTED_OUT,
    "received network error": _NETWORK,
    "system failure": _NETWORK,
    "carrier rejected": (Category.PERMANENT, Reason.BLOCKED),
    "capacity limit reached": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "insufficient balance": (Category.TEMPORARY, Reason.ACCOUNT),
    "generic delivery failure": (Category.UNKNOWN, Reason.UNKNOWN),
}
"""``statusReason``, as :func:`_words` returns it. It decides if no listed code does."""

FAILED_STATUSES: dict[Status, Cause] = {
    Status.EXPIRED: (Category.TEMPORARY, Reason.EXPIRED),
    Status.UNDELIVERED: (Category.UNKNOWN, Reason.UNKNOWN),
}
"""The cause of a failure without a listed code or reason."""

_NAME = "messagebird"
_READ = {"id", "status", "statusDatetime", "statusErrorCode", "mccmnc", "price[amount]", "price[currency]"}
_PERSONAL = {"recipient", "originator", "body"}


EVENT = {"event", "payload"}
"""The members of an event of Bird's Channels API (docs.bird.com). Its signature is valid here too."""
CHANNELS_API = "signed in Bird's middle generation (Channels API), which has no messages of ours"


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """The report in a webhook. Ids and codes stay text, to keep leading zeros and capitals."""
    word, code = parsing.field(fields, "status"), parsing.code(fields.get("statusErrorCode"))
    reached, failure = meaning(word, code, fields.get("statusReason"))
    return Report(
        provider=_NAME,
        word=word,
        status=reached,
        recognised=knows(word),
        received=received_at,
        provider_message_id=parsing.field(fields, "id") or None,
        code=code,
        failure=failure,
        occurred=moment(fields.get("statusDatetime")),
        recipient=parsing.e164(fields.get("recipient", "")),
        price=cost.parse_price(fields.get("price[amount]"), fields.get("price[currency]")),
        segments=cost.parse_segments(fields.get("messagePartCount")),
        network=parsing.field(fields, "mccmnc") or None,
        details=parsing.details(fields, without=_READ | _PERSONAL | ({"statusReason"} if failure else set())),
        set_aside=None if word or not {name.partition("[")[0] for name in fields} >= EVENT else CHANNELS_API,
    )


def status(word: str, code: str | None) -> Status | None:  # noqa: ARG001 - no code changes a status here
    return STATUSES.get(word)


def knows(word: str) -> bool:
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
    """The cause of a failure is that of its code, else of its reason, else of its status."""
    code, text = parsing.code(code), clean(text or "")
    reached = status(word, code)
    if reached is None or reached.outcome is not Outcome.FAILURE:
        return reached, None
    by_reason = STATUS_REASONS.get(_words(text), FAILED_STATUSES[reached])
    category, reason = DELIVERY_ERRORS.get(code or "", by_reason)
    return reached, Failure(category=category, reason=reason, code=code, message=parsing.masked(text))


def page(code: str, status: Status) -> str | None:  # noqa: ARG001 - one page lists them all
    """Only delivery codes have a page; codes of a refused request have the same numbers and other meanings."""
    return DELIVERY_ERRORS_PAGE if status in FAILED_STATUSES else None


def moment(value: str | None) -> str | None:
    """``statusDatetime`` in our form, even if the ``+`` of its offset was decoded to a space."""
    return parsing.rfc3339(re.sub(r"(T[0-9:.]+) ([0-9]{2}:?[0-9]{2})$", r"\1+\2", value)) if value else None


def _words(reason: str) -> str:
    """In lower case, with spaces between words: Bird writes ``received_network_error``."""
    return " ".join(re.split(r"[\s_.-]+", reason.casefold())).strip()
