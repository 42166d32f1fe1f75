"""What the parameter store holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Secrets and public addresses.

    ``public_base_urls``: the first is used for new callbacks, all are accepted.
    """

    credentials: Mapping[str, Mapping[str, str]]
    service_key: bytes
    public_base_urls: Sequence[str]
