"""The indexes of the table ``messages``: their keys, and their partitions in search order."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index; ``key`` is its partition key, ``sort`` its sort key (None: it has none)."""

    name: str
    key: str
    sort: str | None


BY_RECIPIENT = Index(name="by_recipient", key="to", sort="created_at")
BY_REFERENCE = Index(name="by_reference", key="client_reference", sort="created_at")
BY_PROVIDER_ID = Index(name="by_provider_id", key="provider_key", sort=None)
BY_TIME = Index(name="by_time", key="time_shard", sort="created_at")
BY_ATTENTION = Index(name="by_attention", key="attention", sort="due_at")


SHARDS = 16
"""Partitions of each time index, so that no key is hot."""


def shard(message_id: str) -> str:
    """The shard of an id, as two digits; evenly spread."""
    return f"{hashlib.sha256(message_id.encode()).digest()[0] % SHARDS:02d}"


def time_shard(created_at: str, message_id: str) -> str:
    """A key of by_time: the day and one of its shards."""
    return f"{created_at[:10]}#{shard(message_id)}"


def open_shard(number: int) -> str:
    """A key of by_attention for messages without a final report: one of the shards."""
    return f"open#{number:02d}"


def failed_shard(at: str, message_id: str) -> str:
    """A key of by_attention for a failure: the month and one of its shards."""
    return f"failed#{at[:7]}#{shard(message_id)}"


def provider_keys(provider: str, provider_message_id: str) -> tuple[str, ...]:
    """The keys of a provider's id in by_provider_id: the one to write, then the one in older items if it differs."""
    return _index_keys(f"{provider}#{provider_message_id}")


def client_references(client: str, reference: str) -> tuple[str, ...]:
    """The keys of a client's reference in by_reference: as for :func:`provider_keys`."""
    return _index_keys(f"{client}#{reference}")


_LONGEST = 40
"""The longest index key stored as it is, in characters. A longer one is stored as its hash (ADR 18)."""


def _index_keys(text: str) -> tuple[str, ...]:
    if len(text) <= _LONGEST:
        return (text,)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(digest[:9]).decode(), text


EARLIEST = "2000-01-01T00:00:00.000Z"
"""Older than any message: the lower end of every search."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A position in a list sorted newest first: the sort key's value, then the message id."""

    at: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span of time: RFC 3339, both ends included."""

    since: str
    until: str


def days(span: Span) -> Iterator[tuple[str, ...]]:
    """The keys of by_time for a span, one group a day, newest day first."""
    for day in _dates(span):
        yield tuple(f"{day.isoformat()}#{shard:02d}" for shard in range(SHARDS))


def months(span: Span) -> Iterator[tuple[str, ...]]:
    """The keys of by_attention for failures in a span, one group a month, newest first."""
    for month in dict.fromkeys(day.isoformat()[:7] for day in _dates(span)):
        yield tuple(f"failed#{month}#{shard:02d}" for shard in range(SHARDS))


def _dates(span: Span) -> Iterator[date]:
    first, day = date.fromisoformat(span.since[:10]), date.fromisoformat(span.until[:10])
    while day >= first:
        yield day
        day -= timedelta(days=1)
