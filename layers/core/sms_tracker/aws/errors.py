"""What botocore raises, in our words: unavailable for now, or rejected for good."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from sms_tracker.domain.errors import Rejected, SmsTrackerError, Unavailable

_FOR_GOOD = frozenset(
    {
        "ValidationException",
        "ValidationError",
        "SerializationException",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "InvalidParameterException",
    }
)
"""Refusals of the call as such. What looks like configuration (access denied, no such table) can be put right while the
message waits, so it counts as unavailable."""


def translate(call: str, error: ClientError | BotoCoreError) -> SmsTrackerError:
    """The error to raise for ``error``; names the call and AWS's code, nothing of the payload."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "unknown")
        return (Rejected if code in _FOR_GOOD else Unavailable)(f"{call}: {code}")
    kind = Rejected if isinstance(error, ParamValidationError) else Unavailable
    return kind(f"{call}: {type(error).__name__}")
