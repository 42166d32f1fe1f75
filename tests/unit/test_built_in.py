"""Test keys: each documented number through send, queue, processor and events; and what a test must not touch."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ops.records import stuck
from sms_tracker import providers
from sms_tracker.aws import gateway
from sms_tracker.aws.items import from_item, to_item
from sms_tracker.config import SendConfig, load
from sms_tracker.domain.bus import StreamChange
from sms_tracker.domain.errors import InvalidSignature, Misconfigured, Unavailable, Unreadable
from sms_tracker.domain.http import Caller, HttpRequest
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.domain.status import Outcome, Reason, Status
from sms_tracker.providers.test.numbers import NUMBERS, OPTED_OUT
from sms_tracker.providers.test.report import CODES
from sms_tracker.read.messages import MessageReader
from sms_tracker.services.built_in import for_test_keys, policy
from sms_tracker.services.events import SOURCE, TEST_SOURCE
from sms_tracker.services.idempotency import keyed_message_id
from sms_tracker.services.process import QueueMessage, ReportProcessor
from sms_tracker.services.publish import PublishPolicy, arrival, bus_event, reached_outcomes
from sms_tracker.services.responses import ApiResponse
from tests.factories import MESSAGE_ID
from tests.fakes import START, FixedSettings, MemoryMessages, MemoryQueue
from tests.limits import limits
from tests.memory_search import MemorySearch
from tests.opt_outs import MemoryOptOuts
from tests.setups import POLICY, SendSetup
from tests.unit.test_config import GOOD
from tests.unit.test_reconcile import Setup

DOC = Path(__file__).parents[2] / "docs" / "test-keys.md"
NUMBER = "+120255501{}".format
EVERYTHING = PublishPolicy(statuses=frozenset(map(str, Status)) | {"corrections"}, personal_data=False)


def documented() -> dict[str, str]:
    """The page's list: each number, and what happens."""
    return dict(re.findall(r"^- `(\+1202555\d{4})`: (.+)$", DOC.read_text(), flags=re.MULTILINE))


class Testing:
    """A live setup, whose every call would fail, and the Sender of test keys beside it."""

    __test__ = False

    def __init__(self) -> None:
        self.opt_outs = MemoryOptOuts(fail=True)
        nothing = FixedSettings(credentials={}, limits=limits(daily_cap=0))
        self.live = SendSetup((), settings=nothing, opt_outs=self.opt_outs)
        self.queue, self.dead = MemoryQueue(), MemoryQueue()
        self.live.sender = for_test_keys(self.live.sender, settings=nothing, reports=self.queue)

    @property
    def messages(self) -> MemoryMessages:
        assert isinstance(self.live.messages, MemoryMessages)
        return self.live.messages

    def post(self, to: str, key: str | None = None, **fields: str) -> ApiResponse:
        return self.live.post(key, client="shop", to=to, **fields)

    def deliver(self) -> list[Record]:
        """Each report when it is due; the record after each."""
        processor = ReportProcessor(
            messages=self.messages,
            queue=self.queue,
            unmatched=self.dead,
            dlq=self.dead,
            clock=self.live.clock,
            replies=self.live.replies,
        )
        due = sorted(self.queue.sent, key=lambda sent: sent[2])
        self.queue.sent = []
        after = []
        for number, (body, _, delay) in enumerate(due):
            self.live.clock.now = max(self.live.clock.now, START + timedelta(seconds=delay))
            processor.process([QueueMessage(str(number), body)])
            after.append(self.record)
        return after

    @property
    def record(self) -> Record:
        (record,) = self.messages.records.values()
        return record


@pytest.fixture
def testing() -> Testing:
    return Testing()


def reason(record: Record) -> str | None:
    return str(record.state.shown_failure.reason) if record.state.shown_failure else None


ENDS = {
    **dict.fromkeys(("00", "04", "05", "07", "18", "33", "99"), ("delivered", None)),
    "01": ("undelivered", "unreachable"),
    "02": ("expired", "expired"),
    "03": ("failed", "provider_error"),
    "08": ("accepted", None),
    "26": ("undelivered", "invalid_recipient"),
    "27": ("undelivered", "blocked"),
    "28": ("undelivered", "content_filtered"),
    "29": ("undelivered", "landline"),
    "30": ("undelivered", "sender_rejected"),
    "31": ("canceled", "canceled"),
    "32": ("unknown", None),
}


class TestNumbers:
    @pytest.mark.parametrize("digits", ENDS)
    def test_a_message_that_is_taken_ends_as_documented(self, testing: Testing, digits: str) -> None:
        answered = testing.post(NUMBER(digits))
        testing.deliver()

        assert answered.status == 202
        assert answered.body["status"] == ("pending" if digits == "07" else "accepted")
        assert (str(testing.record.state.status), reason(testing.record)) == ENDS[digits]
        assert testing.dead.sent == []

    @pytest.mark.parametrize(
        ("digits", "status", "decision", "why"),
        [
            ("09", 422, "refused-by-provider", "invalid_recipient"),
            ("10", 422, "recipient-opted-out", "opted_out"),
            ("12", 503, "provider-unavailable", None),
            ("23", 502, "account-refused", None),
        ],
    )
    def test_a_message_that_is_not_taken_is_answered_as_documented(
        self, testing: Testing, digits: str, status: int, decision: str, why: str | None
    ) -> None:
        answered = testing.post(NUMBER(digits))

        assert (answered.status, answered.decision, answered.body.get("reason")) == (status, decision, why)
        assert testing.queue.sent == []
        assert testing.live.slept == []

    def test_after_a_503_the_same_key_is_taken(self, testing: Testing) -> None:
        refused, again = (testing.post(NUMBER("12"), "order-42") for _ in range(2))
        testing.deliver()

        assert (refused.status, refused.headers["retry-after"], again.status) == (503, "1", 202)
        assert (testing.record.state.status, testing.record.state.attempt) == (Status.DELIVERED, 2)

    def test_a_correction_is_a_failure_first(self, testing: Testing) -> None:
        testing.post(NUMBER("18"))

        assert [record.state.status for record in testing.deliver()] == [Status.UNDELIVERED, Status.DELIVERED]

    def test_a_slow_answer_takes_five_seconds(self, testing: Testing) -> None:
        assert testing.post(NUMBER("33")).status == 202
        assert testing.live.slept == [5.0]

    def test_reports_leave_the_queue_when_they_are_due(self, testing: Testing) -> None:
        testing.post(NUMBER("04"))

        assert [delay for _, _, delay in testing.queue.sent] == [1, 20]
        assert json.loads(testing.queue.bodies[1])["received_at"] == "2026-01-31T12:00:20.000Z"

    def test_repeated_and_reversed_reports_are_stored_once(self, testing: Testing) -> None:
        testing.post(NUMBER("05"))
        testing.deliver()

        assert sorted(entry.word for entry in testing.record.reports.values()) == ["accepted", "delivered", "sent"]

    def test_the_page_lists_every_number_with_its_end(self) -> None:
        assert documented().keys() == {*NUMBERS, OPTED_OUT}
        for digits in ENDS.keys() - {"99"}:
            assert all(f"`{word}`" in documented()[NUMBER(digits)] for word in ENDS[digits] if word)

    def test_every_code_is_a_reason_with_a_text(self) -> None:
        assert all(Reason(code) and text for code, (_, text) in CODES.items())


class TestApart:
    def test_neither_kind_of_key_reaches_the_others_provider(self, testing: Testing) -> None:
        refused = testing.post(NUMBER("00"), provider="twilio"), SendSetup().post(provider="test")

        assert [each.status for each in refused] == [400, 400]
        assert "a test key reaches no other" in str(refused[0].body["errors"])
        assert "test needs a test key" in str(refused[1].body["errors"])

    def test_no_deployment_can_enable_it(self) -> None:
        assert providers.BUILT_IN not in providers.names()
        with pytest.raises(Misconfigured, match=r"settings: PROVIDERS$"):
            load(SendConfig, {**GOOD, "PROVIDERS": "twilio,test"})

    def test_documented_numbers_are_open_in_every_deployment(self, testing: Testing) -> None:
        rules = testing.live.sender.rules
        dutch = replace(POLICY, allowed=replace(POLICY.allowed, countries=frozenset({"NL"})))
        testing.live.sender = replace(testing.live.sender, rules=replace(rules, policy=policy(dutch)))

        assert [testing.post(to).status for to in (NUMBER("00"), "+31612345678", "+4915112345678")] == [202, 202, 400]

    def test_a_key_of_a_test_never_replays_in_live(self) -> None:
        setup = SendSetup()
        testing = for_test_keys(setup.sender, settings=FixedSettings(credentials={}), reports=MemoryQueue())
        first = setup.post("order-42", to=NUMBER("00"))

        setup.sender = testing
        second = setup.post("order-42", to=NUMBER("00"))

        assert (first.status, second.status) == (202, 202)
        assert first.body["message_id"] != second.body["message_id"]
        assert "idempotent-replayed" not in second.headers
        assert keyed_message_id("s#test", "shop", "k") == keyed_message_id("s", "shop", "k", test=True)

    def test_opt_outs_are_neither_asked_nor_learnt(self, testing: Testing) -> None:
        for digits in ("00", "09", "10", "26"):
            testing.post(NUMBER(digits))

        assert testing.opt_outs.asked == []
        assert testing.live.replies.sent == []

    def test_an_event_has_a_source_of_its_own_and_no_figure_counts_it(self, testing: Testing) -> None:
        testing.post(NUMBER("01"))
        old = testing.record
        testing.deliver()
        new = testing.record
        live = replace(old, test=False), replace(new, test=False)

        for (before, after), source in (((old, new), TEST_SOURCE), (live, SOURCE)):
            event = bus_event(before, after, EVERYTHING)
            assert event is not None
            assert event.source == source
            assert json.loads(event.detail)["outcome"] == Outcome.FAILURE
        change = StreamChange(sequence="1", raw={}, old=old, new=new)
        assert list(reached_outcomes([change])) == []
        assert arrival(change) is None
        assert len(list(reached_outcomes([replace(change, old=live[0], new=live[1])]))) == 1

    def test_the_mode_is_stored_and_each_kind_of_key_reads_its_own_messages(self, testing: Testing) -> None:
        testing.post(NUMBER("00"))
        record, scopes = testing.record, frozenset({"read", "admin"})
        reader = MessageReader(
            messages=testing.messages,
            search=MemorySearch([record]),
            clock=testing.live.clock,
            countries=None,
            mode=ScopeMode.OFF,
        )

        assert from_item(to_item(record)).test
        assert "test" not in to_item(replace(record, test=False))
        for test, status in ((True, 200), (False, 404)):
            caller = Caller("shop", scopes, test=test)
            listed = reader.many(caller, {"to": NUMBER("00")}).body["messages"]
            assert (reader.one(caller, record.message_id).status, bool(listed)) == (status, test)


class TestReconciler:
    @pytest.fixture
    def silent(self, testing: Testing) -> Record:
        testing.post(NUMBER("08"))
        return replace(testing.record, message_id=MESSAGE_ID)

    def test_a_message_without_a_report_ends_as_unknown_and_nobody_is_asked(self, silent: Record) -> None:
        setup = Setup(silent, age=timedelta(hours=72))

        assert setup.run() == {"opened": 1, "gave-up-applied": 1}
        assert setup.record.state.status is Status.UNKNOWN
        assert setup.account.requests == []

    def test_it_counts_neither_as_a_message_without_reports_nor_as_stuck(self, silent: Record) -> None:
        live = replace(silent, message_id="00000000-0000-4000-8000-000000000002", test=False)
        setup = Setup(silent, live)
        setup.run()

        assert setup.last.receipts == {"test": Counter({False: 1})}
        assert [stuck(each, now=START + timedelta(hours=9)) is None for each in (silent, live)] == [True, False]


class TestQueueDown:
    @pytest.mark.parametrize(
        ("accepted", "status", "phase"), [(0, 503, SendPhase.RELEASED), (1, 202, SendPhase.CLAIMED)]
    )
    def test_what_was_not_queued_was_not_sent(
        self, testing: Testing, accepted: int, status: int, phase: SendPhase
    ) -> None:
        send: Callable[..., None] = testing.queue.send

        class Failing(MemoryQueue):
            def send(self, body: str, *, reason: str | None = None, delay_seconds: int = 0) -> None:
                if len(testing.queue.sent) >= accepted:
                    raise Unavailable("SendMessage: ServiceUnavailable")
                send(body, reason=reason, delay_seconds=delay_seconds)

        testing.live.sender = for_test_keys(
            testing.live.sender, settings=FixedSettings(credentials={}), reports=Failing()
        )

        assert (testing.post(NUMBER("00")).status, testing.record.send.phase) == (status, phase)


class TestAdapter:
    def test_there_is_no_webhook_and_no_reply(self) -> None:
        adapter = providers.load("test")

        assert (adapter.keys({}), adapter.flaws({}), adapter.is_reply({})) == ((), {}, False)
        with pytest.raises(InvalidSignature):
            adapter.verify(HttpRequest("POST", ""), secrets=(), now=START)
        with pytest.raises(Unreadable):
            adapter.inbound({}, received_at="")
        with pytest.raises(Unreadable):
            adapter.fields(HttpRequest("POST", "", body=b'{"id": "1"}'))
        assert adapter.page("blocked", Status.UNDELIVERED) is None


def test_the_scope_of_a_test_key_means_send_and_read_in_test_mode() -> None:
    def event(scopes: str) -> dict[str, object]:
        return {"requestContext": {"authorizer": {"lambda": {"client": "shop", "scopes": scopes}}}}

    assert gateway.caller(event("test")) == Caller("shop", frozenset({"send", "read"}), test=True)
    assert gateway.caller(event("admin read test")).scopes == frozenset({"send", "read"})
    assert gateway.caller(event("read send")) == Caller("shop", frozenset({"send", "read"}))
