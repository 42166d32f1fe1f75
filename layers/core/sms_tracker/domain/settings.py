"""What the parameter store holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_AROUND = r"[\s\ufeff\u200b-\u200f\u2060\"'`\u2018-\u201f\u00ab\u00bb]+"
"""What copying, a shell or an editor leaves around a value: white space, invisible marks, quotes."""
_ENDS = re.compile(rf"\A{_AROUND}|{_AROUND}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Secrets and public addresses.

    ``public_base_urls``: the first is used for new callbacks, all are accepted.
    """

    credentials: Mapping[str, Mapping[str, str]]
    service_key: bytes
    public_base_urls: Sequence[str]


def trimmed(value: str) -> str:
    """A secret or an address without white space, invisible marks and quotes around it: no key has any there."""
    return _ENDS.sub("", value)
