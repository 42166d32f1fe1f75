"""How a record is shown to its client."""

from __future__ import annotations

import json
from dataclasses import replace

from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.record import Entry, Record, SendPhase
from sms_tracker.domain.report import REFUSED, Report
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Status
from sms_tracker.services.view import message
from tests.factories import MESSAGE_ID, NOW, TO, record, report

SID = "SM" + "1" * 32


def tracked(*reports: Report) -> Record:
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
    fresh = record()
    return replace(fresh, state=fold(reports, base=fresh.state), reports=entries)


def test_a_message_that_nobody_reported_on_yet_is_shown_as_recorded() -> None:
    assert message(record()) == {
        "message_id": MESSAGE_ID,
        "version": 1,
        "status": "pending",
        "final": False,
        "outcome": "open",
        "status_at": NOW,
        "provider": "twilio",
        "provider_message_id": None,
        "attempt": 1,
        "client": "shop",
        "to": TO,
        "from": "+15551234567",
        "reference": "order-42",
        "body": None,
        "encoding": "GSM-7",
        "segments": 1,
        "price": None,
        "network": None,
        "failure": None,
        "send": "claimed",
        "created_at": NOW,
        "updated_at": NOW,
        "reports": [],
    }


def test_a_failure_is_shown_while_the_status_is_one() -> None:
    failure = Failure(category=Category.TEMPORARY, reason=Reason.UNREACHABLE, code="30003", message="Unreachable")
    failed = report(Status.UNDELIVERED, failure=failure)

    assert message(tracked(failed))["failure"] == {
        "category": "temporary",
        "reason": "unreachable",
        "code": "30003",
        "message": "Unreachable",
    }
    assert message(tracked(failed, report(Status.DELIVERED)))["failure"] is None


def test_the_timeline_shows_the_oldest_report_first() -> None:
    late = report(Status.SENT, received="2026-01-31T12:00:09.000Z")
    early = report(Status.DELIVERED, received="2026-01-31T12:00:03.000Z")

    shown = message(tracked(late, early))["reports"]

    assert [each["word"] for each in shown] == ["delivered", "sent"]


def test_a_report_is_shown_with_what_its_word_means() -> None:
    expired = report(Status.UNDELIVERED, code="30036", details={"RawDlrDoneDate": "2601311200"})

    (shown,) = message(tracked(expired))["reports"]

    assert shown == {
        "word": "undelivered",
        "status": "expired",  # by Twilio's code
        "code": "30036",
        "message": None,
        "occurred_at": None,
        "received_at": NOW,
        "attempt": 1,
        "source": "callback",
        "other_recipient": False,
        "fields": {"RawDlrDoneDate": "2601311200"},
    }


def test_an_unfamiliar_word_is_shown_without_a_status() -> None:
    (shown,) = message(tracked(report(None, word="teleported", recognised=False)))["reports"]

    assert (shown["word"], shown["status"]) == ("teleported", None)


def test_a_refusal_at_the_door_is_shown_as_a_failure() -> None:
    (shown,) = message(tracked(report(Status.FAILED, word=REFUSED, code="21610")))["reports"]

    assert (shown["word"], shown["status"], shown["code"]) == ("refused", "failed", "21610")


def test_the_provider_s_id_of_the_attempt_that_counts_is_shown() -> None:
    assert message(tracked(report(Status.SENT)))["provider_message_id"] == SID


def test_nothing_of_the_claim_but_its_phase_is_shown() -> None:
    sent = record()
    shown = json.dumps(message(replace(sent, send=replace(sent.send, phase=SendPhase.ANSWERED))))

    assert '"send": "answered"' in shown
    assert sent.send.token not in shown
    assert sent.fingerprint not in shown
