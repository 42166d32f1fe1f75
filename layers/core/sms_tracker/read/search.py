"""Search messages by recipient, reference, provider id, status or time, newest first, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from sms_tracker import providers
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
    days,
    months,
    provider_keys,
)
from sms_tracker.domain.ports import OnUnreadable, Search
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import spellings
from sms_tracker.domain.status import Outcome, Reason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """The criteria. A record must match all of them.

    ``client`` is None for all clients. ``span`` limits the time of creation, ``to`` is any spelling of an E.164 number,
    ``provider`` and ``reason`` are those of the current status, ``after`` is the end of the previous page, ``now`` is
    RFC 3339. ``parameters`` is a digest of the request's parameters. ``test``: only messages of test keys, otherwise
    only others.
    """

    client: str | None
    now: str
    span: Span
    limit: int
    to: str | None = None
    reference: str | None = None
    provider_message_id: str | None = None
    statuses: frozenset[Status] = frozenset(Status)
    provider: str | None = None
    reason: Reason | None = None
    after: Position | None = None
    parameters: str = ""
    test: bool = False

    def matches(self, record: Record) -> bool:
        """Whether the record matches. Indexes lag, and have keys only."""
        failure = record.state.shown_failure
        return (
            record.test == self.test
            and self.client in (None, record.client)
            and (self.to is None or record.to in spellings(self.to))
            and self.reference in (None, record.reference)
            and self.provider_message_id in (None, *record.state.ids.values())
            and record.state.status in self.statuses
            and self.provider in (None, record.state.provider)
            and self.reason in (None, failure and failure.reason)
            and self.span.since <= record.created_at <= self.span.until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Records newest first. ``after`` continues the list, None at its end."""

    records: tuple[Record, ...]
    after: Position | None


def index_for(criteria: SearchQuery) -> Index:
    """The index with the fewest keys for these criteria."""
    if criteria.provider_message_id is not None:
        return BY_PROVIDER_ID
    if criteria.reference is not None:
        return BY_REFERENCE
    if criteria.to is not None:
        return BY_RECIPIENT
    if all(status.outcome is Outcome.FAILURE for status in criteria.statuses):
        return BY_ATTENTION
    return BY_TIME


_READS_A_PAGE = 31
"""Days or months that one page may read, each by 16 queries. A page that ends there is short and has a cursor."""
_RECORDS_A_PAGE = 1000
"""Records that one page may read, because a rare status may match none."""


def find_page(search: Search, criteria: SearchQuery, on_unreadable: OnUnreadable | None = None) -> Results:
    """One page of at most ``criteria.limit`` records.

    A page may be short, even empty, and still not be the last: it reads a limited number of keys and records.
    ``on_unreadable`` receives each record that is left out because it cannot be read. Raises ``Unavailable``.
    """
    found, read = list[Record](), 0
    if not criteria.statuses:
        return Results(records=(), after=None)
    walk = _walk(search, index_for(criteria), criteria)
    for keys, reach in islice(walk, _READS_A_PAGE):
        for chunk in _chunks(keys, criteria.limit):
            for record, position in _records(search, chunk, criteria, on_unreadable):
                found.append(record)
                if len(found) == criteria.limit:
                    return Results(records=tuple(found), after=position)
            read += len(chunk)
            if read >= _RECORDS_A_PAGE:
                return Results(records=tuple(found), after=chunk[-1])
        after = reach
    return Results(records=tuple(found), after=None if next(walk, None) is None else after)


_END = "~"
"""Sorts after every time and every id."""


def _walk(search: Search, index: Index, criteria: SearchQuery) -> Iterator[tuple[list[Position], Position]]:
    """Pages of keys, newest first, each with the position down to which all keys were read."""
    after = criteria.after or Position(_END, "")
    if index.sort and after.at < criteria.span.since:  # a cursor of another search
        return
    for start, partitions in _groups(index, criteria, after):
        while True:
            keys, complete_to = _next_keys(search, index, partitions, criteria, after)
            # The position after all keys of the group, or before the first key at ``complete_to``.
            after = Position(start, "") if complete_to is None else Position(complete_to, _END)
            yield keys, after
            if complete_to is None:
                break


_MIDNIGHT = "T00:00:00.000Z"


def _groups(index: Index, criteria: SearchQuery, after: Position) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The partitions to read together, the newest first, each group with its earliest time."""
    newest = criteria.now if index is BY_ATTENTION else criteria.span.until
    span = replace(criteria.span, until=min(newest, after.at))
    if index is BY_TIME:
        yield from ((f"{group[0].split('#')[0]}{_MIDNIGHT}", group) for group in days(span))
    elif index is BY_ATTENTION:
        yield from ((f"{group[0].split('#')[1]}-01{_MIDNIGHT}", group) for group in months(span))
    elif index is BY_RECIPIENT:
        yield "", spellings(criteria.to or "")
    elif index is BY_REFERENCE:
        yield "", client_references(criteria.client or "", criteria.reference or "")
    else:
        known = criteria.provider_message_id or ""
        yield "", tuple(key for name in providers.all_names() for key in provider_keys(name, known))


def _next_keys(
    search: Search, index: Index, partitions: tuple[str, ...], criteria: SearchQuery, after: Position
) -> tuple[list[Position], str | None]:
    """The next keys of all partitions, and the time down to which they are complete (without it), None at the end.

    Each call reads one page of every partition. The page that reaches least far limits the result::

        one page      12:09  12:08  12:05    reaches 12:05: more keys of 12:05 may follow
        another page  12:07  12:02  12:01    reaches 12:01
        the result    12:09  12:08  12:07    complete to 12:05; the next call reads 12:05, 12:02, 12:01 again
    """
    newest = _END if index is BY_ATTENTION else criteria.span.until
    span = replace(criteria.span, until=min(newest, after.at)) if index.sort else None
    pages = [search.keys(index, partition, span=span, client=criteria.client) for partition in partitions]
    complete_to = max((reach for _, reach in pages if reach is not None), default=None)
    keys = {key for page, _ in pages for key in page if key < after and (complete_to is None or key.at > complete_to)}
    return sorted(keys, reverse=True), complete_to


_CHUNK = 100
"""Records per read after the first ``limit`` keys did not fill the page."""


def _chunks(keys: list[Position], limit: int) -> Iterator[list[Position]]:
    """First ``limit`` keys, which usually fill a page. If they do not, few keys match, so the next chunks are large."""
    yield from filter(None, (keys[:limit], *(keys[at : at + _CHUNK] for at in range(limit, len(keys), _CHUNK))))


def _records(
    search: Search, keys: list[Position], criteria: SearchQuery, on_unreadable: OnUnreadable | None
) -> Iterator[tuple[Record, Position]]:
    """The records of ``keys`` that match the criteria, in the order of the keys."""
    read = search.records([key.message_id for key in keys], on_unreadable=on_unreadable)
    found = {record.message_id: record for record in read}
    for key in keys:
        record = found.get(key.message_id)
        if record is not None and criteria.matches(record):
            yield record, key
