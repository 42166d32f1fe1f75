"""Message ids: random, or derived from the client and its idempotency key."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("5f1a1c58-6f5e-5c0e-9a53-3f1d8a8f2f6b")


def keyed_message_id(stack: str, client: str, key: str) -> str:
    """UUIDv5 of stack, client and key: the same request has the same id, so the conditional put is the check.

    The stack is part of it because two stacks may share one provider account, where ids must never meet.
    """
    return str(uuid5(uuid5(uuid5(_NAMESPACE, stack), client), key))
