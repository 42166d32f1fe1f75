"""Why a message did not arrive, in words that do not depend on the provider."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """Whether sending the same message again could help."""

    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """What went wrong, across providers."""

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
    """One failure as reported: our category and reason, the provider's own code and text."""

    category: Category
    reason: Reason
    code: str | None = None
    message: str | None = None
