"""POST /messages on fakes: the record comes first, the answer is honest, and nothing is sent twice."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

import pytest

from sms_tracker.domain.errors import Misconfigured, Rejected, Unavailable
from sms_tracker.domain.http import Caller, HttpRequest, HttpResponse
from sms_tracker.domain.ports import NotWritten, Written
from sms_tracker.domain.record import Change, Record, Send, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.services.provider_call import BUDGET
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send import Sender
from sms_tracker.services.send_request import submit
from sms_tracker.services.track import track
from tests import factories
from tests.fakes import START, TWILIO, Answer, FixedSettings, MemoryMessages
from tests.setups import (
    BIRD_ID,
    BIRD_TAKEN,
    CLAIM,
    OPTED_OUT,
    POLICY,
    QUEUE_FULL,
    REQUEST,
    RULES,
    SID,
    TAKEN,
    UNHEARD,
    UNREACHED,
    WRONG_TOKEN,
    SendSetup,
    answer,
    attempt_of,
    callback_of,
    callback_token,
    message_id_of,
)

SERVER_ERROR = answer(503)
NOT_TODAY = answer(429, {"code": 63038})
KEY = "order-42"
CHANGE = frozenset({"change"})
BY_MESSAGEBIRD = replace(RULES, policy=replace(POLICY, default_provider="messagebird"))
T = TypeVar("T")


@dataclass
class FaultyMessages(MemoryMessages):
    """A table whose named calls fail; of those in ``lost`` the reply is lost after they were applied.

    What is in ``once`` is refused one time only.
    """

    refuse: frozenset[str] = frozenset()
    once: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    error: Exception = field(default_factory=lambda: Unavailable("write: InternalServerError"))

    def put(self, record: Record) -> Written | NotWritten:
        self._refuse("put")
        return self._lose("put", super().put(record))

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        self._refuse("change")
        return self._lose("change", super().change(message_id, change))

    def release(self, message_id: str, *, token: str, cause: str, now: str) -> None:
        self._refuse("release")
        super().release(message_id, token=token, cause=cause, now=now)

    def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
        self._refuse("take_over")
        return self._lose("take_over", super().take_over(record, send, provider=provider, now=now))

    def _refuse(self, call: str) -> None:
        if call in self.refuse:
            self.refuse -= self.once
            raise self.error

    def _lose(self, call: str, result: T) -> T:
        if call in self.lost:
            raise self.error
        return result


class Vanishing(MemoryMessages):
    def put(self, record: Record) -> Written | NotWritten:  # noqa: ARG002  # whatever it is
        return NotWritten(None)


@dataclass
class Raced(MemoryMessages):
    """Before a takeover ``rival`` sends, once, the same request with ``more``."""

    rival: Sender | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
        if self.rival is not None:
            rival, self.rival = self.rival, None
            assert rival.send("shop", {**REQUEST, **self.more}, KEY).status == 202
        return super().take_over(record, send, provider=provider, now=now)


def table(setup: SendSetup) -> MemoryMessages:
    assert isinstance(setup.messages, MemoryMessages)
    return setup.messages


def only(setup: SendSetup) -> Record:
    (record,) = table(setup).records.values()
    return record


def past_the_claim(setup: SendSetup) -> None:
    setup.clock.sleep(CLAIM.total_seconds() + 1)


class TestAccepted:
    def test_an_accepted_message_is_answered_202_with_all_that_the_contract_names(self) -> None:
        reply = SendSetup().post(reference="order-42")
        assert reply.status == 202
        assert reply.body == {
            "message_id": "00000000-0000-4000-8000-000000000001",
            "status": "accepted",
            "provider": "twilio",
            "provider_message_id": SID,
            "to": "+31612345678",
            "reference": "order-42",
            "encoding": "GSM-7",
            "segments": 1,
            "created_at": timestamp(START),
        }
        assert reply.headers["location"] == "/messages/00000000-0000-4000-8000-000000000001"
        assert reply.headers["content-type"] == "application/json"

    def test_each_provider_is_asked_in_its_own_way_and_told_where_to_report(self) -> None:
        for provider, taken, named in (("twilio", TAKEN, SID), ("messagebird", BIRD_TAKEN, BIRD_ID)):
            setup = SendSetup([taken])
            reply = setup.post(provider=provider)
            assert (reply.status, reply.body["provider"], reply.body["provider_message_id"]) == (202, provider, named)
            (request,) = setup.http.requests
            message_id = str(reply.body["message_id"])
            base = f"https://sms.example.com/webhooks/{provider}"
            token = callback_token(provider, message_id, 1)
            assert callback_of(request) == f"{base}?attempt=1&message_id={message_id}&token={token}"
        assert json.loads(request.body)["reference"] == f"{message_id}.{token}"

    def test_what_is_stored_is_what_was_sent(self) -> None:
        setup = SendSetup()
        setup.post(KEY, reference="order-42", body="Grüße €")
        record = only(setup)
        assert (record.client, record.to, record.sender) == ("shop", "+31612345678", "+15551234567")
        assert (record.reference, record.body, record.created_at) == ("order-42", None, timestamp(START))
        assert (record.segmentation.encoding, record.segmentation.segments) == ("GSM-7", 1)
        assert record.expires_at == int((START + timedelta(days=90)).timestamp())
        assert (record.send.phase, record.send.attempt) == (SendPhase.ANSWERED, 1)
        assert [(entry.word, entry.source) for entry in record.reports.values()] == [("queued", "answer")]
        assert "Grüße" not in repr(record)

    def test_a_2xx_without_a_readable_status_is_accepted_with_a_warning(self) -> None:
        reply = SendSetup([answer(201, {"sid": SID})]).post()
        assert (reply.status, reply.body["status"], bool(reply.warnings)) == (202, "accepted", True)

    def test_a_message_that_was_taken_and_failed_at_once_has_a_failure_without_a_reason(self) -> None:
        setup = SendSetup([answer(201, {"sid": SID, "status": "failed"})])
        reply = setup.post()
        assert (reply.status, reply.body["status"]) == (202, "failed")
        assert only(setup).state.shown_failure == Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN)

    def test_without_a_key_two_requests_are_two_messages(self) -> None:
        setup = SendSetup()
        assert setup.post().body["message_id"] != setup.post().body["message_id"]
        assert len(setup.http.requests) == 2


class TestOrderOfThings:
    def test_the_record_is_there_and_claimed_while_the_provider_has_the_request(self) -> None:
        messages = MemoryMessages()
        seen: list[Record | None] = []
        setup = SendSetup(messages=messages, during=lambda request: seen.append(messages.get(message_id_of(request))))
        setup.post()
        (record,) = seen
        assert record is not None
        assert record.state.status is Status.PENDING
        assert record.send == Send(
            phase=SendPhase.CLAIMED, attempt=1, token="token-1", until=int((START + CLAIM).timestamp())
        )

    @pytest.mark.parametrize("status", [Status.DELIVERED, Status.UNDELIVERED, Status.ACCEPTED])
    def test_a_callback_that_overtakes_the_answer_is_not_undone(self, status: Status) -> None:
        messages = MemoryMessages()

        def call_back(request: HttpRequest) -> None:
            report = factories.report(status, provider_message_id=SID)
            track(messages, message_id_of(request), [report], now=factories.NOW)

        setup = SendSetup(messages=messages, during=call_back)
        reply = setup.post()
        assert (reply.status, reply.body["status"], reply.body["provider_message_id"]) == (202, status, SID)
        record = only(setup)
        assert (record.state.status, record.version) == (status, 2)
        assert {entry.word for entry in record.reports.values()} == {str(status), "queued"}
        assert record.send.phase is SendPhase.ANSWERED


class TestRefusals:
    def test_a_refused_message_is_422_with_the_providers_code_and_recorded_as_failed(self) -> None:
        setup = SendSetup([OPTED_OUT])
        reply = setup.post(KEY)
        record = only(setup)
        self.is_problem(reply, 422, "refused-by-provider", "21610")
        assert (reply.body["reason"], reply.body["message_id"]) == ("opted_out", record.message_id)
        assert (record.state.status, record.send.phase) == (Status.FAILED, SendPhase.ANSWERED)
        assert record.state.shown_failure is not None
        assert (record.state.shown_failure.code, record.state.shown_failure.reason) == ("21610", "opted_out")

    @staticmethod
    def is_problem(reply: ApiResponse, status: int, kind: str, code: str) -> None:
        assert (reply.status, reply.body["status"], reply.body["provider_code"]) == (status, status, code)
        assert (reply.headers["content-type"], reply.body["type"]) == (
            "application/problem+json",
            f"urn:sms-tracker:problem:{kind}",
        )
        assert {"title", "detail"} <= reply.body.keys()
        assert reply.headers["location"] == f"/messages/{reply.body['message_id']}"

    @pytest.mark.parametrize("end", ["", "."])
    def test_a_providers_sentence_ends_with_one_full_stop(self, end: str) -> None:
        # Found in twilio/twilio-php#665
        text = f"The 'To' number +33600000000 is not a valid phone number{end}"
        reply = SendSetup([answer(400, {"code": 21211, "message": text, "status": 400})]).post(KEY)

        assert "is not a valid phone number. Correct it and send it as a new request." in str(reply.body["detail"])

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_of_our_account_is_502_never_the_callers_401_and_is_released(self, status: int) -> None:
        setup = SendSetup([answer(status, {"code": 20003, "message": "Authenticate"})])
        self.is_problem(setup.post(KEY), 502, "account-refused", "20003")
        assert (only(setup).send.phase, only(setup).send.cause) == (SendPhase.RELEASED, "account")
        assert only(setup).state.status is Status.PENDING

    @pytest.mark.parametrize(
        ("refusal", "code", "later"),
        [(answer(429, {"code": 20429}, retry_after="600"), "20429", "600"), (NOT_TODAY, "63038", "3600")],
        ids=["by the provider's time", "a limit for a day"],
    )
    def test_what_is_certainly_not_taken_is_503_and_released_and_not_retried_before_its_time(
        self, refusal: HttpResponse, code: str, later: str
    ) -> None:
        setup = SendSetup([refusal])
        reply = setup.post(KEY)
        self.is_problem(reply, 503, "provider-unavailable", code)
        assert (reply.headers["retry-after"], len(setup.http.requests)) == (later, 1)
        assert (only(setup).send.phase, only(setup).send.cause) == (SendPhase.RELEASED, "not_sent")

    @pytest.mark.parametrize("result", [SERVER_ERROR, answer(500), UNHEARD, answer(408), answer(303), answer(201)])
    def test_an_unknown_outcome_is_202_pending_and_stays_claimed(self, result: Answer) -> None:
        setup = SendSetup([result])
        reply = setup.post(KEY)
        assert (reply.status, reply.body["status"], reply.body["provider_message_id"]) == (202, "pending", None)
        assert len(setup.http.requests) == 1
        assert only(setup).send.phase is SendPhase.CLAIMED
        assert reply.warnings


class TestRecordNotWritten:
    @pytest.mark.parametrize(
        "messages",
        [
            FaultyMessages(refuse=frozenset({"put"})),
            FaultyMessages(refuse=frozenset({"put"}), error=Rejected("write: ValidationException")),
            Vanishing(),
        ],
        ids=["for now", "ever", "that vanishes between two answers of the table"],
    )
    def test_the_provider_is_not_asked_where_the_record_cannot_be_written(self, messages: MemoryMessages) -> None:
        setup = SendSetup(messages=messages)
        reply = setup.post(KEY)
        assert (reply.status, reply.body["type"]) == (503, "urn:sms-tracker:problem:unavailable")
        assert int(reply.headers["retry-after"]) >= 1
        assert setup.http.requests == []

    def test_a_record_that_was_written_after_all_is_released_for_the_same_key(self) -> None:
        messages = FaultyMessages(lost=frozenset({"put"}))
        setup = SendSetup(messages=messages)
        assert setup.post(KEY).status == 503
        messages.lost = frozenset()
        assert setup.post(KEY).status == 202
        assert [attempt_of(request) for request in setup.http.requests] == [2]

    @pytest.mark.parametrize("error", [Unavailable("GetParameters: Throttled"), Misconfigured("missing parameters")])
    def test_without_settings_nothing_is_recorded_or_sent(self, error: Exception) -> None:
        setup = SendSetup(settings=FixedSettings(error=error))
        assert setup.post().status == 503
        assert table(setup).records == {}
        assert setup.http.requests == []

    @pytest.mark.parametrize(
        ("provider", "credentials", "named"),
        [
            ("twilio", {**TWILIO, "auth_token": TWILIO["account_sid"]}, "auth_token is a SID (AC…)"),
            ("twilio", {**TWILIO, "account_sid": "SK" + "0" * 32}, "account_sid is not the SID of an account"),
            ("messagebird", {"access_key": "bk_eu1_hush"}, "access_key is a key of another provider"),
            ("twilio", {}, "credentials lack account_sid, auth_token"),
        ],
    )
    def test_with_credentials_that_cannot_be_nothing_is_recorded_or_sent_and_the_log_names_the_entry(
        self, provider: str, credentials: dict[str, str], named: str
    ) -> None:
        setup = SendSetup(settings=FixedSettings(credentials={provider: credentials}))
        reply = setup.post(KEY, provider=provider)

        assert (reply.status, reply.decision, setup.http.requests, table(setup).records) == (503, "unavailable", [], {})
        (warning,) = reply.warnings
        assert warning.replace(":", "").startswith(f"{provider} {named}")
        assert "hush" not in warning

    @pytest.mark.parametrize("faults", [{"refuse": CHANGE}, {"lost": CHANGE}], ids=["refused", "its reply lost"])
    @pytest.mark.parametrize(
        ("result", "status", "named"),
        [(TAKEN, 202, {"status": "accepted", "provider_message_id": SID}), (OPTED_OUT, 422, {"reason": "opted_out"})],
    )
    def test_once_the_provider_answered_that_answer_stands_though_it_cannot_be_stored(
        self, result: HttpResponse, status: int, named: dict[str, str], faults: dict[str, Any]
    ) -> None:
        setup = SendSetup([result], messages=FaultyMessages(**faults))
        reply = setup.post(KEY)
        assert reply.status == status
        assert reply.body.items() >= {"message_id": only(setup).message_id, **named}.items()
        assert any("answer not stored" in warning for warning in reply.warnings)

    @pytest.mark.parametrize(("result", "status"), [(WRONG_TOKEN, 502), (answer(429), 503)])
    def test_a_release_that_cannot_be_stored_changes_no_answer(self, result: HttpResponse, status: int) -> None:
        setup = SendSetup([result], messages=FaultyMessages(refuse=frozenset({"release"})))
        reply = setup.post(KEY)
        assert reply.status == status
        assert any("release not stored" in warning for warning in reply.warnings)


class TestWritesThatNobodyElseMakes:
    def test_a_refusal_is_recorded_though_the_table_refuses_it_at_first_unless_the_requests_time_is_over(self) -> None:
        setup = SendSetup([OPTED_OUT], messages=FaultyMessages(refuse=CHANGE, once=CHANGE))
        reply = setup.post(KEY)
        assert (reply.status, only(setup).state.status, reply.warnings) == (422, Status.FAILED, ())

        late = SendSetup([OPTED_OUT], messages=FaultyMessages(refuse=CHANGE, once=CHANGE))
        late.http.during = lambda _: late.clock.sleep(BUDGET)
        reply = late.post(KEY)
        assert (reply.status, late.slept) == (422, [])
        assert any("answer not stored" in warning for warning in reply.warnings)

    def test_a_release_is_recorded_though_the_table_refuses_it_at_first(self) -> None:
        release = frozenset({"release"})
        setup = SendSetup(messages=FaultyMessages(lost=frozenset({"put"}), refuse=release, once=release))
        assert setup.post(KEY).status == 503
        assert only(setup).send.phase is SendPhase.RELEASED


class TestSameKeyAgain:
    def test_the_id_of_a_keyed_message_is_derived_from_client_key_and_stack(self) -> None:
        setup, elsewhere = SendSetup(), SendSetup(rules=replace(RULES, stack="sms-tracker-dev"))
        message_id = setup.post(KEY).body["message_id"]
        assert UUID(str(message_id)).version == 5
        assert SendSetup().post(KEY).body["message_id"] == message_id
        others = [setup.post(KEY, client="other"), setup.post("another"), elsewhere.post(KEY)]
        assert [other.status for other in others] == [202] * 3
        assert message_id not in [other.body["message_id"] for other in others]
        assert len(setup.http.requests) == 3

    @pytest.mark.parametrize(("result", "status"), [(TAKEN, 202), (OPTED_OUT, 422)])
    def test_an_answer_is_replayed_and_nothing_sent_again(self, result: HttpResponse, status: int) -> None:
        setup = SendSetup([result])
        first, second = setup.post(KEY), setup.post(KEY)
        assert (second.status, second.body) == (status, first.body)
        assert len(setup.http.requests) == 1
        assert ("idempotent-replayed" in first.headers, second.headers["idempotent-replayed"]) == (False, "true")

    @pytest.mark.parametrize("status", [Status.DELIVERED, Status.FAILED])
    def test_a_replay_is_202_and_shows_how_far_the_message_has_come(self, status: Status) -> None:
        setup = SendSetup()
        message_id = str(setup.post(KEY).body["message_id"])
        track(setup.messages, message_id, [factories.report(status, provider_message_id=SID)], now=factories.NOW)
        reply = setup.post(KEY)
        assert (reply.status, reply.body["status"]) == (202, status)

    @pytest.mark.parametrize(
        "fields", [{"body": "Other"}, {"to": "+31687654321"}, {"reference": "a"}, {"provider": "messagebird"}]
    )
    def test_the_same_key_with_another_payload_is_422_and_nothing_is_sent(self, fields: dict[str, Any]) -> None:
        setup = SendSetup()
        first = setup.post(KEY)
        reply = setup.post(KEY, **fields)
        assert (reply.status, reply.body["type"]) == (422, "urn:sms-tracker:problem:key-reused")
        assert reply.body["message_id"] == first.body["message_id"]
        assert len(setup.http.requests) == 1

    def test_the_order_of_members_and_spaces_make_no_other_payload(self) -> None:
        setup = SendSetup()
        first = setup.post(KEY)
        body = json.dumps(dict(reversed(REQUEST.items())), indent=2).encode()
        request = HttpRequest("POST", "/messages", {"idempotency-key": KEY}, body)
        assert submit(setup.sender.send, Caller("shop", frozenset({"send"})), request).body == first.body

    def test_the_provider_that_has_the_message_may_be_named_in_the_repeated_request_or_left_out(self) -> None:
        setup = SendSetup([BIRD_TAKEN])
        first = setup.post(KEY, provider="messagebird")
        for repeated in (setup.post(KEY, provider="messagebird"), setup.post(KEY), setup.post(KEY, provider=None)):
            assert (repeated.status, repeated.body) == (202, first.body)
        assert len(setup.http.requests) == 1

    @pytest.mark.parametrize("first", [TAKEN, OPTED_OUT, UNHEARD])
    def test_another_provider_is_422_unless_the_first_took_nothing(self, first: HttpResponse) -> None:
        setup = SendSetup([first])
        setup.post(KEY)
        for _ in range(2):
            reply = setup.post(KEY, provider="messagebird")
            assert (reply.status, reply.body["type"]) == (422, "urn:sms-tracker:problem:key-reused")
            assert "twilio" in str(reply.body["detail"])
            past_the_claim(setup)
        assert len(setup.http.requests) == 1

    @pytest.mark.parametrize("named", [{}, {"provider": "twilio"}, {"provider": None}])
    @pytest.mark.parametrize("first", [WRONG_TOKEN, TAKEN])
    def test_a_key_of_an_earlier_version_whose_fingerprint_has_the_provider_is_recognised(
        self, first: HttpResponse, named: dict[str, Any]
    ) -> None:
        setup = SendSetup([first, BIRD_TAKEN])
        message_id = setup.post(KEY, **named).body["message_id"]
        canonical = json.dumps({**REQUEST, **named}, sort_keys=True, separators=(",", ":")).encode()
        digest = hmac.digest(setup.settings().service_key, canonical, hashlib.sha256)[:16]
        earlier = urlsafe_b64encode(digest).rstrip(b"=").decode()
        table(setup).records[str(message_id)] = replace(only(setup), fingerprint=earlier)

        named_again = named if first is TAKEN else {"provider": "messagebird"}
        for _ in range(2):
            reply = setup.post(KEY, **named_again)
            assert (reply.status, reply.body["message_id"]) == (202, message_id)
        assert len(setup.http.requests) == (1 if first is TAKEN else 2)
        assert setup.post(KEY, body="Other").status == 422

    def test_while_the_first_is_in_progress_the_second_is_asked_to_wait(self) -> None:
        second: list[Any] = []
        setup = SendSetup(during=lambda _: second.append(setup.post(KEY)))
        assert setup.post(KEY).status == 202
        (reply,) = second
        assert (reply.status, reply.headers["retry-after"]) == (409, "33")
        assert reply.body["type"] == "urn:sms-tracker:problem:in-progress"
        assert "idempotent-replayed" not in reply.headers
        assert len(setup.http.requests) == 1

    def test_a_client_waits_for_the_end_of_the_claim_and_then_nobody_sends_what_is_unknown_again(self) -> None:
        setup = SendSetup([UNHEARD])
        first = setup.post(KEY)
        setup.clock.sleep(30.7)
        waiting = setup.post(KEY)
        assert (waiting.status, waiting.headers["retry-after"]) == (409, "3")
        past_the_claim(setup)
        reply = setup.post(KEY)
        assert (reply.status, reply.body["status"]) == (202, "pending")
        assert reply.body["message_id"] == first.body["message_id"]
        assert reply.headers["idempotent-replayed"] == "true"
        assert len(setup.http.requests) == 1


class TestTakenOver:
    @pytest.mark.parametrize("first", [WRONG_TOKEN, NOT_TODAY])
    def test_a_released_message_is_sent_as_the_next_attempt(self, first: HttpResponse) -> None:
        setup = SendSetup([first, TAKEN])
        message_id = setup.post(KEY).body["message_id"]
        reply = setup.post(KEY)
        assert (reply.status, reply.body["message_id"], reply.body["status"]) == (202, message_id, "accepted")
        assert [attempt_of(request) for request in setup.http.requests] == [1, 2]
        record = only(setup)
        assert (record.send.attempt, record.send.phase) == (2, SendPhase.ANSWERED)
        assert (record.state.attempt, record.state.ids) == (2, {2: SID})
        assert record.version == 3

    def test_a_reply_about_the_second_attempt_may_be_another_providers(self) -> None:
        messages = MemoryMessages()
        SendSetup([WRONG_TOKEN], messages=messages).post(KEY)
        setup = SendSetup([BIRD_TAKEN], messages=messages, rules=BY_MESSAGEBIRD)
        setup.sender = replace(setup.sender, new_token=lambda: "another")
        body = setup.post(KEY).body
        assert (body["provider"], body["provider_message_id"]) == ("messagebird", BIRD_ID)
        assert only(setup).state.provider == "messagebird"

    @pytest.mark.parametrize("first", [WRONG_TOKEN, NOT_TODAY])
    def test_a_released_message_may_be_sent_by_another_provider_under_the_same_key(self, first: HttpResponse) -> None:
        setup = SendSetup([first, BIRD_TAKEN])
        message_id = setup.post(KEY, provider="twilio").body["message_id"]

        reply = setup.post(KEY, provider="messagebird")

        assert (reply.status, reply.body["message_id"], reply.body["provider"]) == (202, message_id, "messagebird")
        assert "idempotent-replayed" not in reply.headers
        record = only(setup)
        assert (record.state.provider, record.state.ids) == ("messagebird", {2: BIRD_ID})
        assert (record.sender, record.provider_of(1)) == (POLICY.senders["messagebird"], "twilio")
        assert setup.post(KEY, provider="messagebird").headers["idempotent-replayed"] == "true"
        assert setup.post(KEY, provider="twilio").status == 422
        assert len(setup.http.requests) == 2

    @pytest.mark.parametrize(
        ("provider", "later"), [(None, 202), ("messagebird", 422)], ids=["the same", "another provider"]
    )
    def test_of_two_that_take_over_at_once_one_sends_and_the_other_waits(
        self, provider: str | None, later: int
    ) -> None:
        messages = Raced(more={"provider": "twilio"})
        setup = SendSetup([WRONG_TOKEN, TAKEN], messages=messages)
        setup.post(KEY)
        messages.rival = setup.sender
        loser = setup.post(KEY, provider=provider)
        assert (loser.status, int(loser.headers["retry-after"]) >= 1) == (409, True)
        assert setup.post(KEY, provider=provider).status == later
        assert [attempt_of(request) for request in setup.http.requests] == [1, 2]
        assert only(setup).sender == POLICY.senders["twilio"]

    def test_the_claim_of_the_second_attempt_lasts_as_long_as_the_firsts(self) -> None:
        setup = SendSetup([WRONG_TOKEN, UNHEARD])
        setup.post(KEY)
        setup.clock.sleep(600)
        setup.post(KEY)
        assert only(setup).send.until == int((setup.clock() + CLAIM).timestamp())
        assert setup.post(KEY).status == 409
        past_the_claim(setup)
        assert (setup.post(KEY).status, len(setup.http.requests)) == (202, 2)

    def test_attempts_are_spent_at_nineteen(self) -> None:
        setup = SendSetup([WRONG_TOKEN])
        statuses = [setup.post(KEY).status for _ in range(20)]
        assert statuses == [502] * 19 + [503]
        assert [attempt_of(request) for request in setup.http.requests] == list(range(1, 20))
        assert setup.post(KEY).body["type"] == "urn:sms-tracker:problem:attempts-spent"

    @pytest.mark.parametrize("faults", ["refuse", "lost"])
    def test_a_takeover_that_cannot_be_written_sends_nothing_and_can_be_tried_again(self, faults: str) -> None:
        messages = FaultyMessages()
        setup = SendSetup([WRONG_TOKEN, TAKEN], messages=messages)
        setup.post(KEY)
        setattr(messages, faults, frozenset({"take_over"}))
        assert setup.post(KEY).status == 503
        assert len(setup.http.requests) == 1
        setattr(messages, faults, frozenset())
        assert setup.post(KEY).status == 202
        assert [attempt_of(request) for request in setup.http.requests] == [1, 2 if faults == "refuse" else 3]

    def test_what_a_provider_reports_about_after_all_is_not_sent_again(self) -> None:
        setup = SendSetup([NOT_TODAY, TAKEN])
        message_id = str(setup.post(KEY).body["message_id"])
        track(setup.messages, message_id, [factories.report(Status.DELIVERED)], now=factories.NOW)
        reply = setup.post(KEY)
        assert (reply.status, reply.body["status"]) == (202, "delivered")
        assert only(setup).state.status is Status.DELIVERED
        assert len(setup.http.requests) == 1

    def test_a_report_that_comes_while_it_is_taken_over_stops_the_takeover(self) -> None:
        class Overtaken(MemoryMessages):
            def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
                track(self, record.message_id, [factories.report(Status.SENT)], now=now)
                return super().take_over(record, send, provider=provider, now=now)

        setup = SendSetup([WRONG_TOKEN, TAKEN], messages=Overtaken())
        assert [setup.post(KEY).status for _ in range(3)] == [502, 409, 202]
        assert len(setup.http.requests) == 1

    def test_without_credentials_for_the_next_attempt_nothing_is_taken_over(self) -> None:
        messages = MemoryMessages()
        SendSetup([WRONG_TOKEN], messages=messages).post(KEY)
        settings = FixedSettings(credentials={"twilio": TWILIO, "messagebird": {}})
        setup = SendSetup([BIRD_TAKEN], messages=messages, rules=BY_MESSAGEBIRD, settings=settings)
        assert setup.post(KEY).status == 503
        assert setup.http.requests == []
        assert only(setup).send.phase is SendPhase.RELEASED


class TestRetries:
    def test_what_was_certainly_not_processed_is_tried_again_and_taken(self) -> None:
        setup = SendSetup([UNREACHED, QUEUE_FULL, answer(429), TAKEN])
        assert setup.post().status == 202
        assert [attempt_of(request) for request in setup.http.requests] == [1, 1, 1, 1]
        assert setup.slept == [0.25, 0.5, 1.0]

    @pytest.mark.parametrize("recording", [0, 15])
    def test_retries_end_within_the_budget_that_recording_counts_into_and_then_503(self, recording: int) -> None:
        class Slow(MemoryMessages):
            def put(self, record: Record) -> Written | NotWritten:
                setup.clock.sleep(recording)
                return super().put(record)

        setup = SendSetup([UNREACHED], fraction=1.0, messages=Slow())
        assert setup.post().status == 503
        assert 15 < (setup.clock() - START).total_seconds() <= 20


class TestWhatIsKept:
    def test_the_text_is_stored_where_the_deployment_keeps_it(self) -> None:
        setup = SendSetup(rules=replace(RULES, policy=replace(POLICY, keeps_text=True)))
        setup.post()
        assert only(setup).body == REQUEST["body"]

    def test_each_attempts_callback_url_carries_its_own_token(self) -> None:
        setup = SendSetup([WRONG_TOKEN, TAKEN])
        message_id = str(setup.post(KEY).body["message_id"])
        setup.post(KEY)
        for attempt, request in enumerate(setup.http.requests, start=1):
            query = parse_qs(urlsplit(callback_of(request)).query)
            assert query["token"] == [callback_token("twilio", message_id, attempt)]

    def test_new_callbacks_go_to_the_first_public_address_and_a_validity_to_the_provider(self) -> None:
        setup = SendSetup(settings=FixedSettings(urls=("https://new.example.com", "https://old.example.com")))
        setup.post(validity_seconds=3600)
        (request,) = setup.http.requests
        assert callback_of(request).startswith("https://new.example.com/webhooks/twilio?")
        assert parse_qs(request.body.decode())["ValidityPeriod"] == ["3600"]

    @pytest.mark.parametrize(
        ("senders", "given", "expected"),
        [
            ({"twilio": "MG" + "0" * 32}, None, {"MessagingServiceSid": "MG" + "0" * 32}),
            ({"twilio": "12345"}, None, {"From": "12345"}),
            ({"twilio": "+15551234567"}, "MyShop", {"From": "MyShop"}),
            ({}, "+31687654321", {"From": "+31687654321"}),
        ],
    )
    def test_the_sender_is_the_clients_or_the_providers_default(
        self, senders: dict[str, str], given: str | None, expected: dict[str, str]
    ) -> None:
        setup = SendSetup(rules=replace(RULES, policy=replace(POLICY, senders=senders)))
        assert setup.post(sender=given).status == 202
        form = parse_qsl(setup.http.requests[0].body.decode())
        assert {name: value for name, value in form if name in ("From", "MessagingServiceSid")} == expected

    def test_a_field_that_the_provider_needs_and_has_no_default_for_is_a_400_that_names_it(self) -> None:
        setup = SendSetup(
            rules=replace(RULES, policy=replace(POLICY, providers=("bird",), senders={"bird": "Acme"})),
            settings=FixedSettings(credentials={"bird": {"api_key": "bk_eu1_examplekey"}}),
        )
        reply = setup.post(KEY, provider="bird")

        flaw = {"field": "category", "message": "is required: bird has no default category here"}
        assert (reply.status, reply.body["errors"]) == (400, [flaw])
        assert (setup.http.requests, table(setup).records) == ([], {})
        assert setup.post(KEY, provider="bird", category="service").status != 400
