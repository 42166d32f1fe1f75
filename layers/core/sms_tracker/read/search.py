"""Find: messages by recipient, reference, provider id, status or time, newest first and page by page."""

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
    client_reference,
    days,
    months,
    provider_key,
)
from sms_tracker.domain.ports import OnUnreadable, Search
from sms_tracker.domain.record import Record
from sms_tracker.domain.status import Outcome, Status

_READS_A_PAGE = 31
"""Days (or months), of 16 queries each, that one page may read; a page that ends there is short and has a cursor."""
_RECORDS_A_PAGE = 1000
"""Records that one page may look at, for a rare status may be met by none of them."""
_CHUNK = 100
"""Records read at once where the first ``limit`` of a page's keys did not fill it."""
_END = "~"
"""Sorts after every time and every id."""
_MIDNIGHT = "T00:00:00.000Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """What to look for; a record must meet all.

    ``client`` is None for every client's. ``span`` bounds when it was created, ``to`` is E.164, ``after`` is where the
    page before ended, ``now`` RFC 3339.
    """

    client: str | None
    now: str
    span: Span
    limit: int
    to: str | None = None
    reference: str | None = None
    provider_message_id: str | None = None
    status: Status | None = None
    after: Position | None = None

    def met_by(self, record: Record) -> bool:
        """Whether it meets every criterion; an index may lag or know less."""
        return (
            self.client in (None, record.client)
            and self.to in (None, record.to)
            and self.reference in (None, record.reference)
            and self.provider_message_id in (None, *record.state.ids.values())
            and self.status in (None, record.state.status)
            and self.span.since <= record.created_at <= self.span.until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Records newest first; ``after`` continues the list, None at its end."""

    records: tuple[Record, ...]
    after: Position | None


def index_for(criteria: SearchQuery) -> Index:
    """The index that finds these the fastest."""
    if criteria.provider_message_id is not None:
        return BY_PROVIDER_ID
    if criteria.reference is not None:
        return BY_REFERENCE
    if criteria.to is not None:
        return BY_RECIPIENT
    if criteria.status is not None and criteria.status.outcome is Outcome.FAILURE:
        return BY_ATTENTION
    return BY_TIME


def find(search: Search, criteria: SearchQuery, on_unreadable: OnUnreadable | None = None) -> Page:
    """One page of at most ``criteria.limit`` records.

    A page may be short, even empty, and still have more behind it, for it reads a bounded number of keys and records.
    ``on_unreadable`` is told of a record that is left out because it cannot be read. Raises ``Unavailable``.
    """
    found, looked_at = list[Record](), 0
    walk = _walk(search, index_for(criteria), criteria)
    for keys, reach in islice(walk, _READS_A_PAGE):
        for chunk in _chunks(keys, criteria.limit):
            for record, position in _records(search, chunk, criteria, on_unreadable):
                found.append(record)
                if len(found) == criteria.limit:
                    return Page(records=tuple(found), after=position)
            looked_at += len(chunk)
            if looked_at >= _RECORDS_A_PAGE:
                return Page(records=tuple(found), after=chunk[-1])
        after = reach
    return Page(records=tuple(found), after=None if next(walk, None) is None else after)


def _walk(search: Search, index: Index, criteria: SearchQuery) -> Iterator[tuple[list[Position], Position]]:
    """Keys newest first, in pages that miss nothing, each with the position down to which everything was read."""
    after = criteria.after or Position(_END, "")
    if index.sort and after.at < criteria.span.since:  # a cursor of another search: nothing is left of this one
        return
    for start, partitions in _groups(index, criteria, after):
        while True:
            keys, reach = _merged(search, index, partitions, criteria, after)
            after = Position(start, "") if reach is None else Position(reach, _END)
            yield keys, after
            if reach is None:
                break


def _groups(index: Index, criteria: SearchQuery, after: Position) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The partitions to be read side by side, newest group first, each with the first moment that may be in it."""
    newest = criteria.now if index is BY_ATTENTION else criteria.span.until
    span = replace(criteria.span, until=min(newest, after.at))
    if index is BY_TIME:
        yield from ((f"{group[0].split('#')[0]}{_MIDNIGHT}", group) for group in days(span))
    elif index is BY_ATTENTION:
        yield from ((f"{group[0].split('#')[1]}-01{_MIDNIGHT}", group) for group in months(span))
    elif index is BY_RECIPIENT:
        yield "", (criteria.to or "",)
    elif index is BY_REFERENCE:
        yield "", (client_reference(criteria.client or "", criteria.reference or ""),)
    else:
        known = criteria.provider_message_id or ""
        yield "", tuple(provider_key(name, known) for name in providers.names())


def _merged(
    search: Search, index: Index, partitions: tuple[str, ...], criteria: SearchQuery, after: Position
) -> tuple[list[Position], str | None]:
    """What is certainly next among the partitions' pages: everything newer than the shortest of them reaches."""
    newest = _END if index is BY_ATTENTION else criteria.span.until
    span = replace(criteria.span, until=min(newest, after.at)) if index.sort else None
    pages = [search.keys(index, partition, span=span, client=criteria.client) for partition in partitions]
    reach = max((reach for _, reach in pages if reach is not None), default=None)
    keys = (key for page, _ in pages for key in page if key < after and (reach is None or key.at > reach))
    return sorted(keys, reverse=True), reach


def _chunks(keys: list[Position], limit: int) -> Iterator[list[Position]]:
    """Mostly the first ``limit`` keys fill a page; where they do not, most will not, and many are read at once."""
    yield from filter(None, (keys[:limit], *(keys[at : at + _CHUNK] for at in range(limit, len(keys), _CHUNK))))


def _records(
    search: Search, keys: list[Position], criteria: SearchQuery, on_unreadable: OnUnreadable | None
) -> Iterator[tuple[Record, Position]]:
    """The records behind ``keys`` that meet the criteria, in the order of the keys."""
    read = search.records([key.message_id for key in keys], on_unreadable=on_unreadable)
    found = {record.message_id: record for record in read}
    for key in keys:
        record = found.get(key.message_id)
        if record is not None and criteria.met_by(record):
            yield record, key
