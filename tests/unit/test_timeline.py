"""What each report changed when it came."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.report import Report
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.services.timeline import NotApplied, not_applied
from tests.factories import record, report
from tests.unit.test_fold_properties import claims

APPLIED = None
BASE = record().state
CODED = Failure(category=Category.PERMANENT, reason=Reason.INVALID_RECIPIENT, code="30005")


def came(*reports: Report) -> list[NotApplied | None]:
    return not_applied([(each, False) for each in reports], base=BASE)


UNEXPLAINED = report(Status.UNDELIVERED, failure=Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN))
AGAIN = report(Status.SENT, occurred="2026-01-31T12:00:05.000Z")
STRANGE, INBOUND = report(None, word="teleported", recognised=False), report(None, word="received")


@pytest.mark.parametrize(
    ("reports", "reasons"),
    [
        ([report(Status.ACCEPTED), report(Status.SENT), report(Status.DELIVERED)], [APPLIED, APPLIED, APPLIED]),
        ([report(Status.DELIVERED), report(Status.SENT)], [APPLIED, NotApplied.EARLIER]),
        ([report(Status.SENT), AGAIN], [APPLIED, NotApplied.KNOWN]),
        ([report(Status.UNDELIVERED), report(Status.DELIVERED)], [APPLIED, APPLIED]),
        ([UNEXPLAINED, report(Status.UNDELIVERED, code="30005", failure=CODED)], [APPLIED, APPLIED]),
        ([UNEXPLAINED, report(Status.FAILED, code="30005", failure=CODED)], [APPLIED, APPLIED]),
        ([STRANGE, INBOUND], [NotApplied.UNFAMILIAR, NotApplied.SILENT]),
        ([report(Status.UNDELIVERED), report(Status.SENT, attempt=2)], [APPLIED, APPLIED]),
    ],
    ids=[
        *("in order", "sent after delivered", "the same again", "delivered after a failure", "a code that comes later"),
        *("a lower failure's code", "unknown words and words about replies", "a later attempt"),
    ],
)
def test_a_report_is_applied_or_not_for_a_reason(reports: list[Report], reasons: list[NotApplied | None]) -> None:
    assert came(*reports) == reasons


def test_what_is_about_another_recipient_moves_nothing_after_it_either() -> None:
    told = [(report(Status.DELIVERED), True), (report(Status.SENT), False)]
    assert not_applied(told, base=BASE) == [NotApplied.FOREIGN, APPLIED]


@given(st.lists(claims(), max_size=8))
def test_the_applied_ones_alone_make_the_record(reports: list[Report]) -> None:
    reports = [replace(each, recipient=None) for each in reports]
    applied = [each for each, reason in zip(reports, came(*reports), strict=True) if reason is None]
    whole, alone = fold(reports, base=BASE), fold(applied, base=BASE)
    assert (alone.order, alone.failure) == (whole.order, whole.failure)
