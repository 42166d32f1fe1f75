"""The built-in provider calls no webhook: the service queues its reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.providers.base import Key

if TYPE_CHECKING:
    from datetime import datetime

    from sms_tracker.domain.http import HttpRequest


def verify(request: HttpRequest, *, secrets: Sequence[Key], now: datetime) -> NoReturn:  # noqa: ARG001 - none can be right
    """Raise ``InvalidSignature``: a request that claims to be a webhook of this provider is forged."""
    raise InvalidSignature("test has no webhook")
