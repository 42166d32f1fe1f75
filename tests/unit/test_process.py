"""The processor on fakes: a batch of queued reports reaches its records, and none of them is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Barrier
from typing import Any, Never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker import providers
from sms_tracker.domain.errors import Rejected, SmsTrackerError, Unavailable
from sms_tracker.domain.ports import Each, NotWritten, Written
from sms_tracker.domain.queued import Envelope, RawInbound, RefusedSend, decode_reply, decode_report, encode_report
from sms_tracker.domain.record import MAX_REPORTS, Change, Record
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.status import Status
from sms_tracker.services.process import Handled, QueueMessage, ReportProcessor
from sms_tracker.services.receive import RawEvents
from tests import factories
from tests.factories import MESSAGE_ID, NOW
from tests.fakes import START, FakeClock, FixedSettings, MemoryMessages, MemoryQueue
from tests.setups import SID, callback_token

OTHER_ID = "11111111-53cf-4f13-9f0c-6a35d1a3f7de"
MISSING_ID = "22222222-53cf-4f13-9f0c-6a35d1a3f7de"
SENT_AT = START - timedelta(minutes=1)


ENVELOPE = Envelope(provider="", message_id=None, attempt=1, source=Source.CALLBACK, received_at=NOW, fields={})


def body(word: str = "sent", *, fields: Mapping[str, str] | None = None, **values: Any) -> str:
    """One queued Twilio callback; ``fields`` are laid over its own."""
    named = {"MessageSid": SID, "MessageStatus": word, **(fields or {})}
    return encode_report(
        replace(ENVELOPE, **{"provider": "twilio", "message_id": MESSAGE_ID, "fields": named, **values})
    )


@dataclass
class FaultyMessages(MemoryMessages):
    """A table that fails for the messages in ``errors``, and at every look-up by provider id if ``blind``."""

    errors: dict[str, SmsTrackerError] = field(default_factory=dict)
    blind: SmsTrackerError | None = None

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        if message_id in self.errors:
            raise self.errors[message_id]
        return super().change(message_id, change)

    def by_provider_id(self, provider: str, provider_message_id: str) -> str | None:
        if self.blind is not None:
            raise self.blind
        return super().by_provider_id(provider, provider_message_id)


@dataclass
class Setup:
    """The processor with two messages, and queues that one can look into."""

    messages: FaultyMessages = field(default_factory=FaultyMessages)
    again: MemoryQueue = field(default_factory=MemoryQueue)
    unmatched: MemoryQueue = field(default_factory=MemoryQueue)
    dead: MemoryQueue = field(default_factory=MemoryQueue)
    replies: MemoryQueue = field(default_factory=MemoryQueue)
    each: Each = map
    settings: FixedSettings = field(default_factory=FixedSettings)
    without_webhook: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for message_id in (MESSAGE_ID, OTHER_ID):
            self.messages.records[message_id] = factories.record(message_id=message_id)

    def drain(self, *bodies: str) -> list[Handled]:
        processor = ReportProcessor(
            messages=self.messages,
            queue=self.again,
            unmatched=self.unmatched,
            dlq=self.dead,
            replies=self.replies,
            clock=FakeClock(),
            raw_events=RawEvents(
                providers=[providers.webhooks(name) for name in self.without_webhook],
                replies=self.replies,
                settings=self.settings,
            )
            if self.without_webhook
            else None,
            map_groups=self.each,
        )
        return processor.process([QueueMessage(f"q{number}", each, SENT_AT) for number, each in enumerate(bodies)])

    def decisions(self, *bodies: str) -> dict[str, str]:
        return {queue_id: each.decision for each in self.drain(*bodies) for queue_id in each.queue_ids}

    @property
    def sent(self) -> list[tuple[str, str | None, int]]:
        """What went to any queue."""
        return [*self.again.sent, *self.unmatched.sent, *self.dead.sent]

    def record(self, message_id: str = MESSAGE_ID) -> Record:
        return self.messages.records[message_id]


class TestAboutNoMessage:
    """What a provider sends that names no message of anybody's: its own test, or the event of another API."""

    def test_a_providers_test_of_the_endpoint_is_dropped(self) -> None:
        for data in ("", ',"data":{}', ',"data":null'):
            setup = Setup()
            stub = {"body": '{"type":"sms.delivered"' + data + "}"}
            (handled,) = setup.drain(encode_report(replace(ENVELOPE, provider="bird", fields=stub)))
            assert (handled.decision, handled.reports) == ("test", ())
            assert setup.sent == []

    def test_an_unfamiliar_event_with_data_is_no_test(self) -> None:
        setup = Setup()
        event = {"body": '{"type":"domain.verified","data":{"domain_id":"dom_1"}}'}
        assert setup.decisions(encode_report(replace(ENVELOPE, provider="bird", fields=event, tries=1))) == {
            "q0": "unmatched"
        }
        assert setup.unmatched.sent[0][1] == "no message has this provider id"

    @pytest.mark.parametrize("message_id", [None, MESSAGE_ID])
    def test_an_event_of_birds_middle_generation_is_set_aside_at_once_with_that_reason(
        self, message_id: str | None
    ) -> None:
        setup = Setup()
        event = {"service": "channels", "event": "sms.outbound", "payload[id]": "5cbae1a4"}
        queued = encode_report(replace(ENVELOPE, provider="messagebird", message_id=message_id, fields=event))
        assert setup.decisions(queued) == {"q0": "unmatched"}
        ((body, reason, _),) = setup.unmatched.sent
        assert (body, str(reason).partition(" (")[0]) == (queued, "signed in Bird's middle generation")
        assert (setup.again.sent, setup.messages.writes) == ([], 0)
        setup.unmatched.fail = True
        assert setup.decisions(queued) == {"q0": "failed"}


OF_ANOTHER = replace(
    ENVELOPE,
    provider="messagebird",
    message_id=MESSAGE_ID,
    fields={"id": "abc", "status": "delivery_failed", "statusErrorCode": "103", "recipient": "31687654321"},
)


class TestTracked:
    def test_a_report_moves_its_message_with_one_write(self) -> None:
        setup = Setup()
        (handled,) = setup.drain(body("delivered", attempt=2))
        assert (handled.decision, handled.message_id, handled.provider) == ("applied", MESSAGE_ID, "twilio")
        state = setup.record().state
        assert (state.status, state.attempt, state.ids) == (Status.DELIVERED, 2, {2: SID})
        assert setup.messages.writes == 1

    def test_the_reports_of_each_message_in_a_batch_are_one_write(self) -> None:
        setup = Setup()
        handled = setup.drain(body("delivered"), body("sent"), body("sending", message_id=OTHER_ID), body("sent"))
        assert [(each.decision, each.queue_ids) for each in handled] == [
            ("applied", ("q0", "q1", "q3")),
            ("applied", ("q2",)),
        ]
        assert setup.messages.writes == 2
        assert {entry.word for entry in setup.record().reports.values()} == {"delivered", "sent"}
        assert setup.record().state.status is Status.DELIVERED
        assert setup.record(OTHER_ID).state.status is Status.SENDING

    def test_what_came_before_is_a_duplicate_and_what_came_late_is_noted(self) -> None:
        setup = Setup()
        setup.drain(body("delivered"))
        assert setup.decisions(body("delivered")) == {"q0": "duplicate"}
        assert setup.decisions(body("sent")) == {"q0": "noted"}
        assert setup.record().state.status is Status.DELIVERED

    def test_a_word_that_nobody_knows_is_noted_raw_and_moves_nothing(self) -> None:
        setup = Setup()
        (handled,) = setup.drain(body("teleported", fields={"Speed": "c"}))
        assert handled.decision == "noted"
        assert [report.recognised for report in handled.reports] == [False]
        (entry,) = setup.record().reports.values()
        assert (entry.word, entry.fields) == ("teleported", {"Speed": "c"})
        assert setup.record().state.status is Status.PENDING

    def test_a_report_about_another_recipient_is_kept_moves_nothing_and_is_told(self) -> None:
        setup = Setup()
        (handled,) = setup.drain(encode_report(OF_ANOTHER))
        assert handled.tracked is not None
        assert len(handled.tracked.foreign) == 1
        assert setup.record().state.status is Status.PENDING
        assert [entry.foreign for entry in setup.record().reports.values()] == [True]


class TestRefusals:
    """Reports that a provider refused a message because its recipient opted out."""

    OPTED_OUT = body("undelivered", fields={"ErrorCode": "21610"})

    def test_each_attempt_is_passed_on_once_a_batch_and_again_with_a_repeated_report(self) -> None:
        setup = Setup()
        second = body("undelivered", attempt=2, fields={"ErrorCode": "21610"})
        setup.drain(self.OPTED_OUT, self.OPTED_OUT, second)
        first, later = (RefusedSend(message_id=MESSAGE_ID, attempt=attempt) for attempt in (1, 2))
        assert [decode_reply(each) for each in setup.replies.bodies] == [first, later]

        setup.drain(self.OPTED_OUT)
        assert decode_reply(setup.replies.bodies[-1]) == first

    @pytest.mark.parametrize(
        "report",
        [
            body("undelivered", fields={"ErrorCode": "30003"}),
            encode_report(OF_ANOTHER),
            body("undelivered", message_id=MISSING_ID, fields={"ErrorCode": "21610"}),
        ],
        ids=["another-failure", "another-recipient", "no-message"],
    )
    def test_nothing_else_opts_anybody_out_and_no_repetition_of_it(self, report: str) -> None:
        setup = Setup()
        for _ in range(2):
            setup.drain(report)
        assert setup.replies.bodies == []


class TestDead:
    @pytest.mark.parametrize(
        ("garbage", "reason"),
        [
            *((garbage, "not JSON") for garbage in ("", "{", "[" * 100_000)),
            *((garbage, "not an envelope") for garbage in ("null", "[]", "{}", body().replace('"v":1', '"v":2'))),
            (json.dumps({"v": 1, "provider": "twilio"}), "lacks a field"),
            (body().replace('"callback"', '"gossip"'), "source"),
            *((body().replace('"attempt":1', f'"attempt":{value}'), "wrong type") for value in ('"1"', 20, "true")),
            (body().replace('"MessageStatus":"sent"', '"MessageStatus":3'), "wrong type"),
            (body().replace('"received_at":"', '"received_at":"about '), "received_at is not a time"),
            (body(provider="nexmo"), "no such provider"),
        ],
    )
    def test_what_can_never_be_read_goes_to_the_dlq_at_once_with_its_reason(self, garbage: str, reason: str) -> None:
        setup = Setup()
        assert setup.decisions(garbage, body("delivered")) == {"q0": "dead", "q1": "applied"}
        ((buried, why, _),) = setup.dead.sent
        assert buried == garbage
        assert reason in str(why)

    def test_a_write_that_aws_will_never_take_goes_to_the_dlq_with_every_report_in_it(self) -> None:
        setup = Setup()
        setup.messages.errors[MESSAGE_ID] = Rejected("write: ValidationException")
        bodies = [body("sent"), body("delivered")]
        assert setup.decisions(*bodies) == {"q0": "dead", "q1": "dead"}
        assert setup.dead.sent == [(each, "write: ValidationException", 0) for each in bodies]

    @pytest.mark.parametrize(
        "setup",
        [
            Setup(FaultyMessages(blind=Rejected("never: Exception"))),
            Setup(again=MemoryQueue(fail=True, error=Rejected("never: Exception"))),
        ],
        ids=["look-up", "deferral"],
    )
    def test_a_look_up_or_deferral_that_aws_will_never_take_goes_to_the_dlq(self, setup: Setup) -> None:
        assert setup.decisions(body(message_id=None)) == {"q0": "dead"}
        assert setup.dead.sent == [(body(message_id=None), "never: Exception", 0)]

    @pytest.mark.parametrize("error", [Unavailable("SendMessage: Throttled"), Rejected("SendMessage: TooLong")])
    def test_where_even_the_dlq_refuses_it_comes_again(self, error: SmsTrackerError) -> None:
        setup = Setup(dead=MemoryQueue(fail=True, error=error))
        setup.messages.errors[MESSAGE_ID] = Rejected("write: ValidationException")
        assert setup.decisions("{", body("sent")) == {"q0": "failed", "q1": "failed"}


class TestUnmatched:
    def test_a_report_about_a_message_that_does_not_exist_goes_to_unmatched_at_once(self) -> None:
        setup = Setup()
        bodies = [body("sent", message_id=MISSING_ID), body("delivered", message_id=MISSING_ID)]
        assert setup.decisions(*bodies) == {"q0": "unmatched", "q1": "unmatched"}
        assert setup.unmatched.sent == [(each, "no message has this id", 0) for each in bodies]

    def test_a_report_without_our_id_is_matched_by_the_providers_and_written_with_the_others(self) -> None:
        setup = Setup()
        setup.drain(body("sending"))
        setup.messages.writes = 0
        assert setup.decisions(body("delivered", message_id=None)) == {"q0": "applied"}
        assert setup.record().state.status is Status.DELIVERED
        setup.drain(body("sent"), body("read", message_id=None))
        assert setup.messages.writes == 2

    @pytest.mark.parametrize("fields", [{}, {"MessageSid": ""}], ids=["unknown id", "no id at all"])
    def test_what_is_not_found_is_looked_up_once_more_after_a_while_and_then_unmatched(
        self, fields: dict[str, str]
    ) -> None:
        setup = Setup()
        first = body("delivered", message_id=None, fields=fields)
        assert setup.decisions(first) == {"q0": "deferred"}
        ((deferred, reason, delay),) = setup.again.sent
        assert (reason, delay) == (None, 15)
        assert decode_report(deferred) == replace(decode_report(first), tries=1)
        assert setup.unmatched.sent == []
        assert setup.decisions(deferred) == {"q0": "unmatched"}
        assert setup.unmatched.sent == [(deferred, "no message has this provider id", 0)]
        assert len(setup.again.sent) == 1

    def test_a_deferred_report_finds_the_message_that_the_sender_has_stored_by_then(self) -> None:
        setup = Setup()
        setup.drain(body("delivered", message_id=None), body("queued", source=Source.ANSWER))
        assert setup.decisions(setup.again.bodies[0]) == {"q0": "applied"}
        assert setup.record().state.status is Status.DELIVERED

    def test_reports_beyond_a_full_timeline_move_the_message_and_are_kept_raw(self) -> None:
        setup = Setup()
        setup.drain(*(body(f"word-{number}") for number in range(MAX_REPORTS)))
        decisions = setup.decisions(body("word-0"), body("delivered"), body("odd"))
        assert decisions == {"q0": "applied", "q1": "applied", "q2": "applied"}
        assert setup.record().state.status is Status.DELIVERED
        assert len(setup.record().reports) == MAX_REPORTS
        setup.unmatched.fail = True
        assert setup.decisions(body("read")) == {"q0": "failed"}
        setup.unmatched.fail = False
        assert setup.decisions(body("read")) == {"q0": "duplicate"}
        reason = "the message's timeline is full"
        assert setup.unmatched.sent == [(body(word), reason, 0) for word in ("delivered", "odd", "read")]


class TestFailed:
    def test_only_what_failed_is_named_and_it_is_applied_when_it_comes_again(self) -> None:
        setup = Setup()
        setup.messages.errors[MESSAGE_ID] = Unavailable("write: ThrottlingException")
        handled = setup.drain(body("sent"), body("sent", message_id=OTHER_ID), "{", body("delivered"))
        by_decision = {each.decision: each.queue_ids for each in handled}
        assert by_decision == {"failed": ("q0", "q3"), "applied": ("q1",), "dead": ("q2",)}
        (failed,) = [each for each in handled if each.decision == "failed"]
        assert failed.error == "write: ThrottlingException"
        setup.messages.errors.clear()
        assert set(setup.decisions(body("sent"), body("delivered")).values()) == {"applied"}
        assert setup.record().state.status is Status.DELIVERED

    def test_a_look_up_that_fails_for_now_comes_again(self) -> None:
        setup = Setup(FaultyMessages(blind=Unavailable("Query: ThrottlingException")))
        assert setup.decisions(body(message_id=None), body("sent")) == {"q0": "failed", "q1": "applied"}
        assert setup.again.sent == []

    @pytest.mark.parametrize(
        ("queue", "report"),
        [
            ("again", body(message_id=None)),
            ("unmatched", body(message_id=None, tries=1)),
            ("unmatched", body(message_id=MISSING_ID)),
            ("dead", "{"),
        ],
    )
    def test_what_a_queue_does_not_take_comes_again(self, queue: str, report: str) -> None:
        setup = Setup(**{queue: MemoryQueue(fail=True)})  # type: ignore[arg-type]  # all of these are queues
        assert setup.decisions(report, body("sent", message_id=OTHER_ID)) == {"q0": "failed", "q1": "applied"}


@settings(deadline=None)
@given(
    st.lists(
        st.text() | st.builds(body, st.text(max_size=5), message_id=st.sampled_from([None, MESSAGE_ID, MISSING_ID]))
    )
)
def test_every_report_of_any_batch_ends_somewhere(bodies: list[str]) -> None:
    setup = Setup()
    decisions = setup.decisions(*bodies)
    assert set(decisions) == {f"q{number}" for number in range(len(bodies))}
    for queue_id, decision in decisions.items():
        report = bodies[int(queue_id[1:])]
        if decision == "dead":
            assert report in setup.dead.bodies
        elif decision == "deferred":
            assert encode_report(replace(decode_report(report), tries=1)) in setup.again.bodies
        elif decision == "unmatched":
            assert report in setup.unmatched.bodies
        else:
            assert decision in {"applied", "noted", "duplicate"}


@dataclass
class Meeting(FaultyMessages):
    """A table whose writes go on only when as many are under way as ``barrier`` waits for."""

    barrier: Barrier = field(default_factory=lambda: Barrier(4, timeout=30))

    def change(self, message_id: str, change: Change) -> Written | NotWritten:
        self.barrier.wait()
        return super().change(message_id, change)


class TestSeveralAtOnce:
    def test_messages_of_a_batch_are_written_at_the_same_time_and_told_in_the_batchs_order(self) -> None:
        setup = Setup(messages=Meeting(), each=ThreadPoolExecutor(4).map)
        ids = [f"{number:08}-53cf-4f13-9f0c-6a35d1a3f7de" for number in range(8)]
        for message_id in ids:
            setup.messages.records[message_id] = factories.record(message_id=message_id)

        handled = setup.drain(*(body("delivered", message_id=message_id) for message_id in ids))

        assert [each.message_id for each in handled] == ids
        assert {each.decision for each in handled} == {"applied"}

    def test_a_single_message_is_written_by_one_write_without_a_thread(self) -> None:
        def unused(*_: object) -> Never:
            raise AssertionError("a single write was handed over")

        setup = Setup(each=unused)
        (handled,) = setup.drain(body("sent"), body("delivered"), body("sending"))
        assert (handled.decision, setup.record().version) == ("applied", 2)

    def test_what_fails_is_named_as_if_they_were_written_one_after_the_other(self) -> None:
        bodies = ["?", body("sent"), body("delivered", message_id=OTHER_ID), body("sent", message_id=MISSING_ID), "{}"]
        errors: dict[str, SmsTrackerError] = {OTHER_ID: Unavailable("no"), MISSING_ID: Rejected("never")}
        plain, threaded = (
            Setup(messages=FaultyMessages(errors=errors), each=each) for each in (map, ThreadPoolExecutor(8).map)
        )

        assert threaded.drain(*bodies) == plain.drain(*bodies)
        assert threaded.dead.bodies == plain.dead.bodies


AWS_ID = "862a8790-60c0-4430-9b2b-658bdc0ffee1"


def context(message_id: str = MESSAGE_ID, attempt: str = "1", *, of: str = MESSAGE_ID, **more: str) -> dict[str, str]:
    """What our message carried; its token is that of message ``of``."""
    return {"message_id": message_id, "attempt": attempt, "token": callback_token("aws", of, 1), **more}


def event(word: str = "DELIVERED", *, context: object = context(), **values: object) -> str:
    """One event of AWS, as SNS delivers it raw to the queue."""
    whole = {"eventType": f"TEXT_{word}", "isFinal": True, "messageId": AWS_ID, "eventTimestamp": 1769860800000}
    return json.dumps({**whole, "context": context, **values})


def with_events(**values: object) -> Setup:
    """A deployment with AWS, and a message that it took."""
    setup = Setup(without_webhook=("aws",), **values)  # type: ignore[arg-type]  # each test names fields of Setup
    state = replace(setup.record().state, provider="aws")
    setup.messages.records[MESSAGE_ID] = replace(setup.record(), state=state)
    return setup


class TestEventsWithoutAWebhook:
    def test_an_event_moves_its_message_by_its_context(self) -> None:
        setup = with_events()
        (handled,) = setup.drain(event())
        assert (handled.decision, handled.message_id, handled.provider) == ("applied", MESSAGE_ID, "aws")
        assert (setup.record().state.status, setup.record().state.ids) == (Status.DELIVERED, {1: AWS_ID})

    def test_failures_that_are_not_final_move_nothing_in_any_order(self) -> None:
        # Found in AWS's guides
        setup = with_events()
        trying = [event(word, isFinal=False) for word in ("UNREACHABLE", "CARRIER_UNREACHABLE", "BLOCKED", "SPAM")]
        setup.drain(*trying)
        assert (setup.record().state.status, setup.record().version) == (Status.PENDING, 1)
        assert len(setup.record().reports) == 4
        setup.drain(event(), *trying)
        assert setup.record().state.status is Status.DELIVERED

    @pytest.mark.parametrize(
        ("accepted", "status"), [("", Status.UNKNOWN), ("US,NL", Status.UNKNOWN), ("ES", Status.DELIVERED)]
    )
    def test_a_final_success_is_unknown_or_delivered_by_the_countries_that_the_message_carried(
        self, accepted: str, status: Status
    ) -> None:
        setup = with_events()
        setup.drain(event("SUCCESSFUL", isoCountryCode="ES", context=context(carrier_accepted=accepted)))
        assert setup.record().state.status is status

    @pytest.mark.parametrize("attempt", ["1", "2"])
    def test_an_event_with_another_stacks_token_is_acknowledged_and_nothing_else(self, attempt: str) -> None:
        setup = with_events()
        (handled,) = setup.drain(event(context=context(attempt=attempt, of=OTHER_ID)))
        assert (handled.decision, setup.messages.writes, setup.sent) == ("foreign", 0, [])

    def test_a_reply_goes_to_its_own_queue(self) -> None:
        setup = with_events()
        reply = {"originationNumber": "+31612345678", "destinationNumber": "+15551234567", "messageBody": "STOP"}
        (handled,) = setup.drain(json.dumps({**reply, "inboundMessageId": "cae173d2"}))
        (queued,) = setup.replies.bodies
        heard = decode_reply(queued)
        assert (handled.decision, setup.messages.writes) == ("heard", 0)
        assert isinstance(heard, RawInbound)
        assert (heard.provider, heard.fields["messageBody"]) == ("aws", "STOP")
        assert heard.received_at == timestamp(SENT_AT)  # not when it was read, which another try would delay

    def test_an_event_without_a_token_counts_by_an_id_that_we_hold(self) -> None:
        setup = with_events()
        setup.drain(event("PENDING", isFinal=False))
        (handled,) = setup.drain(event(context={"message_id": OTHER_ID}))
        assert (handled.decision, setup.record().state.status) == ("applied", Status.DELIVERED)
        assert setup.record(OTHER_ID).state.status is Status.PENDING

    def test_an_event_without_our_id_is_looked_up_twice_as_a_report_of_ours(self) -> None:
        setup = with_events()
        assert setup.decisions(event(context={})) == {"q0": "deferred"}
        (again,) = setup.again.bodies
        assert (decode_report(again).tries, decode_report(again).provider) == (1, "aws")
        assert setup.decisions(again) == {"q0": "unmatched"}

    @pytest.mark.parametrize("raw", ['{"eventType":1e400}', '{"eventTyp\\u0000":"x"}'])
    def test_an_odd_event_ends_somewhere(self, raw: str) -> None:
        assert with_events().decisions(raw)["q0"] in {"deferred", "dead"}

    @pytest.mark.parametrize(
        ("raw", "told"),
        [
            ("{}", ""),
            ('{"Type":"Notification","Message":"{}"}', ""),
            ("poison", "JSON"),
            ("[]", "envelope"),
            ('{"v":99}', "envelope"),
            ('{"v":1,"eventType":"TEXT_DELIVERED"}', "envelope"),
            ("null", "envelope"),
        ],
    )
    def test_what_is_no_event_goes_to_the_dlq_as_it_came_and_is_judged_as_an_envelope(
        self, raw: str, told: str
    ) -> None:
        # Found in AWS's guides
        setup = with_events()
        assert setup.decisions(raw) == {"q0": "dead"}
        ((body, reason, _),) = setup.dead.sent
        assert body == raw
        assert told in str(reason)

    def test_a_deployment_without_such_a_provider_reads_no_event_and_no_setting(self) -> None:
        setup = Setup()
        assert setup.decisions(event(), body("sent")) == {"q0": "dead", "q1": "applied"}
        assert setup.settings.asked == []

    def test_an_event_waits_for_settings_that_cannot_be_read_and_the_others_do_not(self) -> None:
        setup = with_events(settings=FixedSettings(error=Unavailable("no settings")))
        assert setup.decisions(event(), body("sent", message_id=OTHER_ID)) == {"q0": "failed", "q1": "applied"}
        assert setup.dead.sent == []
