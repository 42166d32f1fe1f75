"""POST /messages on fakes: the record comes first, the answer is honest, and nothing is sent twice."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from sms_tracker.domain.errors import Misconfigured, Rejected, Unavailable
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.http import Caller, HttpRequest, HttpResponse
from sms_tracker.domain.ports import NotWritten, Written
from sms_tracker.domain.record import Change, Record, Send, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Status
from sms_tracker.services.provider_call import BUDGET
from sms_tracker.services.send import Sender
from sms_tracker.services.send_request import submit
from sms_tracker.services.track import track
from tests import factories
from tests.fakes import MESSAGEBIRD, START, TWILIO, Answer, FixedSettings, MemoryMessages
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
KEY = "order-42"
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
            message_id = reply.body["message_id"]
            base = f"https://sms.example.com/webhooks/{provider}"
            token = callback_token(provider, str(message_id), 1)
            assert callback_of(request) == f"{base}?attempt=1&message_id={message_id}&token={token}"

    def test_twilio_is_asked_to_repeat_callbacks_that_fail(self) -> None:
        setup = SendSetup()
        setup.post()
        assert parse_qs(setup.http.requests[0].body.decode())["StatusCallback"][0].endswith("#rc=5&rp=all")

    def test_messagebird_gets_our_id_as_its_reference(self) -> None:
        setup = SendSetup([BIRD_TAKEN])
        reply = setup.post(provider="messagebird")
        message_id = str(reply.body["message_id"])
        token = callback_token("messagebird", message_id, 1)
        assert json.loads(setup.http.requests[0].body)["reference"] == f"{message_id}.{token}"

    def test_what_is_stored_is_what_was_sent(self) -> None:
        setup = SendSetup()
        setup.post(KEY, reference="order-42", body="Grüße €")
        record = only(setup)
        assert (record.client, record.to, record.sender, record.reference) == (
            "shop",
            "+31612345678",
            "+15551234567",
            "order-42",
        )
        assert (record.segmentation.encoding, record.segmentation.segments) == ("GSM-7", 1)
        assert record.created_at == timestamp(START)
        assert record.expires_at == int((START + timedelta(days=90)).timestamp())
        assert (record.send.phase, record.send.attempt) == (SendPhase.ANSWERED, 1)
        assert [(entry.word, entry.source) for entry in record.reports.values()] == [("queued", "answer")]

    def test_a_2xx_without_a_readable_status_is_accepted_with_a_warning(self) -> None:
        reply = SendSetup([answer(201, {"sid": SID})]).post()
        assert (reply.status, reply.body["status"]) == (202, "accepted")
        assert reply.warnings

    def test_a_message_that_was_taken_and_failed_at_once_has_a_failure_without_a_reason(self) -> None:
        setup = SendSetup([answer(201, {"sid": SID, "status": "failed"})])
        reply = setup.post()
        record = setup.messages.get(str(reply.body["message_id"]))
        assert (reply.status, reply.body["status"]) == (202, "failed")
        assert record is not None
        assert record.state.shown_failure == Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN)

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

    @pytest.mark.parametrize(
        ("status", "answered"), [(Status.DELIVERED, "delivered"), (Status.UNDELIVERED, "undelivered")]
    )
    def test_a_callback_that_overtakes_the_answer_is_not_undone(self, status: Status, answered: str) -> None:
        messages = MemoryMessages()

        def call_back(request: HttpRequest) -> None:
            report = factories.report(status, provider_message_id=SID)
            track(messages, message_id_of(request), [report], now=factories.NOW)

        setup = SendSetup(messages=messages, during=call_back)
        reply = setup.post()
        assert (reply.status, reply.body["status"], reply.body["provider_message_id"]) == (202, answered, SID)
        record = only(setup)
        assert record.state.status is status
        assert {entry.word for entry in record.reports.values()} == {str(status), "queued"}
        assert record.send.phase is SendPhase.ANSWERED

    def test_a_callback_that_says_the_same_as_the_answer_changes_nothing_but_the_timeline(self) -> None:
        messages = MemoryMessages()

        def call_back(request: HttpRequest) -> None:
            report = factories.report(Status.ACCEPTED, word="accepted", provider_message_id=SID)
            track(messages, message_id_of(request), [report], now=factories.NOW)

        setup = SendSetup(messages=messages, during=call_back)
        assert setup.post().body["status"] == "accepted"
        assert only(setup).version == 2
        assert only(setup).send.phase is SendPhase.ANSWERED


class TestRefusals:
    def test_a_refused_message_is_422_with_the_providers_code_and_recorded_as_failed(self) -> None:
        setup = SendSetup([OPTED_OUT])
        reply = setup.post(KEY)
        assert reply.status == 422
        record = only(setup)
        assert reply.body["type"] == "urn:sms-tracker:problem:refused-by-provider"
        assert (reply.body["provider_code"], reply.body["reason"]) == ("21610", "opted_out")
        assert reply.body["message_id"] == record.message_id
        assert record.state.status is Status.FAILED
        assert record.state.shown_failure is not None
        assert (record.state.shown_failure.code, record.state.shown_failure.reason) == ("21610", "opted_out")
        assert record.send.phase is SendPhase.ANSWERED

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_of_our_account_is_502_never_the_callers_401_and_is_released(self, status: int) -> None:
        setup = SendSetup([answer(status, {"code": 20003, "message": "Authenticate"})])
        reply = setup.post(KEY)
        assert reply.status == 502
        assert reply.body["provider_code"] == "20003"
        assert (only(setup).send.phase, only(setup).send.cause) == (SendPhase.RELEASED, "account")
        assert only(setup).state.status is Status.PENDING

    def test_what_the_provider_certainly_did_not_take_is_503_and_released(self) -> None:
        setup = SendSetup([answer(429, {"code": 20429}, retry_after="600")])
        reply = setup.post(KEY)
        assert (reply.status, reply.headers["retry-after"], reply.body["provider_code"]) == (503, "600", "20429")
        assert (only(setup).send.phase, only(setup).send.cause) == (SendPhase.RELEASED, "not_sent")

    def test_a_limit_for_a_day_asks_to_come_back_much_later_and_is_not_retried_now(self) -> None:
        setup = SendSetup([answer(429, {"code": 63038})])
        reply = setup.post()
        assert (reply.status, reply.headers["retry-after"]) == (503, "3600")
        assert len(setup.http.requests) == 1

    @pytest.mark.parametrize("result", [SERVER_ERROR, answer(500), UNHEARD, answer(408), answer(303), answer(201)])
    def test_an_unknown_outcome_is_202_pending_and_stays_claimed(self, result: Answer) -> None:
        setup = SendSetup([result])
        reply = setup.post(KEY)
        assert (reply.status, reply.body["status"], reply.body["provider_message_id"]) == (202, "pending", None)
        assert len(setup.http.requests) == 1
        assert only(setup).send.phase is SendPhase.CLAIMED
        assert reply.warnings

    def test_every_refusal_is_a_problem_that_says_what_to_do(self) -> None:
        for setup in (SendSetup([OPTED_OUT]), SendSetup([WRONG_TOKEN]), SendSetup([answer(429)])):
            reply = setup.post()
            assert reply.headers["content-type"] == "application/problem+json"
            assert {"type", "title", "status", "detail"} <= reply.body.keys()
            assert reply.body["status"] == reply.status
            assert reply.headers["location"] == f"/messages/{reply.body['message_id']}"


class TestRecordNotWritten:
    def test_the_provider_is_not_asked_where_the_record_cannot_be_written(self) -> None:
        setup = SendSetup(messages=FaultyMessages(refuse=frozenset({"put"})))
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

    def test_a_write_that_will_never_work_is_503_and_nothing_is_sent(self) -> None:
        setup = SendSetup(
            messages=FaultyMessages(refuse=frozenset({"put"}), error=Rejected("write: ValidationException"))
        )
        assert setup.post().status == 503
        assert setup.http.requests == []

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
        ],
    )
    def test_with_credentials_that_cannot_be_nothing_is_recorded_or_sent_and_the_log_names_the_entry(
        self, provider: str, credentials: dict[str, str], named: str
    ) -> None:
        setup = SendSetup(settings=FixedSettings(credentials={provider: credentials}))
        reply = setup.post(KEY, provider=provider)

        assert (reply.status, reply.decision, setup.http.requests, table(setup).records) == (503, "unavailable", [], {})
        (warning,) = reply.warnings
        assert warning.startswith(f"{provider}: {named}")
        assert "hush" not in warning

    def test_without_credentials_nothing_is_recorded_or_sent(self) -> None:
        setup = SendSetup(settings=FixedSettings(credentials={"twilio": {}, "messagebird": MESSAGEBIRD}))
        reply = setup.post()
        assert reply.status == 503
        assert any("account_sid" in warning for warning in reply.warnings)
        assert table(setup).records == {}

    def test_a_record_that_vanishes_between_two_answers_of_the_table_is_503(self) -> None:
        class Vanishing(MemoryMessages):
            def put(self, record: Record) -> Written | NotWritten:  # noqa: ARG002  # whatever it is
                return NotWritten(None)

        setup = SendSetup(messages=Vanishing())
        assert setup.post(KEY).status == 503
        assert setup.http.requests == []

    @pytest.mark.parametrize("lost", [False, True])
    @pytest.mark.parametrize(("result", "status"), [(TAKEN, 202), (OPTED_OUT, 422)])
    def test_once_the_provider_answered_that_answer_stands_though_it_cannot_be_stored(
        self,
        result: HttpResponse,
        status: int,
        lost: bool,  # noqa: FBT001  # pytest passes it by name
    ) -> None:
        faults = frozenset({"change"})
        messages = FaultyMessages(lost=faults) if lost else FaultyMessages(refuse=faults)
        setup = SendSetup([result], messages=messages)
        reply = setup.post(KEY)
        assert reply.status == status
        assert reply.body["message_id"] == only(setup).message_id
        assert any("answer not stored" in warning for warning in reply.warnings)

    def test_an_acceptance_that_could_not_be_stored_is_answered_with_the_providers_id(self) -> None:
        reply = SendSetup(messages=FaultyMessages(refuse=frozenset({"change"}))).post()
        assert (reply.body["status"], reply.body["provider_message_id"]) == ("accepted", SID)

    @pytest.mark.parametrize(("result", "status"), [(WRONG_TOKEN, 502), (answer(429), 503)])
    def test_a_release_that_cannot_be_stored_changes_no_answer(self, result: HttpResponse, status: int) -> None:
        setup = SendSetup([result], messages=FaultyMessages(refuse=frozenset({"release"})))
        reply = setup.post(KEY)
        assert reply.status == status
        assert any("release not stored" in warning for warning in reply.warnings)


class TestWritesThatNobodyElseMakes:
    def test_a_refusal_is_recorded_though_the_table_refuses_it_at_first(self) -> None:
        messages = FaultyMessages(refuse=frozenset({"change"}), once=frozenset({"change"}))
        setup = SendSetup([OPTED_OUT], messages=messages)
        reply = setup.post(KEY)
        assert (reply.status, only(setup).state.status, reply.warnings) == (422, Status.FAILED, ())

    def test_a_release_is_recorded_though_the_table_refuses_it_at_first(self) -> None:
        release = frozenset({"release"})
        setup = SendSetup(messages=FaultyMessages(lost=frozenset({"put"}), refuse=release, once=release))
        assert setup.post(KEY).status == 503
        assert only(setup).send.phase is SendPhase.RELEASED

    def test_no_second_write_begins_after_the_requests_time(self) -> None:
        messages = FaultyMessages(refuse=frozenset({"change"}), once=frozenset({"change"}))
        setup = SendSetup([OPTED_OUT], messages=messages)
        setup.http.during = lambda _: setup.clock.sleep(BUDGET)
        reply = setup.post(KEY)
        assert reply.status == 422
        assert any("answer not stored" in warning for warning in reply.warnings)
        assert setup.slept == []


class TestSameKeyAgain:
    def test_the_id_of_a_keyed_message_is_derived_from_client_and_key(self) -> None:
        message_id = SendSetup().post(KEY).body["message_id"]
        assert UUID(str(message_id)).version == 5
        assert SendSetup().post(KEY).body["message_id"] == message_id
        assert SendSetup().post(KEY, client="other").body["message_id"] != message_id
        assert SendSetup().post("another").body["message_id"] != message_id

    def test_another_clients_same_key_is_another_message(self) -> None:
        setup = SendSetup()
        assert setup.post(KEY).status == setup.post(KEY, client="other").status == 202
        assert len(setup.http.requests) == 2

    def test_an_accepted_message_is_replayed_and_not_sent_again(self) -> None:
        setup = SendSetup()
        first, second = setup.post(KEY), setup.post(KEY)
        assert (second.status, second.body) == (202, first.body)
        assert len(setup.http.requests) == 1
        assert ("idempotent-replayed" in first.headers, second.headers["idempotent-replayed"]) == (False, "true")

    def test_a_replay_shows_how_far_the_message_has_come(self) -> None:
        setup = SendSetup()
        message_id = str(setup.post(KEY).body["message_id"])
        report = factories.report(Status.DELIVERED, provider_message_id=SID)
        track(setup.messages, message_id, [report], now=factories.NOW)
        assert setup.post(KEY).body["status"] == "delivered"

    def test_a_message_that_failed_later_is_still_replayed_as_202(self) -> None:
        setup = SendSetup()
        message_id = str(setup.post(KEY).body["message_id"])
        report = factories.report(Status.FAILED, provider_message_id=SID, code="30007")
        track(setup.messages, message_id, [report], now=factories.NOW)
        reply = setup.post(KEY)
        assert (reply.status, reply.body["status"]) == (202, "failed")

    def test_a_refused_message_is_replayed_as_the_same_422(self) -> None:
        setup = SendSetup([OPTED_OUT])
        first, second = setup.post(KEY), setup.post(KEY)
        assert (second.status, second.body) == (422, first.body)
        assert len(setup.http.requests) == 1
        assert ("idempotent-replayed" in first.headers, second.headers["idempotent-replayed"]) == (False, "true")

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

    def test_retry_after_never_ends_before_the_claim_does(self) -> None:
        setup = SendSetup([UNHEARD])
        setup.post(KEY)
        setup.clock.sleep(30.7)
        reply = setup.post(KEY)
        assert (reply.status, reply.headers["retry-after"]) == (409, "3")

    def test_past_the_claim_the_outcome_is_unknown_and_nobody_sends_it_again(self) -> None:
        setup = SendSetup([UNHEARD])
        first = setup.post(KEY)
        assert setup.post(KEY).status == 409
        past_the_claim(setup)
        reply = setup.post(KEY)
        assert (reply.status, reply.body["status"]) == (202, "pending")
        assert reply.body["message_id"] == first.body["message_id"]
        assert reply.headers["idempotent-replayed"] == "true"
        assert len(setup.http.requests) == 1


class TestTakenOver:
    @pytest.mark.parametrize("first", [WRONG_TOKEN, answer(429, {"code": 63038})])
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
        other = replace(RULES, policy=replace(POLICY, default_provider="messagebird"))
        messages = MemoryMessages()
        SendSetup([WRONG_TOKEN], messages=messages).post(KEY)
        setup = SendSetup([BIRD_TAKEN], messages=messages, rules=other)
        setup.sender = replace(setup.sender, new_token=lambda: "another")
        reply = setup.post(KEY)
        assert (reply.status, reply.body["provider"], reply.body["provider_message_id"]) == (
            202,
            "messagebird",
            BIRD_ID,
        )
        assert only(setup).state.provider == "messagebird"

    @pytest.mark.parametrize("first", [WRONG_TOKEN, answer(429, {"code": 63038})])
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

    def test_of_two_that_name_other_providers_for_a_released_message_one_sends(self) -> None:
        @dataclass
        class Raced(MemoryMessages):
            rival: Sender | None = None

            def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
                if self.rival is not None:
                    rival, self.rival = self.rival, None
                    assert rival.send("shop", {**REQUEST, "provider": "twilio"}, KEY).status == 202
                return super().take_over(record, send, provider=provider, now=now)

        messages = Raced()
        setup = SendSetup([WRONG_TOKEN, TAKEN], messages=messages)
        setup.post(KEY)
        messages.rival = setup.sender
        assert setup.post(KEY, provider="messagebird").status == 409
        assert setup.post(KEY, provider="messagebird").status == 422
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
        assert setup.post(KEY).status == 202
        assert len(setup.http.requests) == 2

    def test_of_two_that_take_over_at_once_the_loser_waits(self) -> None:
        @dataclass
        class Raced(MemoryMessages):
            rival: Sender | None = None

            def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
                if self.rival is not None:
                    rival, self.rival = self.rival, None
                    assert rival.send("shop", REQUEST, KEY).status == 202
                return super().take_over(record, send, provider=provider, now=now)

        messages = Raced()
        setup = SendSetup([WRONG_TOKEN, TAKEN], messages=messages)
        setup.post(KEY)
        messages.rival = setup.sender
        reply = setup.post(KEY)
        assert reply.status == 409
        assert int(reply.headers["retry-after"]) >= 1
        assert [attempt_of(request) for request in setup.http.requests] == [1, 2]
        assert setup.post(KEY).status == 202
        assert len(setup.http.requests) == 2

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
        setup = SendSetup([answer(429, {"code": 63038}), TAKEN])
        message_id = str(setup.post(KEY).body["message_id"])
        report = factories.report(Status.DELIVERED, provider_message_id=SID)
        track(setup.messages, message_id, [report], now=factories.NOW)
        reply = setup.post(KEY)
        assert (reply.status, reply.body["status"]) == (202, "delivered")
        assert len(setup.http.requests) == 1
        assert only(setup).state.status is Status.DELIVERED

    def test_a_report_that_comes_while_it_is_taken_over_stops_the_takeover(self) -> None:
        @dataclass
        class Overtaken(MemoryMessages):
            def take_over(self, record: Record, send: Send, *, provider: str, now: str) -> bool:
                track(self, record.message_id, [factories.report(Status.SENT)], now=now)
                return super().take_over(record, send, provider=provider, now=now)

        setup = SendSetup([WRONG_TOKEN, TAKEN], messages=Overtaken())
        setup.post(KEY)
        assert setup.post(KEY).status == 409
        assert setup.post(KEY).status == 202
        assert len(setup.http.requests) == 1

    def test_without_credentials_for_the_next_attempt_nothing_is_taken_over(self) -> None:
        messages = MemoryMessages()
        SendSetup([WRONG_TOKEN], messages=messages).post(KEY)
        other = replace(RULES, policy=replace(POLICY, default_provider="messagebird"))
        settings = FixedSettings(credentials={"twilio": TWILIO, "messagebird": {}})
        setup = SendSetup([BIRD_TAKEN], messages=messages, rules=other, settings=settings)
        assert setup.post(KEY).status == 503
        assert setup.http.requests == []
        assert only(setup).send.phase is SendPhase.RELEASED


class TestRetries:
    def test_what_was_certainly_not_processed_is_tried_again_and_taken(self) -> None:
        setup = SendSetup([UNREACHED, QUEUE_FULL, answer(429), TAKEN])
        assert setup.post().status == 202
        assert [attempt_of(request) for request in setup.http.requests] == [1, 1, 1, 1]
        assert setup.slept == [0.25, 0.5, 1.0]

    def test_retries_end_within_the_budget_and_then_503(self) -> None:
        setup = SendSetup([UNREACHED], fraction=1.0)
        reply = setup.post()
        assert reply.status == 503
        assert 15 < (setup.clock() - START).total_seconds() <= 20

    def test_the_time_that_recording_took_counts_into_the_budget(self) -> None:
        class Slow(MemoryMessages):
            def put(self, record: Record) -> Written | NotWritten:
                setup.clock.sleep(15)
                return super().put(record)

        setup = SendSetup([UNREACHED], fraction=1.0, messages=Slow())
        assert setup.post().status == 503
        assert (setup.clock() - START).total_seconds() <= 20


class TestWhatIsKept:
    def test_the_text_is_not_stored_by_default(self) -> None:
        setup = SendSetup()
        setup.post()
        assert only(setup).body is None
        assert "parcel" not in repr(table(setup).records)

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

    def test_the_same_key_in_two_stacks_makes_two_messages(self) -> None:
        here, there = SendSetup(), SendSetup(rules=replace(RULES, stack="sms-tracker-dev"))
        assert here.post(KEY).body["message_id"] != there.post(KEY).body["message_id"]

    def test_new_callbacks_go_to_the_first_public_address(self) -> None:
        setup = SendSetup(settings=FixedSettings(urls=("https://new.example.com", "https://old.example.com")))
        setup.post()
        assert callback_of(setup.http.requests[0]).startswith("https://new.example.com/webhooks/twilio?")

    @pytest.mark.parametrize(
        ("senders", "given", "expected"),
        [
            ({"twilio": "MG" + "0" * 32}, None, {"MessagingServiceSid": ["MG" + "0" * 32]}),
            ({"twilio": "12345"}, None, {"From": ["12345"]}),
            ({"twilio": "+15551234567"}, "MyShop", {"From": ["MyShop"]}),
            ({}, "+31687654321", {"From": ["+31687654321"]}),
        ],
    )
    def test_the_sender_is_the_clients_or_the_providers_default(
        self, senders: dict[str, str], given: str | None, expected: dict[str, Sequence[str]]
    ) -> None:
        setup = SendSetup(rules=replace(RULES, policy=replace(POLICY, senders=senders)))
        assert setup.post(sender=given).status == 202
        form = parse_qs(setup.http.requests[0].body.decode())
        assert {name: form[name] for name in ("From", "MessagingServiceSid") if name in form} == expected

    def test_a_field_that_the_provider_needs_and_has_no_default_for_is_a_400_that_names_it(self) -> None:
        setup = SendSetup(
            rules=replace(RULES, policy=replace(POLICY, providers=("bird",), senders={"bird": "Acme"})),
            settings=FixedSettings(credentials={"bird": {"api_key": "bk_eu1_examplekey"}}),
        )
        reply = setup.post("order-42", provider="bird")

        assert (reply.status, reply.body["errors"]) == (
            400,
            [{"field": "category", "message": "is required: bird has no default category here"}],
        )
        assert (setup.http.requests, setup.messages.records) == ([], {})  # type: ignore[attr-defined]  # in memory
        assert setup.post("order-42", provider="bird", category="service").status != 400

    def test_validity_reaches_the_provider(self) -> None:
        setup = SendSetup()
        setup.post(validity_seconds=3600)
        assert parse_qs(setup.http.requests[0].body.decode())["ValidityPeriod"] == ["3600"]
