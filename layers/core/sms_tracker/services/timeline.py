"""A record's timeline as reports again, by today's tables of what each provider's words mean."""

from __future__ import annotations

from sms_tracker import providers
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import OWN_WORDS, Report, Source
from sms_tracker.domain.status import Outcome, Status

_UNEXPLAINED = Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN)


def by_arrival(record: Record) -> list[Entry]:
    """The oldest report first, as they reached us."""
    return [entry for _, entry in sorted(record.reports.items(), key=lambda pair: (pair[1].received, pair[0]))]


def report_of(record: Record, entry: Entry) -> Report:
    """What an entry of the timeline was read as; the provider's id is not in the timeline."""
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
    """The reason behind a word of our own is in the record alone."""
    if entry.word not in OWN_WORDS:
        return providers.load(record.provider_of(entry.attempt)).meaning(entry.word, entry.code, entry.text)
    status, stored = OWN_WORDS[entry.word], record.state.failure
    if status.outcome is not Outcome.FAILURE:
        return status, None
    return status, stored.failure if stored and stored.failure.code == entry.code else _UNEXPLAINED


def delivered_at(record: Record) -> str | None:
    """When it was delivered, for what was read also; None for what was not."""
    state = record.state
    if state.status is Status.READ:
        reports = (report_of(record, entry) for entry in record.reports.values() if not entry.foreign)
        return min((report.at for report in reports if report.status is Status.DELIVERED), default=state.at)
    return state.at if state.status is Status.DELIVERED else None
