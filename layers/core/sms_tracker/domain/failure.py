"""Why a message did not arrive, in terms that are the same for all providers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """Whether sending the same message again can help."""

    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """The cause, the same for all providers."""

    INVALID_RECIPIENT = "invalid_recipient"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"
    OPTED_OUT = "opted_out"
    CONTENT_FILTERED = "content_filtered"
    SENDER_REJECTED = "sender_rejected"
    EXPIRED = "expired"
    CANCELED = "canceled"
    LANDLINE = "landline"
    ACCOUNT = "account"
    PROVIDER_ERROR = "provider_error"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One reported failure: our category and reason, and the provider's own code and text."""

    category: Category
    reason: Reason
    code: str | None = None
    message: str | None = None
