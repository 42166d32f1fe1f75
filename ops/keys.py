"""API keys: what a client is given, and what the state table keeps of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from sms_tracker.aws.items import Item, marshal
from sms_tracker.aws.keys import key_id

PREFIX = "smst_"
"""Lets a secret scanner recognise a key that leaked."""

_ENDS = 4
"""Characters of a key that are kept, so that whoever holds it can say which it is; 232 bits stay unknown."""

SCOPES = frozenset({"send", "read", "admin"})


def client_name(text: str) -> str:
    """A new client's name as it is; raises ``ValueError`` for another than 1 to 64 of ``A-Za-z0-9._-``."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError(f"{text!r} is no client's name: 1 to 64 letters, digits, dots, hyphens or underscores")
    return text


def scope_names(text: str) -> frozenset[str]:
    """Scopes as an operator lists them, separated by commas; raises ``ValueError`` for any that does not exist."""
    found = [each.strip() for each in text.split(",")]
    for each in found:
        if each not in SCOPES:
            raise ValueError(f"{each!r} in {text!r} is no scope: write one or more of {','.join(sorted(SCOPES))}")
    return frozenset(found)


def new_key(
    client: str, scopes: Iterable[str], *, expires_at: int | None = None, created_at: str | None = None
) -> tuple[str, Item]:
    """A fresh 256-bit key and its item for the state table; ``expires_at`` is epoch seconds, ``created_at`` RFC 3339.

    The key cannot be had again from the item. Raises ``ValueError`` for a scope that does not exist.
    """
    wanted = frozenset(scopes)
    if not client or not wanted or not wanted <= SCOPES:
        raise ValueError(f"a key needs a client name and scopes out of {', '.join(sorted(SCOPES))}")
    key = PREFIX + secrets.token_urlsafe(32)
    values = {
        "pk": key_id(key),
        "client": client,
        "scopes": wanted,
        "ends": key[-_ENDS:],
        "created_at": created_at,
        "expires_at": expires_at,
    }
    return key, marshal(values)
