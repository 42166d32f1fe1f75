"""What is handed to a provider, and what can come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sms_tracker.domain.failure import Failure
    from sms_tracker.domain.segments import Encoding
    from sms_tracker.domain.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message for one attempt, already validated.

    ``to`` is E.164; ``sender`` is E.164, a short code, at most 11 alphanumerics, or a provider's own
    sender (Twilio's ``MG…`` messaging service); ``validity_seconds`` is 1..36000 or None for the provider's default.
    ``token`` is our HMAC over id and attempt, which comes back in the reports of providers that keep metadata;
    ``category`` is why it is sent, in the provider's word, where the provider asks for one.
    """

    message_id: str
    attempt: int
    to: str = field(repr=False)
    sender: str = field(repr=False)
    body: str = field(repr=False)
    encoding: Encoding
    validity_seconds: int | None = None
    token: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider took it and named it.

    ``word`` is the provider's status word at acceptance and ``status`` what it maps to (ACCEPTED where the
    answer gave no readable one); ``failure`` is there where that status is one already, with its code if the answer
    names it; ``warning`` says what in the answer was not as expected.
    """

    provider_message_id: str
    word: str
    status: Status
    failure: Failure | None = None
    occurred: str | None = None
    warning: str | None = None


class Fault(StrEnum):
    """Who has to change something before the same request can succeed.

    SENDER is the caller where the request names the sender, else the operator, who set the default.
    """

    CALLER = "caller"
    ACCOUNT = "account"
    SENDER = "sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The provider said no for good: nothing was sent. ``failure`` holds its code and text."""

    failure: Failure
    fault: Fault

    def is_callers(self, *, default_sender: bool) -> bool:
        """Whether the caller has to correct it: never where it is about what the request did not supply."""
        return self.fault is Fault.CALLER or (self.fault is Fault.SENDER and not default_sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotProcessed:
    """The provider certainly did not take it; the same request may be made again.

    ``retry_after`` is seconds where the provider said so; ``soon`` is False when trying again within
    seconds is pointless (a daily limit).
    """

    reason: str
    code: str | None = None
    retry_after: float | None = None
    soon: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown:
    """It may or may not have been sent; it must be looked up, never sent again blindly."""

    reason: str


SendOutcome = Accepted | Refused | NotProcessed | OutcomeUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchMessage:
    """The provider answered that it has no such message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupFailed:
    """The provider's record could not be read this time. ``reason`` is safe to log."""

    reason: str
    retry_after: float | None = None
