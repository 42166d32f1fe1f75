"""Message ids: random, or derived from the client and its idempotency key."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("5f1a1c58-6f5e-5c0e-9a53-3f1d8a8f2f6b")


def keyed_message_id(client: str, key: str) -> str:
    """UUIDv5 of client and key: the same request has the same id, so the conditional put is the idempotency check."""
    return str(uuid5(uuid5(_NAMESPACE, client), key))
