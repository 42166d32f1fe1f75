"""How a record is shown to its client."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import REFUSED, Report
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import REASON_MEANINGS, Category, Failure, Reason, Status
from sms_tracker.read import schemas
from sms_tracker.read.messages import message_view
from tests.factories import MESSAGE_ID, NOW, TO, cost, record, report

SID = "SM" + "1" * 32


def tracked(*reports: Report, **values: Any) -> Record:
    """A record with these reports applied and in its timeline."""
    entries = {
        each.fingerprint: Entry(
            word=each.word,
            received=each.received,
            attempt=each.attempt,
            source=str(each.source),
            code=each.code,
            text=each.failure.message if each.failure else None,
            fields=dict(each.details),
        )
        for each in reports
    }
    return record(state=fold(reports, base=record().state), reports=entries, **values)


def timeline(*reports: Report, **values: Any) -> list[schemas.Report]:
    return message_view(tracked(*reports, **values))["reports"]


def test_a_message_that_nobody_reported_on_yet_is_shown_as_recorded() -> None:
    asked = {"message_id": MESSAGE_ID, "client": "shop", "reference": "order-42", "to": TO, "from": "+15551234567"}
    text = {"body": None, "encoding": "GSM-7", "segments": 1}
    status = {"status": "pending", "final": False, "outcome": "open", "failure": None, "reports": [], "version": 1}
    sending: dict[str, object] = {
        "provider": "twilio",
        "provider_message_id": None,
        "attempt": 1,
        "network": None,
        "cost": {},
    }
    times = {"created_at": NOW, "updated_at": NOW, "status_at": NOW}

    assert message_view(record()) == asked | text | status | sending | times | {"opt_out_scope": None}


def test_a_failure_is_shown_while_the_status_is_one() -> None:
    failure = Failure(category=Category.TEMPORARY, reason=Reason.UNREACHABLE, code="30003", message="Unreachable")
    failed = report(Status.UNDELIVERED, failure=failure)
    told = {"category": "temporary", "reason": "unreachable", "code": "30003", "message": "Unreachable"}
    advice = {"retryable": True, "retry_advice": "sending again may help"}
    meaning = "The handset was off or out of reach. Send again later."
    page = "https://www.twilio.com/docs/api/errors/30003"

    assert message_view(tracked(failed))["failure"] == told | advice | {"meaning": meaning, "docs_url": page}
    assert message_view(tracked(failed, report(Status.DELIVERED)))["failure"] is None


@pytest.mark.parametrize(
    ("category", "retryable"), [(Category.TEMPORARY, True), (Category.PERMANENT, False), (Category.UNKNOWN, None)]
)
def test_a_failure_is_retryable_by_its_category(category: Category, retryable: object) -> None:
    failure = Failure(category=category, reason=Reason.UNKNOWN)
    shown = message_view(tracked(report(Status.FAILED, failure=failure)))["failure"]
    assert shown is not None
    assert (shown["retryable"], shown["docs_url"]) == (retryable, None)


def test_a_report_that_only_explains_the_failure_is_applied() -> None:
    early = report(Status.UNDELIVERED, failure=Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN))
    coded = Failure(category=Category.PERMANENT, reason=Reason.INVALID_RECIPIENT, code="30005")
    late = report(Status.UNDELIVERED, code="30005", failure=coded, received="2026-01-31T12:00:09.000Z")
    assert [(each["applied"], each["not_applied_reason"]) for each in timeline(early, late)] == 2 * [(True, None)]


def test_each_attempt_is_shown_with_its_cost() -> None:
    shown = message_view(replace(record(), costs={2: cost("0.0075", currency="USD", segments=2), 1: cost("0")}))["cost"]
    assert list(shown) == ["1", "2"]
    assert shown["1"] == {"amount": "0", "currency": "EUR", "observed_at": NOW, "segments": None}
    assert shown["2"] == {"amount": "0.0075", "currency": "USD", "observed_at": NOW, "segments": 2}


def test_the_timeline_shows_the_oldest_report_first() -> None:
    late = report(Status.SENT, received="2026-01-31T12:00:09.000Z")
    early = report(Status.DELIVERED, received="2026-01-31T12:00:03.000Z")
    shown = [(each["provider_status"], each["applied"], each["not_applied_reason"]) for each in timeline(late, early)]
    assert shown == [("delivered", True, None), ("sent", False, "a later status was already known")]


def test_a_report_is_shown_with_what_its_word_means() -> None:
    expired = report(Status.EXPIRED, word="undelivered", code="30036", details={"RawDlrDoneDate": "2601311200"})
    failure = {"category": "temporary", "reason": "expired", "code": "30036", "message": None, "retryable": True}
    failure |= {"meaning": REASON_MEANINGS[Reason.EXPIRED], "retry_advice": "sending again may help"}
    failure |= {"docs_url": "https://www.twilio.com/docs/api/errors/30036"}
    said = {"provider_status": "undelivered", "status": "expired", "code": "30036", "message": None}  # by Twilio's code
    came = {"occurred_at": None, "received_at": NOW, "attempt": 1, "source": "callback", "other_recipient": False}
    effect = {"applied": True, "not_applied_reason": None, "fields": {"RawDlrDoneDate": "2601311200"}}

    assert timeline(expired) == [said | came | effect | {"failure": failure}]


def test_an_unfamiliar_word_is_shown_without_a_status() -> None:
    (shown,) = timeline(report(None, word="teleported", recognised=False))
    assert (shown["provider_status"], shown["status"], shown["failure"]) == ("teleported", None, None)
    assert (shown["applied"], shown["not_applied_reason"]) == (False, "its word is not known here")


def test_a_refusal_at_the_door_is_shown_as_a_failure() -> None:
    (shown,) = timeline(report(Status.FAILED, word=REFUSED, code="21610"))
    assert (shown["provider_status"], shown["status"], shown["code"]) == ("refused", "failed", "21610")
    assert shown["failure"] is not None
    assert shown["failure"]["reason"] == "unreachable"  # what the record keeps: a word of ours has no table


def test_a_report_about_another_recipient_is_shown_and_was_not_applied() -> None:
    known = tracked(report(Status.DELIVERED))
    ((key, entry),) = known.reports.items()
    (shown,) = message_view(replace(known, reports={key: replace(entry, foreign=True)}))["reports"]
    assert (shown["other_recipient"], shown["applied"]) == (True, False)


def test_a_word_is_read_as_that_of_the_provider_its_attempt_was_handed_to() -> None:
    shown = timeline(
        report(Status.UNDELIVERED, word="undelivered", code="30003", provider="twilio"),
        report(Status.UNDELIVERED, word="delivery_failed", code="1", provider="messagebird", attempt=2),
        providers={1: "twilio", 2: "messagebird"},
    )
    first, second = sorted(shown, key=lambda each: each["attempt"])

    assert first["failure"] is not None
    assert second["failure"] is not None
    assert first["status"] == second["status"] == "undelivered"
    assert first["failure"]["docs_url"] == "https://www.twilio.com/docs/api/errors/30003"
    assert second["failure"]["reason"] == "invalid_recipient"
    assert "sms-platform-extended-error-codes" in str(second["failure"]["docs_url"])


def test_the_provider_s_id_is_shown_and_nothing_of_the_claim() -> None:
    sent = tracked(report(Status.SENT))
    shown = message_view(sent)

    assert shown["provider_message_id"] == SID
    assert "send" not in shown
    assert sent.send.token not in json.dumps(shown)
    assert sent.fingerprint not in json.dumps(shown)
