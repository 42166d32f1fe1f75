"""A record as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sms_tracker import providers
from sms_tracker.domain.cost import Cost
from sms_tracker.domain.failure import MEANING, RETRY_ADVICE, RETRYABLE, Failure
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import Report
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import Status
from sms_tracker.services.timeline import NotApplied, by_arrival, not_applied, report_of

if TYPE_CHECKING:
    from sms_tracker.read import schemas


def message(record: Record, *, opt_out_scope: str | None = None) -> schemas.Message:
    """The message with its timeline, oldest report first. ``failure`` is null unless the status is a failure."""
    state, failure = record.state, record.state.shown_failure
    return {
        "message_id": record.message_id,
        "version": record.version,
        "status": state.status,
        "final": state.status.final,
        "outcome": state.status.outcome,
        "status_at": state.at,
        "provider": state.provider,
        "provider_message_id": state.provider_message_id,
        "attempt": state.attempt,
        "client": record.client,
        "to": record.to or None,
        "from": record.sender,
        "reference": record.reference,
        "body": record.body,
        "encoding": record.segmentation.encoding,
        "segments": record.segmentation.segments,
        "cost": {str(attempt): _cost(cost) for attempt, cost in sorted(record.costs.items())},
        "network": record.network,
        "failure": _failure(failure, provider=state.provider, status=state.status),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "opt_out_scope": opt_out_scope,
        "reports": _timeline(record),
    }


def _failure(failure: Failure | None, *, provider: str, status: Status) -> schemas.Failure | None:
    """The failure with its meaning, retry advice and the provider's documentation of its code."""
    if failure is None:
        return None
    return {
        "category": failure.category,
        "reason": failure.reason,
        "code": failure.code,
        "message": failure.message,
        "meaning": MEANING[failure.reason],
        "retryable": RETRYABLE[failure.category],
        "retry_advice": RETRY_ADVICE[failure.category],
        "docs_url": None if failure.code is None else providers.load(provider).page(failure.code, status),
    }


def _cost(cost: Cost) -> schemas.Cost:
    return {
        "amount": cost.price.amount,
        "currency": cost.price.currency,
        "observed_at": cost.observed_at,
        "segments": cost.segments,
    }


def _timeline(record: Record) -> list[schemas.Report]:
    """Each report, and why it was not applied, oldest first."""
    entries = by_arrival(record)
    reports = [report_of(record, entry) for entry in entries]
    base = initial_state(attempt=1, at=record.created_at, provider=record.provider_of(1))
    reasons = not_applied(zip(reports, (entry.foreign for entry in entries), strict=True), base=base)
    return list(map(_report, entries, reports, reasons))


def _report(entry: Entry, report: Report, reason: NotApplied | None) -> schemas.Report:
    status = report.status
    return {
        "provider_status": entry.word,
        "status": status,
        "code": entry.code,
        "message": entry.text,
        "failure": None if status is None else _failure(report.failure, provider=report.provider, status=status),
        "occurred_at": entry.occurred,
        "received_at": entry.received,
        "attempt": entry.attempt,
        "source": entry.source,
        "other_recipient": entry.foreign,
        "applied": reason is None,
        "not_applied_reason": None if reason is None else str(reason),
        "fields": dict(entry.fields),
    }
