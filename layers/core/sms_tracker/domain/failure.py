"""Why a message did not arrive, in terms common to all providers, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping
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


MEANING: Mapping[Reason, str] = {
    Reason.INVALID_RECIPIENT: "The number does not exist or takes no SMS. Check how it got into your data.",
    Reason.UNREACHABLE: "The handset was off or out of reach. Send again later.",
    Reason.BLOCKED: "The recipient, their carrier or a country rule blocks this message. Do not send again unchanged.",
    Reason.OPTED_OUT: "The recipient replied STOP. Do not write to them until they opt in again.",
    Reason.CONTENT_FILTERED: "A carrier took it for spam. Review the text and its links, and register the sender.",
    Reason.SENDER_REJECTED: "The sender may not be used for this recipient. Check the originator and its registration.",
    Reason.EXPIRED: "It could not be delivered within its validity. Send again if it still matters.",
    Reason.CANCELED: "It was canceled before it was sent.",
    Reason.LANDLINE: "The number is a landline. Ask for a mobile number.",
    Reason.ACCOUNT: "Our account or its configuration at the provider is at fault. Look at the provider's console now.",
    Reason.PROVIDER_ERROR: "The provider or a carrier had a fault. Send again; watch the provider's status page.",
    Reason.NOT_SENT: "No provider took it. Nothing was sent; send it again.",
    Reason.UNKNOWN: "The provider gave no usable reason. See its code in docs/providers.",
}
RETRYABLE: Mapping[Category, bool | None] = {
    Category.PERMANENT: False,
    Category.TEMPORARY: True,
    Category.UNKNOWN: None,
}
"""Whether sending the same message again may help; None if not known."""
RETRY_ADVICE: Mapping[Category, str] = {
    Category.PERMANENT: "sending again will not help",
    Category.TEMPORARY: "sending again may help",
    Category.UNKNOWN: "whether sending again helps is not known",
}
