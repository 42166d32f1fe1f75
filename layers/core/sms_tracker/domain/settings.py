"""Settings in Parameter Store (secrets, addresses, limits), and the choices of template parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sms_tracker.domain.limits import SendLimits


class TextRetention(StrEnum):
    """How long a message's text is stored."""

    NONE = "none"
    UNTIL_FINAL = "until_final"
    RECORD = "record"


class ScopeMode(StrEnum):
    """The scope of each opt-out (parameter ``OptOutScope``); ``off`` disables opt-outs."""

    OFF = "off"
    SENDER = "sender"
    CLIENT = "client"
    ALL = "all"


class PriceLookup(StrEnum):
    """Which final messages without a price are looked up: none, one in 16, or all."""

    OFF = "off"
    SAMPLE = "sample"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Secrets, public addresses, and optional settings of some functions.

    New callbacks use the first of ``public_base_urls``; all are accepted. ``senders``: by provider, the sender of each
    country (ISO 3166, or ``*`` for the others). ``limits`` is None if there are none.
    """

    credentials: Mapping[str, Mapping[str, str]]
    service_key: bytes
    public_base_urls: Sequence[str]
    senders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    limits: SendLimits | None = None


_AROUND = r"[\s\ufeff\u200b-\u200f\u2060\"'`\u2018-\u201f\u00ab\u00bb]+"
"""Left around a value by copying, a shell or an editor."""
_ENDS = re.compile(rf"\A{_AROUND}|{_AROUND}\Z")


def trimmed(value: str) -> str:
    """The value without surrounding white space, invisible marks and quotes."""
    return _ENDS.sub("", value)
