"""What each report changed when it came."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.report import Report
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Status
from sms_tracker.services.timeline import NotApplied, not_applied
from tests.factories import record, report
from tests.unit.test_fold_properties import claims

APPLIED = None
BASE = record().state
CODED = Failure(category=Category.PERMANENT, reason=Reason.INVALID_RECIPIENT, code="30005")


def came(*reports: Report) -> list[NotApplied | None]:
    return not_applied([(each, False) for each in reports], base=BASE)


def test_reports_in_order_are_all_applied() -> None:
    assert came(report(Status.ACCEPTED), report(Status.SENT), report(Status.DELIVERED)) == [APPLIED] * 3


def test_sent_after_delivered_comes_too_late() -> None:
    assert came(report(Status.DELIVERED), report(Status.SENT)) == [APPLIED, NotApplied.EARLIER]


def test_the_same_status_again_says_nothing_new() -> None:
    again = report(Status.SENT, occurred="2026-01-31T12:00:05.000Z")

    assert came(report(Status.SENT), again) == [APPLIED, NotApplied.KNOWN]


def test_delivered_after_a_failure_is_applied() -> None:
    assert came(report(Status.UNDELIVERED), report(Status.DELIVERED)) == [APPLIED, APPLIED]


@pytest.mark.parametrize("status", [Status.UNDELIVERED, Status.FAILED])
def test_a_failure_that_names_its_code_only_now_is_applied_though_the_status_stays(status: Status) -> None:
    without = report(Status.UNDELIVERED, failure=Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN))

    assert came(without, report(status, code="30005", failure=CODED)) == [APPLIED, APPLIED]


def test_what_is_about_another_recipient_moves_nothing_after_it_either() -> None:
    told = [(report(Status.DELIVERED), True), (report(Status.SENT), False)]

    assert not_applied(told, base=BASE) == [NotApplied.FOREIGN, APPLIED]


def test_a_word_that_is_not_known_and_one_about_incoming_messages_are_told_apart() -> None:
    strange, inbound = report(None, word="teleported", recognised=False), report(None, word="received")

    assert came(strange, inbound) == [NotApplied.UNFAMILIAR, NotApplied.SILENT]


def test_a_later_attempt_is_applied_whatever_the_earlier_one_came_to() -> None:
    assert came(report(Status.UNDELIVERED), report(Status.SENT, attempt=2)) == [APPLIED, APPLIED]


@given(st.lists(claims(), max_size=8))
def test_the_applied_ones_alone_make_the_record(reports: list[Report]) -> None:
    reports = [replace(each, recipient=None) for each in reports]
    applied = [each for each, reason in zip(reports, came(*reports), strict=True) if reason is None]

    whole, alone = fold(reports, base=BASE), fold(applied, base=BASE)

    assert (alone.order, alone.failure) == (whole.order, whole.failure)
