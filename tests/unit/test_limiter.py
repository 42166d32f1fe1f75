"""Every hand-over is counted first; at a limit nothing is sent, and what no provider took is given back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sms_tracker.domain.errors import Throttled, Unavailable
from sms_tracker.domain.limits import KNOWN_AFTER, Bound, SendLimits, day_of
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.status import Status
from sms_tracker.log import Line
from sms_tracker.services.limits import Counted
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send_request import measure_send
from tests.factories import record
from tests.fakes import START, FakeClock, FixedSettings, MemoryMessages
from tests.limits import OUTAGE, MemoryCounters, limiter, limits
from tests.opt_outs import MemoryOptOuts
from tests.setups import OPTED_OUT, QUEUE_FULL, TAKEN, UNHEARD, UNREACHED, WRONG_TOKEN, SendSetup

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = day_of(START)
BOTH = limits(client={"hour": 2}, range={"hour": 2})
TO_NEW_COUNTRY = {"SendsToNewCountries": 1}


def setup(strict: SendLimits | None, *answers: object, opt_outs: MemoryOptOuts | None = None) -> SendSetup:
    return SendSetup(answers or (TAKEN,), settings=FixedSettings(limits=strict), opt_outs=opt_outs)  # type: ignore[arg-type]


def figures(reply: ApiResponse) -> object:
    """What the metrics count of a reply."""
    line = Line()
    measure_send(reply, line, provider_calls=1)
    return line.figures


def stored(made: SendSetup) -> dict[str, Record]:
    assert isinstance(made.messages, MemoryMessages)
    return made.messages.records


class TestSending:
    def test_without_limits_nothing_is_counted(self) -> None:
        made = setup(None)
        reply = made.post()

        assert (reply.status, figures(reply), made.counters.calls) == (202, {}, [])

    def test_a_message_is_counted_once_in_each_counter_before_its_provider_is_asked(self) -> None:
        made = setup(BOTH)
        made.http.during = lambda _: seen.append([*made.counters.calls])
        seen: list[list[str]] = []
        made.post()

        assert seen == [["read countries", "take client", "take range"]]
        assert (made.counters.value("client", "h12"), made.counters.value("range", "h12")) == (1, 1)

    def test_at_a_limit_nothing_is_sent_or_stored_and_the_key_succeeds_in_the_next_window(self) -> None:
        made = setup(limits(client={"hour": 1}))
        made.post()
        made.clock.now += timedelta(minutes=20)
        reply = made.post("order-42")

        assert (reply.status, reply.decision, reply.headers["retry-after"]) == (429, "over-limit", "2400")
        assert (reply.body["limit"], reply.body["ends_at"]) == ("client_per_hour", "2026-01-31T13:00:00.000Z")
        assert ("message_id" in reply.body, figures(reply)) == (False, {"SendsOverLimit": 1})
        assert len(made.http.requests) == len(stored(made)) == 1
        made.clock.now += HOUR
        reply = made.post("order-42")
        assert (reply.status, "idempotent-replayed" in reply.headers) == (202, False)

    def test_what_the_second_counter_refuses_is_given_back_to_the_first(self) -> None:
        made = setup(limits(client={"hour": 9}, recipient={"hour": 1}))
        made.post()
        reply = made.post()

        assert reply.body["limit"] == "recipient_per_hour"
        assert made.counters.value("client", "h12") == 1

    def test_a_replay_and_an_opted_out_recipient_are_not_counted(self) -> None:
        opt_outs = MemoryOptOuts()
        made = setup(BOTH, opt_outs=opt_outs)
        made.post("order-42")
        made.post("order-42")
        opt_outs.state("stop")  # type: ignore[arg-type]  # its word
        made.post()

        assert made.counters.value("client", "h12") == 1

    def test_a_record_that_cannot_be_deleted_is_named_in_the_log(self) -> None:
        class Stuck(MemoryMessages):
            def withdraw(self, message_id: str, *, token: str) -> None:  # noqa: ARG002  # as the port names them
                raise Unavailable("DeleteItem: time-out")

        made = setup(limits(client={"hour": 0}))
        made.sender = replace(made.sender, messages=Stuck())

        assert made.post().warnings == ("record not deleted: DeleteItem: time-out",)

    @pytest.mark.parametrize(
        ("answer", "status", "left", "measured"),
        [
            (TAKEN, 202, 1, TO_NEW_COUNTRY),
            (UNHEARD, 202, 1, {"SendErrors": 1, **TO_NEW_COUNTRY}),
            (OPTED_OUT, 422, 0, {"SendsRefused": 1}),
            (WRONG_TOKEN, 502, 0, {"AccountRefused": 1, "SendErrors": 1}),
            (QUEUE_FULL, 503, 0, {"SendErrors": 1}),
            (UNREACHED, 503, 0, {"SendErrors": 1}),
        ],
    )
    def test_what_was_certainly_not_taken_is_given_back_once_and_did_not_go_to_a_new_country(
        self, answer: object, status: int, left: int, measured: dict[str, int]
    ) -> None:
        # Found in alphagov/notifications-admin#5446
        made = setup(BOTH, answer)
        reply = made.post()

        assert (reply.status, figures(reply)) == (status, measured)
        assert made.counters.used == ({"shop": {"NL": TODAY}} if left else {})
        assert [made.counters.value(kind, "h12") for kind in ("client", "range")] == [left, left]

    def test_a_give_back_in_the_next_hour_goes_to_the_hour_that_was_counted_in(self) -> None:
        made = setup(limits(client={"hour": 9, "day": 9}), OPTED_OUT)
        made.clock.now += timedelta(minutes=59, seconds=59)
        made.http.during = lambda _: made.clock.sleep(5)
        made.post()

        assert [made.counters.value("client", each) for each in ("h12", "h13", "d")] == [0, 0, 0]

    def test_a_give_back_that_fails_is_named_in_the_log_and_the_answer_stands(self) -> None:
        made = setup(BOTH, OPTED_OUT)
        made.counters.failing = lambda each: OUTAGE if each == "give back range" else None
        reply = made.post()

        assert (reply.status, made.counters.value("client", "h12"), made.counters.value("range", "h12")) == (422, 0, 1)
        assert reply.warnings == (f"not given back to the limits: {OUTAGE}",)


class TestLaterAttempts:
    def test_a_released_message_is_counted_again_and_released_again_at_the_limit(self) -> None:
        made = setup(limits(client={"hour": 1}), UNREACHED)
        made.post("order-42")
        made.http.answers, made.http.requests = (TAKEN,), []
        made.post()
        reply = made.post("order-42")

        assert (reply.status, made.http.requests[1:]) == (429, [])
        (found,) = (each for each in stored(made).values() if each.message_id == reply.body["message_id"])
        assert (found.send.phase, found.send.attempt, found.state.status) == (SendPhase.RELEASED, 2, Status.PENDING)
        made.clock.now += HOUR
        assert made.post("order-42").status == 202

    def test_a_resend_is_counted_too(self) -> None:
        made = setup(limits(client={"hour": 2}), UNHEARD, TAKEN)
        made.post("order-42")
        (lost,) = stored(made).values()

        assert made.sender.resend(lost).status == 202
        assert made.counters.value("client", "h12") == 2


class TestOutage:
    @pytest.mark.parametrize(
        ("call", "new"), [("read countries", {}), ("take client", TO_NEW_COUNTRY), ("take range", TO_NEW_COUNTRY)]
    )
    def test_it_opens_and_people_are_told(self, call: str, new: dict[str, int]) -> None:
        made = setup(BOTH)
        made.counters.failing = lambda each: OUTAGE if each == call else None
        reply = made.post()

        assert (reply.status, reply.uncounted, figures(reply)) == (202, True, {"SendErrors": 1, **new})
        assert reply.warnings == (f"not counted against its limits: {OUTAGE}",)

    def test_an_environment_sends_its_allowance_in_an_hour_and_no_more(self) -> None:
        made = setup(limits(allowance=2))
        made.counters.failing = lambda _: OUTAGE
        statuses = [made.post().status for _ in range(4)]
        made.clock.now += HOUR

        assert [*statuses, made.post().status] == [202, 202, 503, 503, 202]
        assert {each.send.phase for each in stored(made).values()} == {SendPhase.ANSWERED, SendPhase.RELEASED}

    def test_it_closes_where_the_operator_says_so(self) -> None:
        made = setup(limits(daily_cap=100, outage="closed", range={"hour": 5}))
        made.counters.failing = lambda each: OUTAGE if each == "take range" else None
        reply = made.post("order-42")

        assert (reply.status, reply.decision, made.http.requests) == (503, "unavailable", [])
        assert made.counters.value("client", "d") == 0, "the first counter has its count back"

    def test_throttling_never_opens(self) -> None:
        made = setup(BOTH)
        made.counters.failing = lambda each: Throttled("UpdateItem") if each == "take range" else None
        reply = made.post()

        assert (reply.status, reply.decision, reply.headers["retry-after"]) == (429, "throttled", "5")
        assert (made.http.requests, figures(reply)) == ([], {"SendErrors": 1})
        assert made.counters.value("client", "h12") == 0

    def test_a_first_use_that_is_not_stored_hinders_nothing(self) -> None:
        made = setup(BOTH)
        made.counters.failing = lambda each: OUTAGE if each == "note country" else None

        assert (made.post().uncounted, made.counters.used) == (False, {})


class TestCountries:
    def test_new_countries_share_one_cap_until_a_week_after_their_first_use(self) -> None:
        made = setup(limits(new_countries={"day": 1}))
        made.post(to="+31612345678")
        refused = made.post(to="+33612345678")
        made.clock.now += KNOWN_AFTER * DAY
        replies = [made.post(to="+31612345678") for _ in range(3)]

        assert refused.body["limit"] == "new_countries_per_day"
        assert [each.status for each in replies] == [202] * 3
        assert made.counters.used == {"shop": {"NL": TODAY}}

    def test_an_approved_country_is_not_new_and_the_refused_one_stays_unused(self) -> None:
        made = setup(limits(new_countries={"day": 0}, clients={"shop": {"approved": {"NL": {}}}}))

        assert [made.post(to=to).status for to in ("+31612345678", "+33612345678")] == [202, 429]
        assert made.post(to="+31612345678", client="bank").status == 429
        assert made.counters.used == {"shop": {"NL": TODAY}}

    def test_messages_to_a_new_country_are_measured_also_where_no_limit_counts_them(self) -> None:
        made = setup(limits(clients={"shop": {"approved": {"BE": {}}}}))
        measured = [figures(made.post(to=to)) for to in ("+31612345678", "+31612345678", "+32470123456")]
        made.clock.now += KNOWN_AFTER * DAY

        assert measured == [TO_NEW_COUNTRY, TO_NEW_COUNTRY, {}]
        assert figures(made.post(to="+31612345678")) == {}
        assert figures(made.post(to="+33612345678")) == TO_NEW_COUNTRY
        assert made.counters.calls.count("read countries") == 2

    def test_the_countries_of_a_client_are_read_every_five_minutes(self) -> None:
        made = setup(limits())
        for _ in range(4):
            made.post()
            made.clock.now += timedelta(minutes=2)

        assert made.counters.calls.count("read countries") == 2

    def test_an_environment_remembers_a_bounded_number_of_clients(self) -> None:
        one = limiter(MemoryCounters(), FixedSettings(limits=limits()), FakeClock())
        for number in range(1_001):
            one.count(record(client=f"client-{number}"))

        assert len(one._used) == 1  # noqa: SLF001  # memory has no other sign


class TestBlocks:
    """A large limit is claimed in blocks of ten."""

    @pytest.fixture(autouse=True)
    def _one_environment(self) -> None:
        self.counters, self.clock = MemoryCounters(), FakeClock()
        wide = FixedSettings(limits=limits(client={"hour": 40_000, "day": 100_000}))
        self.limiter = limiter(self.counters, wide, self.clock)

    def count(self, times: int = 1) -> list[Counted | Bound]:
        return [self.limiter.count(record()) for _ in range(times)]

    def left(self) -> list[int]:
        return [self.counters.value("client", each) for each in ("h12", "h13", "d")]

    def test_a_block_is_claimed_when_the_one_before_is_used_up(self) -> None:
        assert all(isinstance(each, Counted) for each in self.count(21))
        assert (self.counters.calls.count("take client"), self.left()) == (3, [30, 0, 30])

    def test_the_limit_is_never_exceeded_and_its_end_is_taken_one_by_one(self) -> None:
        self.count()
        (held,) = self.counters.values.values()
        held["h12"] = 39_993

        taken = [isinstance(each, Counted) for each in self.count(20)]

        assert taken == [True] * 16 + [False] * 4  # 9 of the first block, 7 that were left
        assert held["h12"] == 40_000

    def test_what_was_not_taken_goes_back_to_the_block(self) -> None:
        for _ in range(30):
            (counted,) = self.count()
            assert isinstance(counted, Counted)
            assert self.limiter.give_back(counted) is None

        calls = self.counters.calls
        assert (calls.count("take client"), calls.count("give back client")) == (1, 0)

    @pytest.mark.parametrize(
        ("error", "left"),
        [(None, [1, 10, 11]), (OUTAGE, [10, 10, 20])],
        ids=["is given back after its hour", "stays counted if it cannot be given back"],
    )
    def test_the_rest_of_a_block(self, error: Exception | None, left: list[int]) -> None:
        self.count()
        self.counters.failing = lambda each: error if each.startswith("give back") else None
        self.clock.now += HOUR

        assert isinstance(self.count()[0], Counted)
        assert self.left() == left

    def test_a_block_that_was_used_up_leaves_nothing_to_give_back(self) -> None:
        self.count(10)
        self.clock.now += DAY
        self.count()

        assert "give back client" not in self.counters.calls
