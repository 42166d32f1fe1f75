"""Clients of the stack's API."""

from __future__ import annotations

import httpx

from local.stack import Stack

TIMEOUT = 60.0
"""Longer than any answer may take, on a busy machine too."""


def with_key(stack: Stack, key: str | None) -> httpx.Client:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=stack.api_url, headers=headers, timeout=TIMEOUT, trust_env=False)


def of(stack: Stack, client: str, *scopes: str) -> httpx.Client:
    """A client with a new key of these scopes."""
    return with_key(stack, stack.create_key(client, scopes))
