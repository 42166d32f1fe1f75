"""Events of the built-in provider: its words are our statuses, its codes our reasons."""

from __future__ import annotations

from collections.abc import Mapping

from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Outcome, Status
from sms_tracker.providers import parsing

STATUSES: dict[str, Status | None] = {
    "accepted": Status.ACCEPTED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "expired": Status.EXPIRED,
    "canceled": Status.CANCELED,
    "unconfirmed": Status.UNKNOWN,  # a carrier took it, and no handset confirms
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
"""Each is the name of its reason."""

_READ = {"id", "status", "code", "message", "at", "context[message_id]", "context[attempt]", "context[token]"}


def report(fields: Mapping[str, str], *, received_at: str) -> Report:
    """What an event says; never raises."""
    word, code = parsing.field(fields, "status"), parsing.code(fields.get("code"))
    known, failure = meaning(word, code, parsing.field(fields, "message"))
    return Report(
        provider="test",
        word=word,
        status=known,
        recognised=knows(word),
        received=received_at,
        provider_message_id=parsing.field(fields, "id") or None,
        code=code,
        failure=failure,
        occurred=parsing.rfc3339(fields.get("at")),
        details=parsing.details(fields, without=_READ),
    )


def status(word: str, code: str | None) -> Status | None:  # noqa: ARG001 - the word decides
    """What a word maps to; None for an unknown one."""
    return STATUSES.get(word)


def knows(word: str) -> bool:
    """Whether it is in the table."""
    return word in STATUSES


def meaning(word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
    """Status and failure of a word, with the code and the text beside it."""
    known = STATUSES.get(word)
    if known is None or known.outcome is not Outcome.FAILURE:
        return known, None
    return known, failure(code, text)


def failure(code: str | None, text: str | None) -> Failure:
    """The failure that a code describes."""
    category, reason = Category.UNKNOWN, Reason.UNKNOWN
    if code in CODES:
        category, reason = CODES[code][0], Reason(code)
    return Failure(category=category, reason=reason, code=code, message=parsing.masked(text))


def page(code: str, status: Status) -> str | None:  # noqa: ARG001 - no code has a page
    """None: docs/test-keys.md lists the numbers."""
    return None
