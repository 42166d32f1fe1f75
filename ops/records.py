"""Records for operators' commands: find by time or number, rebuild from their reports, explain why they are stuck."""

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
    open_shard,
)
from sms_tracker.domain.ports import OnUnreadable, Search
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, Record, SendPhase
from sms_tracker.domain.report import spellings
from sms_tracker.domain.state import State, fold, initial_state
from sms_tracker.reconcile.walks import key_pages
from sms_tracker.services.timeline import report_of

_ALWAYS = Span(since="0000", until="9999-12-31T23:59:59.999Z")


def created_between(search: Search, span: Span, on_unreadable: OnUnreadable | None = None) -> Iterator[Record]:
    """Every record created in that span, newest day first; ``on_unreadable``, here and below, as in ``Search``."""
    for partitions in days(span):
        for partition in partitions:
            yield from _records(search, BY_TIME, partition, span, on_unreadable)


def open_records(search: Search, on_unreadable: OnUnreadable | None = None) -> Iterator[Record]:
    """Every record that the reconciler tracks, of any age."""
    for number in range(SHARDS):
        yield from _records(search, BY_ATTENTION, open_shard(number), _ALWAYS, on_unreadable)


def sent_to(search: Search, number: str, on_unreadable: OnUnreadable | None = None) -> Iterator[Record]:
    """Every record of that number in any spelling, of all clients, newest first."""
    for each in spellings(number):
        yield from _records(search, BY_RECIPIENT, each, _ALWAYS, on_unreadable)


def _records(
    search: Search, index: Index, partition: str, span: Span, on_unreadable: OnUnreadable | None
) -> Iterator[Record]:
    for keys in key_pages(search, index, partition, span):
        yield from search.records([key.message_id for key in keys], on_unreadable=on_unreadable)


def rebuilt(record: Record) -> State:
    """The state that follows from the timeline; ids come from the record, because the timeline lacks them."""
    state = record.state
    base = initial_state(attempt=record.send.attempt, at=record.created_at, provider=state.provider)
    base = replace(base, ids=state.ids, other_ids=state.other_ids)
    made = fold((report_of(record, entry) for entry in record.reports.values() if not entry.foreign), base=base)
    return replace(made, at=state.at) if made.order == state.order else made


def repair(record: Record, *, now: str) -> Change | None:
    """The write of the rebuilt state, conditional on the version that was read; None if nothing differs.

    A full timeline may lack the decisive report, so it proves nothing.
    """
    state = rebuilt(record)
    if state == record.state or len(record.reports) >= MAX_REPORTS:
        return None
    return Change(guard=Guard.SEEN, state=state, added=(), now=now, version=record.version)


def stuck(record: Record, *, now: datetime) -> str | None:
    """Why a record needs an operator; None if it does not, as one of a test key never does."""
    if len(record.reports) >= MAX_REPORTS:
        return "its timeline is full: further reports go to the queue `unmatched`"
    if record.test or record.state.status.final:
        return None
    if record.send.phase is SendPhase.RELEASED:
        return f"released ({record.send.cause}): not sent, waits for the client's retry"
    if record.send.phase is SendPhase.CLAIMED:
        if record.send.until > now.timestamp():
            return None
        ended = datetime.fromtimestamp(record.send.until, tz=UTC)
        return f"the provider's answer is unknown; the claim ended {ended:%Y-%m-%dT%H:%M:%SZ}"
    hours = (now - datetime.fromisoformat(record.created_at)).total_seconds() / 3600
    return f"{record.state.status} for {hours:.0f} h without a final report" if hours >= 1 else None


def earlier(record: Record) -> State:
    """The state before the decisive report, as far as the timeline shows it."""
    base = initial_state(attempt=record.send.attempt, at=record.created_at, provider=record.state.provider)
    reports = (report_of(record, entry) for entry in record.reports.values() if not entry.foreign)
    return fold((each for each in reports if each.order is not None and each.order < record.state.order), base=base)
