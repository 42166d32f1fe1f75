"""The answers as values: every problem is RFC 9457 and says what to do, and no text of ours lacks a title."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sms_tracker.domain.errors import FieldError, InvalidMessage, Throttled, Unavailable
from sms_tracker.domain.outbound import Fault, NotProcessed, Refused
from sms_tracker.domain.record import Entry
from sms_tracker.domain.state import RankedFailure, State
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.services import responses
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send import is_refused
from tests import factories
from tests.factories import MESSAGE_ID, NOW

FAILURE = Failure(category=Category.PERMANENT, reason=Reason.OPTED_OUT, code="21610", message="Unsubscribed")
FAILED = factories.record(
    state=State(
        status=Status.FAILED, attempt=1, at=NOW, provider="twilio", failure=RankedFailure(failure=FAILURE, order=29)
    )
)
ACCOUNT = Failure(category=Category.PERMANENT, reason=Reason.ACCOUNT, code="20003")
NO_ACCOUNT = Refused(failure=ACCOUNT, fault=Fault.ACCOUNT)
NOT_SENT = factories.record(reports={"a": Entry(word="not-sent", received=NOW, attempt=1, source="lookup")})
RECORD = factories.record()

PROBLEMS = {
    "invalid": (400, responses.invalid(InvalidMessage([FieldError("to", "is required")]))),
    "scope": (403, responses.scope_missing("send")),
    "progress": (409, responses.in_progress(RECORD, 12.2)),
    "reused": (422, responses.key_reused(RECORD)),
    "not sent": (422, responses.refused(NOT_SENT)),
    "refused": (422, responses.refused(FAILED)),
    "account": (502, responses.account_refused(RECORD, NO_ACCOUNT)),
    "busy": (503, responses.not_processed(RECORD, NotProcessed(reason="HTTP 429", code="20429"))),
    "unrecorded": (503, responses.not_recorded(Unavailable("write: Throttled"))),
    "unreadable": (503, responses.records_unavailable(Unavailable("GetItem: Throttled"))),
    "throttled": (429, responses.check_failed(RECORD, Throttled("UpdateItem: ThrottlingException"))),
    "spent": (503, responses.attempts_spent(RECORD)),
    "other provider": (422, responses.other_provider(RECORD)),
}


def test_what_cannot_be_checked_is_unavailable_unless_aws_throttles() -> None:
    unavailable = responses.check_failed(RECORD, Unavailable("GetItem: ConnectTimeoutError"))
    assert (unavailable.status, unavailable.decision) == (503, "unavailable")


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_has_its_members_and_media_type_and_says_when_to_come_again_and_about_what(name: str) -> None:
    status, reply = PROBLEMS[name]
    assert reply.status == reply.body["status"] == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert str(reply.body["type"]) == f"urn:sms-tracker:problem:{reply.decision}"
    assert reply.body["title"]
    assert str(reply.body["detail"]).endswith((".", "one that has it."))
    assert name not in {"progress", "busy", "unrecorded", "unreadable"} or int(reply.headers["retry-after"]) >= 1
    if name in {"progress", "refused", "not sent", "account", "busy", "spent"}:
        assert reply.body["message_id"] == MESSAGE_ID
        assert reply.headers["location"] == f"/messages/{MESSAGE_ID}"


@pytest.mark.parametrize(
    "reply",
    [responses.ok({}, "read"), responses.accepted(RECORD, "accepted"), *(reply for _, reply in PROBLEMS.values())],
)
def test_no_cache_keeps_an_answer(reply: ApiResponse) -> None:
    assert reply.headers["cache-control"] == "no-store"


def test_a_replay_says_so() -> None:
    reply = responses.accepted(RECORD, "replayed").as_replay()
    assert reply.headers["idempotent-replayed"] == "true"
    assert reply.headers["location"] == f"/messages/{MESSAGE_ID}"


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.2, "2"), (32.5, "33")])
def test_retry_after_is_whole_seconds_never_too_few(seconds: float, header: str) -> None:
    assert responses.in_progress(RECORD, seconds).headers["retry-after"] == header


@pytest.mark.parametrize(
    ("outcome", "header"),
    [
        (NotProcessed(reason="x"), "5"),
        (NotProcessed(reason="x", retry_after=90.0), "90"),
        (NotProcessed(reason="x", soon=False), "3600"),
        (NotProcessed(reason="x", soon=False, retry_after=7200.0), "7200"),
    ],
)
def test_the_providers_own_time_is_passed_on(outcome: NotProcessed, header: str) -> None:
    assert responses.not_processed(RECORD, outcome).headers["retry-after"] == header


def test_a_refusal_shows_code_and_reason_and_a_missing_code_is_absent() -> None:
    assert responses.refused(FAILED).body["provider_code"] == "21610"
    assert responses.refused(FAILED).body["reason"] == "opted_out"
    assert "provider_code" not in responses.not_processed(RECORD, NotProcessed(reason="x")).body


def test_our_accounts_matters_and_what_went_wrong_inside_are_not_in_the_answer() -> None:
    account, unrecorded = PROBLEMS["account"][1], PROBLEMS["unrecorded"][1]
    assert "20003" not in str(account.body["detail"])
    assert "operator" in str(account.body["detail"])
    assert unrecorded.warnings == ("write: Throttled",)
    assert "Throttled" not in str(unrecorded.body)


def test_invalid_fields_are_named_with_what_is_wrong() -> None:
    assert PROBLEMS["invalid"][1].body["errors"] == [{"field": "to", "message": "is required"}]


def test_a_warning_is_added_and_none_adds_nothing() -> None:
    reply = responses.ok({}, "read")
    assert reply.with_log_warning(None) is reply
    assert reply.with_log_warning("a").with_log_warning("b").warnings == ("a", "b")


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        (403, "refused-signature"),
        (404, "unknown-provider"),
        (400, "unreadable"),
        (413, "too-large"),
        (503, "unavailable"),
    ],
)
def test_a_webhook_that_was_not_taken_gets_a_problem_without_the_message(status: int, decision: str) -> None:
    reply = responses.webhook_problem(decision)
    assert reply.body.keys() == {"type", "title", "status", "detail"}
    assert reply.status == status
    assert ("retry-after" in reply.headers) is (status == 503)


@pytest.mark.parametrize(
    ("state", "attempt", "refused"),
    [
        (FAILED.state, 1, True),
        (replace(FAILED.state, failure=None, ids={1: "SM1"}), 1, False),
        *((replace(RECORD.state, status=status), 1, False) for status in (Status.PENDING, Status.UNDELIVERED)),
        *((replace(RECORD.state, status=status), 1, False) for status in (Status.DELIVERED, Status.CANCELED)),
        (FAILED.state, 2, False),
    ],
    ids=["without an id", "accepted first", "pending", "undelivered", "delivered", "canceled", "an earlier attempt's"],
)
def test_a_record_tells_a_refusal_so_that_a_replay_is_what_the_first_answer_was(
    state: State, attempt: int, *, refused: bool
) -> None:
    assert is_refused(factories.record(state=state, send=replace(RECORD.send, attempt=attempt))) is refused
