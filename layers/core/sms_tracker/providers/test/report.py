"""Events of the built-in provider: its words are our statuses, its codes our reasons."""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.providers import parsing

STATUSES: dict[str, Status | None] = {
    "accepted": Status.ACCEPTED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "expired": Status.EXPIRED,
    "canceled": Status.CANCELED,
    "unconfirmed": Status.UNKNOWN,  # accepted by a carrier, never confirmed
}

UNCONFIRMED = frozenset({"unconfirmed"})

CODES: dict[str, tuple[Category, str]] = {
    "account": (Category.PERMANENT, "The account may not send"),
    "blocked": (Category.PERMANENT, "The carrier blocks the message"),
    "canceled": (Category.PERMANENT, "The message was canceled"),
    "content_filtered": (Category.PERMANENT, "The carrier filters this text"),
    "expired": (Category.TEMPORARY, "The validity ran out"),
    "invalid_recipient": (Category.PERMANENT, "The number is not in service"),
    "landline": (Category.PERMANENT, "The number is a landline"),
    "provider_error": (Category.TEMPORARY, "The network gave up"),
    "sender_rejected": (Category.PERMANENT, "The carrier refuses the sender"),
    "unreachable": (Category.TEMPORARY, "The handset cannot be reached"),
}
"""By code, which is the reason's name."""

_READ = {"id", "status", "code", "message", "at", "context[message_id]", "context[attempt]", "context[token]"}


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """The report in an event; never raises."""
    word, code = parsing.field(fields, "status"), parsing.code(fields.get("code"))
    reached, failure = meaning(word, code, parsing.field(fields, "message"))
    return Report(
        provider="test",
        word=word,
        status=reached,
        recognised=knows(word),
        received=received_at,
        provider_message_id=parsing.field(fields, "id") or None,
        code=code,
        failure=failure,
        occurred=parsing.rfc3339(fields.get("at")),
        details=parsing.details(fields, without=_READ),
    )


def status(word: str, code: str | None) -> Status | None:  # noqa: ARG001 - the word decides
    """The status of a word; None if it is unknown."""
    return STATUSES.get(word)


def knows(word: str) -> bool:
    """Whether ``STATUSES`` has the word."""
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
    """Status and failure of a word with its code and text."""
    reached = STATUSES.get(word)
    if reached is None or reached.outcome is not Outcome.FAILURE:
        return reached, None
    return reached, failure(code, text)


def failure(code: str | None, text: str | None) -> Failure:
    """The failure of a code."""
    category, reason = (CODES[code][0], Reason(code)) if code in CODES else (Category.UNKNOWN, Reason.UNKNOWN)
    return Failure(category=category, reason=reason, code=code, message=parsing.masked(text))


def page(code: str, status: Status) -> str | None:  # noqa: ARG001 - no code has a page
    """None: codes have no page."""
    return None
