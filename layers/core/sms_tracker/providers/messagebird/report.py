"""What a MessageBird status report says: its status words, its error codes and the fields around them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.report import Report, clean
from sms_tracker.domain.status import Outcome, Status
from sms_tracker.providers import parsing

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
    "34": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "103": (Category.PERMANENT, Reason.OPTED_OUT),
}
"""``statusErrorCode``; docs/providers/messagebird.md says what each line rests on."""

STATUS_REASONS: dict[str, Cause] = {
    "unknown subscriber": _NO_SUBSCRIBER,
    "unavailable subscriber": _NO_ANSWER,
    "expired": (Category.TEMPORARY, Reason.EXPIRED),
    "dlr not received": (Category.UNKNOWN, Reason.EXPIRED),  # nobody knows whether it arrived
}
"""``statusReason``, a fixed list of words in any case; it decides where the code is missing or not listed."""

FAILED_STATUSES: dict[Status, Cause] = {
    Status.EXPIRED: (Category.TEMPORARY, Reason.EXPIRED),
    Status.UNDELIVERED: (Category.UNKNOWN, Reason.UNKNOWN),
}
"""What a failure means that says no more than its status."""

NO_CODE = {"", "0"}
"""0 means that the network gave no code: kept as one, it would outrank a failure that has a real one later."""

_MAX_DETAILS = 40
_READ = {"id", "status", "statusDatetime", "statusErrorCode", "mccmnc", "price[amount]", "price[currency]"}
_PERSONAL = {"recipient", "originator", "body"}


def read(fields: Mapping[str, str], *, provider: str, received_at: str) -> Report:
    """Never raises. Ids and codes stay text: leading zeros and capitals are part of them."""
    word, given = _text(fields, "status"), _text(fields, "statusErrorCode")
    status, code = STATUSES.get(word), None if given in NO_CODE else given
    failure = _failure(status, code, _text(fields, "statusReason"))
    return Report(
        provider=provider,
        word=word,
        status=status,
        recognised=status is not None,
        received=received_at,
        provider_message_id=_text(fields, "id") or None,
        code=code,
        failure=failure,
        occurred=moment(fields.get("statusDatetime")),
        recipient=parsing.e164(fields.get("recipient", "")),
        price=_price(fields),
        network=_text(fields, "mccmnc") or None,
        details=_details(fields, without=_READ | _PERSONAL | ({"statusReason"} if failure else set())),
    )


def moment(value: str | None) -> str | None:
    """``statusDatetime`` in our form, also when an unescaped ``+`` of its offset was decoded to a space."""
    return parsing.rfc3339(re.sub(r"(T[0-9:.]+) ([0-9]{2}:?[0-9]{2})$", r"\1+\2", value)) if value else None


def _failure(status: Status | None, code: str | None, status_reason: str) -> Failure | None:
    if status is None or status.outcome is not Outcome.FAILURE:
        return None
    by_reason = STATUS_REASONS.get(status_reason.lower(), FAILED_STATUSES[status])
    category, reason = DELIVERY_ERRORS.get(code or "", by_reason)
    return Failure(category=category, reason=reason, code=code, message=parsing.masked(status_reason))


def _price(fields: Mapping[str, str]) -> str | None:
    amount, currency = _text(fields, "price[amount]"), _text(fields, "price[currency]")
    return clean(f"{amount} {currency}".strip()) if amount else None


def _details(fields: Mapping[str, str], *, without: set[str]) -> dict[str, str]:
    """The fields that say more: at most 40, so that a record stays small.

    A blank name is left out: it cannot be stored.
    """
    others = ((clean(name), clean(value)) for name, value in fields.items() if name not in without)
    further = (pair for pair in others if pair[0])
    return dict(islice(further, _MAX_DETAILS))


def _text(fields: Mapping[str, str], name: str) -> str:
    return clean(fields.get(name, ""))
