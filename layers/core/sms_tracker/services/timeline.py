"""A record's timeline as reports, interpreted by the providers' current tables."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sms_tracker import providers
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import OWN_WORDS, Report, Source
from sms_tracker.domain.state import State, fold
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status

_UNEXPLAINED = Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN)


def by_arrival(record: Record) -> list[Entry]:
    """The entries in order of arrival, oldest first."""
    return [entry for _, entry in sorted(record.reports.items(), key=lambda pair: (pair[1].received, pair[0]))]


def report_of(record: Record, entry: Entry) -> Report:
    """An entry of the timeline as a report. The timeline does not keep the provider's id."""
    status, failure = _meaning(record, entry)
    provider = record.provider_of(entry.attempt)
    return Report(
        provider=provider,
        word=entry.word,
        status=status,
        recognised=entry.word in OWN_WORDS or providers.load(provider).knows(entry.word),
        received=entry.received,
        code=entry.code,
        failure=failure,
        occurred=entry.occurred,
        attempt=entry.attempt,
        source=Source(entry.source),
    )


def _meaning(record: Record, entry: Entry) -> tuple[Status | None, Failure | None]:
    """Status and failure. The failure of one of our own words is only in the record."""
    if entry.word not in OWN_WORDS:
        return providers.load(record.provider_of(entry.attempt)).meaning(entry.word, entry.code, entry.text)
    status, stored = OWN_WORDS[entry.word], record.state.failure
    if status.outcome is not Outcome.FAILURE:
        return status, None
    return status, stored.failure if stored and stored.failure.code == entry.code else _UNEXPLAINED


def unconfirmed(record: Record) -> bool:
    """Whether the status is unknown by a word of ``Provider.UNCONFIRMED``: a carrier took the message without error."""
    state = record.state
    return state.status is Status.UNKNOWN and any(
        entry.word in providers.load(state.provider).UNCONFIRMED
        for entry in record.reports.values()
        if entry.attempt == state.attempt and not entry.foreign
    )


def delivered_at(record: Record) -> str | None:
    """When the message was delivered, also if its status is now read; None if it was not delivered."""
    state = record.state
    if state.status is Status.READ:
        reports = (report_of(record, entry) for entry in record.reports.values() if not entry.foreign)
        return min((report.at for report in reports if report.status is Status.DELIVERED), default=state.at)
    return state.at if state.status is Status.DELIVERED else None


class NotApplied(StrEnum):
    """Why a report changed neither the status nor the failure."""

    EARLIER = "a later status was already known"
    KNOWN = "it says what was already known"
    FOREIGN = "it is about another recipient"
    UNFAMILIAR = "its word is not known here"
    SILENT = "its word says nothing about delivery"


def not_applied(reports: Iterable[tuple[Report, bool]], *, base: State) -> list[NotApplied | None]:
    """One value for each ``(report, is about another recipient)``, in order of arrival.

    None means that the report changed the status or the failure. An attempt begins with its first report. Reports that
    one write stored count one after the other.
    """
    found, state = list[NotApplied | None](), base
    for report, foreign in reports:
        after = state if foreign else fold([report], base=state)
        found.append(NotApplied.FOREIGN if foreign else _reason(report, state, after))
        state = after
    return found


def _reason(report: Report, before: State, after: State) -> NotApplied | None:
    if report.status is None:
        return NotApplied.SILENT if report.recognised else NotApplied.UNFAMILIAR
    if (after.order, after.failure) != (before.order, before.failure):
        return None
    return NotApplied.KNOWN if report.order == before.order else NotApplied.EARLIER
