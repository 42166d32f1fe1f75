"""The statuses of a message and the order between them, and why a message failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Whether the message arrived."""

    OPEN = "open"
    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """The status of a message, the same for all providers. docs/providers lists the words that map to each."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    SENDING = "sending"
    SENT = "sent"
    BUFFERED = "buffered"
    UNKNOWN = "unknown"
    CANCELED = "canceled"
    EXPIRED = "expired"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    READ = "read"

    @property
    def rank(self) -> int:
        """Position in the order of statuses, 0..12."""
        return _RANK[self]

    @property
    def final(self) -> bool:
        """Whether no further report is expected."""
        return self.outcome is not Outcome.OPEN

    @property
    def outcome(self) -> Outcome:
        """Success, failure, unknown, or still open."""
        return _OUTCOME.get(self, Outcome.OPEN)


_RANK = {status: rank for rank, status in enumerate(Status)}
_OUTCOME = {
    Status.UNKNOWN: Outcome.UNKNOWN,
    Status.CANCELED: Outcome.FAILURE,
    Status.EXPIRED: Outcome.FAILURE,
    Status.FAILED: Outcome.FAILURE,
    Status.UNDELIVERED: Outcome.FAILURE,
    Status.DELIVERED: Outcome.SUCCESS,
    Status.READ: Outcome.SUCCESS,
}


CORRECTIONS = "corrections"
"""A further word of ``PublishedStatuses``: a success after a failure or after ``unknown``."""


MAX_ATTEMPT = 19
"""Attempts are 1..19; :func:`order` depends on it."""


def order(status: Status, attempt: int) -> int:
    """The order of a report within its message. The report with the highest order has the message's status.

    A later attempt outranks an earlier one, except that proof of delivery beats any attempt.
    """
    if status.outcome is Outcome.SUCCESS:
        return 1000 + 20 * status.rank + attempt
    return 20 * attempt + status.rank


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


REASON_MEANINGS: Mapping[Reason, str] = {
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
"""What each reason means and what to do, for people."""
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
""":data:`RETRYABLE` for people."""
