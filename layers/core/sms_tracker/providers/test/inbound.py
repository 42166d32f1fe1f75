"""The built-in provider has no replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from sms_tracker.domain.errors import Unreadable


def inbound(fields: Mapping[str, str], *, received_at: str) -> NoReturn:  # noqa: ARG001 - there is no reply
    """Raises ``Unreadable``."""
    raise Unreadable("test has no replies")
