"""Records as an operator's command reads them: by time or number, made anew from their reports, what holds them up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from sms_tracker.domain.indexes import (
    BY_ATTENTION,
    BY_RECIPIENT,
    BY_TIME,
    SHARDS,
    Index,
    Span,
    days,
    key_pages,
    open_shard,
)
from sms_tracker.domain.ports import OnUnreadable, Search
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, Record, SendPhase
from sms_tracker.domain.spelling import spellings
from sms_tracker.domain.state import State, fold, recorded
from sms_tracker.services.timeline import report_of

_ALWAYS = Span(since="0000", until="9999-12-31T23:59:59.999Z")


def between(search: Search, span: Span, on_unreadable: OnUnreadable | None = None) -> Iterator[Record]:
    """Every record made in that time, newest day first; ``on_unreadable``, here and below, as in ``Search``."""
    for partitions in days(span):
        for partition in partitions:
            yield from _records(search, BY_TIME, partition, span, on_unreadable)


def opened(search: Search, on_unreadable: OnUnreadable | None = None) -> Iterator[Record]:
    """Every open record that the reconciler has listed, whatever its age."""
    for number in range(SHARDS):
        yield from _records(search, BY_ATTENTION, open_shard(number), _ALWAYS, on_unreadable)


def sent_to(search: Search, number: str, on_unreadable: OnUnreadable | None = None) -> Iterator[Record]:
    """Every record of that number, however it is spelt, of all clients, newest first."""
    for each in spellings(number):
        yield from _records(search, BY_RECIPIENT, each, _ALWAYS, on_unreadable)


def _records(
    search: Search, index: Index, partition: str, span: Span, on_unreadable: OnUnreadable | None
) -> Iterator[Record]:
    for keys in key_pages(search, index, partition, span):
        yield from search.records([key.message_id for key in keys], on_unreadable=on_unreadable)


def rebuilt(record: Record) -> State:
    """The state that the timeline says; ids are the record's own, for the timeline does not hold them."""
    state = record.state
    base = recorded(attempt=record.send.attempt, at=record.created_at, provider=state.provider)
    base = replace(base, ids=state.ids, other_ids=state.other_ids)
    made = fold((report_of(record, entry) for entry in record.reports.values() if not entry.foreign), base=base)
    return replace(made, at=state.at) if made.order == state.order else made


def repair(record: Record, *, now: str) -> Change | None:
    """The write that sets what the timeline says, under the version that was read; None where it says nothing else.

    A timeline that is full may lack the very report that won, so it proves nothing.
    """
    state = rebuilt(record)
    if state == record.state or len(record.reports) >= MAX_REPORTS:
        return None
    return Change(guard=Guard.SEEN, state=state, added=(), now=now, version=record.version)


def stuck(record: Record, *, now: datetime) -> str | None:
    """Why a record needs somebody, None where it does not."""
    if len(record.reports) >= MAX_REPORTS:
        return "its timeline is full: further reports go to the queue unmatched"
    if record.state.status.final:
        return None
    if record.send.phase is SendPhase.RELEASED:
        return f"released ({record.send.cause}): certainly not sent, waits for the client to try again"
    if record.send.phase is SendPhase.CLAIMED:
        if record.send.until > now.timestamp():
            return None
        ended = datetime.fromtimestamp(record.send.until, tz=UTC)
        return f"the provider's answer is not known; its claim ended {ended:%Y-%m-%dT%H:%M:%SZ}"
    hours = (now - datetime.fromisoformat(record.created_at)).total_seconds() / 3600
    return f"{record.state.status} for {hours:.0f} h without a final report" if hours >= 1 else None


def earlier(record: Record) -> State:
    """The state before the report that won, as far as the timeline tells."""
    base = recorded(attempt=record.send.attempt, at=record.created_at, provider=record.state.provider)
    reports = (report_of(record, entry) for entry in record.reports.values() if not entry.foreign)
    return fold((each for each in reports if each.order is not None and each.order < record.state.order), base=base)
