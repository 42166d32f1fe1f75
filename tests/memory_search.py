"""The search port in memory, with its least convenient guarantees: small pages, split anywhere."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from sms_tracker.aws.items import attention
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.indexes import (
    BY_ATTENTION,
    BY_PROVIDER_ID,
    BY_RECIPIENT,
    BY_REFERENCE,
    BY_TIME,
    Index,
    Position,
    Span,
    client_references,
    provider_keys,
    time_shard,
)
from sms_tracker.domain.ports import OnUnreadable, Search
from sms_tracker.domain.record import Record
from sms_tracker.read.list_query import ListQuery, encoded_cursor
from sms_tracker.read.list_query import read_query as read
from sms_tracker.read.search import SearchQuery, find_page
from tests.fakes import START


@dataclass
class MemorySearch:
    """``stored`` are all records, ``page`` is the number of keys in one read. A failure is due when it was updated.

    ``reads`` counts pages, ``looked_at`` ids of read records. ``error`` is raised by every call; ``unreadable`` ids
    have damaged records.
    """

    stored: Sequence[Record]
    page: int = 100
    error: Exception | None = None
    unreadable: Collection[str] = ()
    reads: int = 0
    looked_at: int = 0
    _partitions: dict[tuple[str, str], list[Position]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for name, partition, position in _entries(self.stored):
            self._partitions[name, partition].append(position)
        for positions in self._partitions.values():
            positions.sort(key=_arbitrary_among_equals, reverse=True)

    def keys(
        self, index: Index, partition: str, *, span: Span | None, client: str | None
    ) -> tuple[list[Position], str | None]:
        self._answer()
        self.reads += 1
        clients = {record.message_id: record.client for record in self.stored} if index is BY_TIME else {}
        positions = iter([p for p in self._partitions[index.name, partition] if _within(p, span)])
        found: list[Position] = []
        while True:
            page = list(islice(positions, self.page))
            found += page
            # DynamoDB also returns a last key if the last item exactly fills a page.
            reach = page[-1].at if len(page) == self.page else None
            if reach is None or (index.sort and (span is None or reach < span.until)):
                return [p for p in found if client is None or clients.get(p.message_id, client) == client], reach

    def records(self, message_ids: Sequence[str], *, on_unreadable: OnUnreadable | None = None) -> list[Record]:
        self._answer()
        assert len(set(message_ids)) == len(message_ids)
        self.looked_at += len(message_ids)
        found = [record for record in self.stored if record.message_id in set(message_ids)]
        for record in found:
            if record.message_id in self.unreadable:
                error = Unavailable(f"record {record.message_id} cannot be read: KeyError")
                if on_unreadable is None:
                    raise error
                on_unreadable(record.message_id, error)
        return [record for record in found if record.message_id not in self.unreadable]

    def _answer(self) -> None:
        if self.error is not None:
            raise self.error


def _within(position: Position, span: Span | None) -> bool:
    assert span is None or span.since <= span.until, "DynamoDB refuses BETWEEN with its ends swapped"
    return span is None or span.since <= position.at <= span.until


def _arbitrary_among_equals(position: Position) -> tuple[str, bytes]:
    return position.at, hashlib.sha256(position.message_id.encode()).digest()


def _entries(stored: Iterable[Record]) -> Iterator[tuple[str, str, Position]]:
    """Index, partition and position of every record."""
    for record in stored:
        message_id, created_at, state = record.message_id, record.created_at, record.state
        created = Position(created_at, message_id)
        yield BY_RECIPIENT.name, record.to, created
        yield BY_TIME.name, time_shard(created_at, message_id), created
        if record.reference:
            yield BY_REFERENCE.name, client_references(record.client, record.reference)[0], created
        if state.provider_message_id:
            yield (
                BY_PROVIDER_ID.name,
                provider_keys(state.provider, state.provider_message_id)[0],
                Position("", message_id),
            )
        due = attention(state, message_id, record.updated_at)
        if due:
            yield BY_ATTENTION.name, due, Position(record.updated_at, message_id)


def walk(search: Search, criteria: SearchQuery) -> list[Record]:
    """All pages, following cursors in their text form, as a client does."""
    found: list[Record] = []
    for _ in range(500):
        page = find_page(search, criteria)
        assert len(page.records) <= criteria.limit
        found += page.records
        if page.after is None:
            return found
        after = read(
            {"cursor": encoded_cursor(page.after, ListQuery().digest)}, client=criteria.client, now=START
        ).after
        assert after is not None
        assert criteria.after is None or after < criteria.after, "a page must advance the cursor"
        criteria = replace(criteria, after=after)
    raise AssertionError("the list does not end")
