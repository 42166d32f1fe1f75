"""What MessageBird reports about a message: its status words, its error codes and the fields around them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sms_tracker.domain import cost
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.report import Report, clean
from sms_tracker.domain.status import Outcome, Status
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
"""``statusErrorCode``; docs/providers/messagebird.md says what each line rests on."""

STATUS_REASONS: dict[str, Cause] = {
    "unknown subscriber": _NO_SUBSCRIBER,
    "unavailable subscriber": _NO_ANSWER,
    "expired": (Category.TEMPORARY, Reason.EXPIRED),
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
"""``statusReason``; it decides where the code is missing or not listed. Compared as :func:`_words` returns it."""

FAILED_STATUSES: dict[Status, Cause] = {
    Status.EXPIRED: (Category.TEMPORARY, Reason.EXPIRED),
    Status.UNDELIVERED: (Category.UNKNOWN, Reason.UNKNOWN),
}
"""What a failure means without a listed code or reason."""

_NAME = "messagebird"
_READ = {"id", "status", "statusDatetime", "statusErrorCode", "mccmnc", "price[amount]", "price[currency]"}
_PERSONAL = {"recipient", "originator", "body"}


EVENT = {"event", "payload"}
"""The members of an event of Bird's Channels API (docs.bird.com), which signs as the last generation here does."""
MIDDLE_GENERATION = "signed in Bird's middle generation (Channels API), which has no messages of ours"


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """Ids and codes stay text: leading zeros and capitals are part of them."""
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
        price=cost.price(fields.get("price[amount]"), fields.get("price[currency]")),
        segments=cost.segments(fields.get("messagePartCount")),
        network=parsing.field(fields, "mccmnc") or None,
        details=parsing.details(fields, without=_READ | _PERSONAL | ({"statusReason"} if failure else set())),
        set_aside=None if word or not {name.partition("[")[0] for name in fields} >= EVENT else MIDDLE_GENERATION,
    )


def status(word: str, code: str | None) -> Status | None:  # noqa: ARG001 - no code changes a status here
    return STATUSES.get(word)


def knows(word: str) -> bool:
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
    """A failure's cause is that of its code; without a listed one, that of its reason, then of its status."""
    code, text = parsing.code(code), clean(text or "")
    reached = status(word, code)
    if reached is None or reached.outcome is not Outcome.FAILURE:
        return reached, None
    by_reason = STATUS_REASONS.get(_words(text), FAILED_STATUSES[reached])
    category, reason = DELIVERY_ERRORS.get(code or "", by_reason)
    return reached, Failure(category=category, reason=reason, code=code, message=parsing.masked(text))


def page(code: str, status: Status) -> str | None:  # noqa: ARG001 - one page lists them all
    """Only codes of delivery have one; codes of a refused request have other meanings under the same numbers."""
    return DELIVERY_ERRORS_PAGE if status in FAILED_STATUSES else None


def moment(value: str | None) -> str | None:
    """``statusDatetime`` in our form, even if an unescaped ``+`` of its offset was decoded to a space."""
    return parsing.rfc3339(re.sub(r"(T[0-9:.]+) ([0-9]{2}:?[0-9]{2})$", r"\1+\2", value)) if value else None


def _words(reason: str) -> str:
    """Without case, and as words: Bird writes ``received_network_error`` where MessageBird wrote spaces."""
    return " ".join(re.split(r"[\s_.-]+", reason.casefold())).strip()
