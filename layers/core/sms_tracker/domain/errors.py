"""The errors that callers handle, as one tree.

    SmsTrackerError
    ├── InvalidSignature      a webhook without a valid signature or token       403
    ├── Unreadable            a webhook that is signed but cannot be read        400
    ├── InvalidMessage        a send request with wrong fields                   400
    ├── UnknownProvider       no adapter of that name                            404
    ├── Misconfigured         settings or secrets missing or malformed
    │   └── NoSender          no sender for the recipient's country              502
    ├── Rejected              AWS refuses this call permanently
    └── Unavailable           AWS or a provider failed               (retryable) 503
        └── Throttled         AWS asks for fewer calls               (retryable) 503

``retryable``: the same call may succeed later. Callers branch on the class and on this attribute, never on the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class SmsTrackerError(Exception):
    """The root. The text of each error is safe to log: it has no phone number, message text or secret."""

    retryable = False


class InvalidSignature(SmsTrackerError):
    """No accepted key signed this request."""


class Unreadable(SmsTrackerError):
    """The request's body or query cannot be decoded into fields."""


class UnknownProvider(SmsTrackerError):
    """There is no provider of that name."""


class Misconfigured(SmsTrackerError):
    """Settings or secrets are missing or malformed; the text names them and shows no value."""


class NoSender(Misconfigured):
    """The request names no sender, and the operator set none for the provider and the recipient's country."""

    def __init__(self, provider: str) -> None:
        super().__init__(f"{provider} has no sender for the recipient's country")
        self.provider = provider


class Rejected(SmsTrackerError):
    """AWS refused the call itself (validation, size): the same call can never succeed."""


class Unavailable(SmsTrackerError):
    """A service did not respond, or refused temporarily."""

    retryable = True


class Throttled(Unavailable):
    """A service accepts no more calls at present."""


class FieldError(NamedTuple):
    """One field of a request, and what is wrong with it in the caller's terms."""

    field: str
    message: str


class InvalidMessage(SmsTrackerError):
    """A send request whose fields cannot be accepted."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("invalid: " + ", ".join(error.field for error in errors))
        self.errors = tuple(errors)
