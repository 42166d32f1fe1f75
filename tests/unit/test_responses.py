"""The answers as values: every problem is RFC 9457 and says what to do, and no text of ours lacks a title."""

from __future__ import annotations

import pytest

from sms_tracker.domain.errors import FieldError, InvalidMessage, Throttled, Unavailable
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.outbound import Fault, NotProcessed, Refused
from sms_tracker.domain.record import Entry
from sms_tracker.domain.state import RankedFailure, State
from sms_tracker.domain.status import Status
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
NOT_SENT = factories.record(reports={"a": Entry(word="not-sent", received=NOW, attempt=1, source="lookup")})
RECORD = factories.record()
NO_ACCOUNT = Refused(
    failure=Failure(category=Category.PERMANENT, reason=Reason.ACCOUNT, code="20003"), fault=Fault.ACCOUNT
)

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


@pytest.mark.parametrize(("status", "reply"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_problem_has_its_members_and_media_type(status: int, reply: ApiResponse) -> None:
    assert reply.status == reply.body["status"] == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert str(reply.body["type"]) == f"urn:sms-tracker:problem:{reply.decision}"
    assert reply.body["title"]
    assert str(reply.body["detail"]).endswith((".", "one that has it."))


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


@pytest.mark.parametrize("name", ["progress", "busy", "unrecorded", "unreadable"])
def test_what_may_be_tried_again_says_when(name: str) -> None:
    _, reply = PROBLEMS[name]
    assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", ["progress", "refused", "not sent", "account", "busy", "spent"])
def test_a_problem_about_a_recorded_message_names_it(name: str) -> None:
    _, reply = PROBLEMS[name]
    assert reply.body["message_id"] == MESSAGE_ID
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


def test_our_accounts_secrets_are_the_operators_matter_and_not_in_the_answer() -> None:
    _, reply = PROBLEMS["account"]
    assert "20003" not in str(reply.body["detail"])
    assert "operator" in str(reply.body["detail"])


def test_what_went_wrong_inside_is_for_the_log_alone() -> None:
    _, reply = PROBLEMS["unrecorded"]
    assert reply.warnings == ("write: Throttled",)
    assert "Throttled" not in str(reply.body)


def test_invalid_fields_are_named_with_what_is_wrong() -> None:
    _, reply = PROBLEMS["invalid"]
    assert reply.body["errors"] == [{"field": "to", "message": "is required"}]


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


class TestIsRefused:
    """Told from the record alone, for a replay must be what the first answer was."""

    def test_failed_without_ever_having_an_id_is_a_refusal(self) -> None:
        assert is_refused(FAILED)

    def test_failed_with_an_id_was_accepted_first(self) -> None:
        state = State(status=Status.FAILED, attempt=1, at=NOW, provider="twilio", ids={1: "SM1"})
        assert not is_refused(factories.record(state=state))

    @pytest.mark.parametrize("status", [Status.PENDING, Status.UNDELIVERED, Status.DELIVERED, Status.CANCELED])
    def test_any_other_status_is_none(self, status: Status) -> None:
        state = State(status=status, attempt=1, at=NOW, provider="twilio")
        assert not is_refused(factories.record(state=state))

    def test_a_failure_of_an_earlier_attempt_is_none(self) -> None:
        send = factories.record().send
        assert not is_refused(
            factories.record(
                state=FAILED.state, send=type(send)(phase=send.phase, attempt=2, token=send.token, until=send.until)
            )
        )
