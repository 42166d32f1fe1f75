"""Pages: all keys of a span in one partition of an index, page by page."""

from __future__ import annotations

from collections.abc import Iterator

from sms_tracker.domain.indexes import Index, Position, Span
from sms_tracker.domain.ports import Search


def pages(search: Search, index: Index, partition: str, span: Span) -> Iterator[list[Position]]:
    """Newest first, an empty one for a page without; what stands where two pages meet may come twice."""
    rest: Span | None = span
    while rest is not None:
        keys, reach = search.keys(index, partition, span=rest, client=None)
        yield keys
        rest = None if reach is None else Span(since=rest.since, until=reach)
