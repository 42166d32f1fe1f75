"""The statuses of a message and the order between them."""

from __future__ import annotations

from enum import StrEnum

MAX_ATTEMPT = 19
"""Attempts are 1..19; :func:`order` depends on it."""
CORRECTIONS = "corrections"
"""A further word of PUBLISHED_STATUSES: a success after a failure or after ``unknown``."""


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


def order(status: Status, attempt: int) -> int:
    """The order of a report within its message. The report with the highest order has the message's status.

    A later attempt outranks an earlier one, except that proof of delivery beats any attempt.
    """
    if status.outcome is Outcome.SUCCESS:
        return 1000 + 20 * status.rank + attempt
    return 20 * attempt + status.rank
