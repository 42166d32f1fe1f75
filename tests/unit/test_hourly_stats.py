"""Counting hours: after any crash or repetition, the sums equal those of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.hourly_stats import BOUNDS, HOUR, HourlyStats, ages
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import fold, initial_state
from sms_tracker.domain.status import Status
from sms_tracker.reconcile.hourly_stats import HourlyCounter
from tests.factories import cost, record, report
from tests.fakes import START, FakeClock
from tests.memory_search import MemorySearch
from tests.memory_statistics import MemoryStatistics

STAGES = ages(timedelta(hours=72))
SHORT = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=3))
TOLD = [Status.SENT, Status.UNDELIVERED, Status.DELIVERED, Status.UNKNOWN]
Plain = Mapping[tuple[str, str], tuple[Mapping[str, int], Mapping[str, int], list[int]]]


ANY = "any"


class Crash(Exception):
    """The process crashed."""


@dataclass
class Fate:
    """The error of the n-th call of a run, or of a name: before the call, or after it (a lost answer)."""

    faults: Mapping[tuple[str, int], tuple[str, type[Exception]]] = field(default_factory=dict)
    before_each: Callable[[int], object] = lambda _: None
    calls: Counter[str] = field(default_factory=Counter)

    def call(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self.calls.update([ANY, name])
        faults = (self.faults.get((each, self.calls[each])) for each in (ANY, name))
        when, error = next(filter(None, faults), ("never", Crash))
        self.before_each(self.calls[ANY])
        if when == "before":
            raise error
        answer = method(*arguments, **named)
        if when == "after":
            raise error
        return answer


@dataclass(frozen=True)
class Under:
    """A port with a planned error for each call."""

    fate: Fate
    port: Any

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments, **named: self.fate.call(name, getattr(self.port, name), *arguments, **named)


@dataclass
class World:
    """A table, its counted hours, and a clock. Every run is a new process."""

    stored: list[Record]
    page: int = 100
    seconds: float = 1000.0
    stride: int = 10_000
    stages: tuple[timedelta, ...] = STAGES
    clock: FakeClock = field(default_factory=FakeClock)
    statistics: MemoryStatistics = field(default_factory=MemoryStatistics)

    def __post_init__(self) -> None:
        self.search = MemorySearch(self.stored, page=self.page)

    def run(self, fate: Fate | None = None) -> Counter[str]:
        fate = fate or Fate()
        counting = HourlyCounter(
            search=Under(fate, self.search),
            statistics=Under(fate, self.statistics),
            clock=self.clock,
            monotonic=self.clock.monotonic,
            stages=self.stages,
            seconds=self.seconds,
            stride=self.stride,
        )
        done = counting.run()
        self.errors = counting.errors
        return done

    def at(self, hours: float) -> World:
        """The setup so many hours after START."""
        self.clock.now = START + timedelta(hours=hours)
        return self

    def hour(self, number: int = 0) -> HourlyStats | None:
        return next(iter(self.statistics.hourly_stats([timestamp(START + number * HOUR)])), None)

    def tell(self, number: int, status: Status, *, seconds: float = 3) -> None:
        """Apply a report about one record, made so many seconds after it."""
        known = self.stored[number]
        at = timestamp(datetime.fromisoformat(known.created_at) + timedelta(seconds=seconds))
        made = report(status, received=at, provider=known.state.provider)
        self.stored[number] = replace(known, state=fold([made], base=known.state))

    def in_hour(self, number: int) -> list[Record]:
        begin = timestamp(START + number * HOUR)
        return [each for each in self.stored if each.created_at[:13] == begin[:13]]


def sent(number: int, *, minutes: float = 0.0, provider: str = "twilio", **values: Any) -> Record:
    """A message created so many minutes after START."""
    at = timestamp(START + timedelta(minutes=minutes))
    state = initial_state(attempt=1, at=at, provider=provider)
    return record(message_id=str(uuid5(NAMESPACE_OID, str(number))), created_at=at, state=state, **values)


def counted(cohort: HourlyStats | None) -> Plain:
    sums = cohort.sums if cohort else {}
    return {group: (dict(each.statuses), dict(each.reasons), each.histogram) for group, each in sums.items()}


def fold_of(records: Sequence[Record]) -> Plain:
    """The same sums, computed from the table in another way."""
    groups = {(each.state.provider, each.client) for each in records}
    return {
        group: _figures([each for each in records if (each.state.provider, each.client) == group]) for group in groups
    }


def _figures(records: Sequence[Record]) -> tuple[Mapping[str, int], Mapping[str, int], list[int]]:
    statuses = Counter(str(each.state.status) for each in records)
    delivered = [each for each in records if each.state.status is Status.DELIVERED]
    buckets = Counter(sum(_seconds(each) > bound for bound in BOUNDS) for each in delivered)
    failed = statuses["undelivered"]
    return dict(statuses), {"unreachable": failed} if failed else {}, [buckets[n] for n in range(len(BOUNDS) + 1)]


def _seconds(delivered: Record) -> float:
    return (datetime.fromisoformat(delivered.state.at) - datetime.fromisoformat(delivered.created_at)).total_seconds()


# -- The promise -------------------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to 25 messages of three hours, some of them in the same moment, read one to four at a time."""
    minutes = st.sampled_from([0, 0, 1, 59, 59.9999, 60, 61, 119, 150])
    stored = [
        sent(
            number,
            minutes=draw(minutes),
            provider=draw(st.sampled_from(["twilio", "messagebird"])),
            client=draw(st.sampled_from(["shop", "bank"])),
        )
        for number in range(draw(st.integers(0, 25)))
    ]
    return World(stored, page=draw(st.integers(1, 4)), stages=SHORT)


@st.composite
def fates(draw: st.DrawFn, world: World, *, reports: bool) -> Fate:
    """Faults at some calls; before others reports come, or a second run begins and ends."""
    faults = st.tuples(st.sampled_from(["before", "after"]), st.sampled_from([Crash, Unavailable]))
    moments = st.integers(1, 120)
    writes = st.tuples(st.sampled_from(["put", "save"]), st.integers(1, 5))
    places = st.one_of(writes, st.tuples(st.just(ANY), moments))
    others = draw(st.sets(moments, max_size=2))
    told = draw(st.dictionaries(moments, st.tuples(st.integers(0, 24), st.sampled_from(TOLD)), max_size=6))

    def between(call: int) -> None:
        if call in others:
            world.run()
        number, status = told.get(call, (len(world.stored), Status.SENT))
        if reports and number < len(world.stored):
            world.tell(number, status, seconds=call)

    return Fate(faults=draw(st.dictionaries(places, faults, max_size=3)), before_each=between)


def _try(world: World, fate: Fate) -> None:
    with suppress(Crash):
        world.run(fate)
    for number in range(3):
        if cohort := world.hour(number):
            total = sum(tally.messages for tally in cohort.sums.values())
            assert total == len(world.in_hour(number)), "an hour is there as a whole or not at all"


@pytest.mark.no_cover  # other tests cover what it uses
@given(data=st.data())
def test_crashed_anywhere_and_repeated_anywhere_the_sums_are_a_fold_over_the_table(data: st.DataObject) -> None:
    world = data.draw(worlds())
    world.at(-1).run()  # deployed before the first message
    hours = 0.0
    for _ in range(data.draw(st.integers(0, 5))):  # reports come while an hour is not counted for good
        hours = min(hours + data.draw(st.sampled_from([0.1, 0.6, 1, 3])), 3.9)
        _try(world.at(hours), data.draw(fates(world, reports=True)))
    for hours in (4.2, 5.2, 7):  # and then no more
        _try(world.at(hours), data.draw(fates(world, reports=False)))
    world.at(8).run()

    for number in range(3):
        cohort = world.hour(number)
        assert cohort is not None
        assert cohort.final
        assert counted(cohort) == fold_of(world.in_hour(number))


# -- When --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "told", "final"),
    [
        (0.5, Status.SENT, False),
        (1.2, Status.SENT, False),
        (2.1, Status.DELIVERED, False),
        (74.1, Status.DELIVERED, True),
    ],
)
def test_each_stage_sees_the_records_as_they_are_by_then(hours: float, told: Status, final: bool) -> None:  # noqa: FBT001  # a column of the table
    world = World([sent(0)])
    world.at(-1).run()
    world.tell(0, told)
    world.at(hours).run()

    cohort = world.hour()
    assert cohort is not None
    assert (cohort.final, cohort.computed_at) == (final, timestamp(world.clock.now))
    assert counted(cohort) == fold_of(world.stored)


def test_between_its_stages_an_hour_is_left_alone() -> None:
    world = World([sent(0)])
    world.at(-1).run()
    world.at(1.2).run()
    before = world.search.looked_at
    world.tell(0, Status.DELIVERED)

    world.at(1.9).run()
    assert world.search.looked_at == before
    world.at(2.1).run()
    assert world.search.looked_at == before + 1


def test_after_an_outage_an_hour_is_counted_once_for_all_the_stages_that_it_missed() -> None:
    world = World([sent(0)])
    world.at(-1).run()
    before = world.search.looked_at
    world.at(30).run()

    assert world.search.looked_at == before + 1


def test_after_a_long_outage_every_hour_is_counted_for_good() -> None:
    world = World([sent(number, minutes=60 * number) for number in range(5)])
    world.at(-1).run()
    world.at(24 * 30).run()

    assert [cohort is not None and cohort.final for cohort in map(world.hour, range(5))] == [True] * 5


def test_an_hour_that_was_counted_in_part_is_counted_anew_at_its_next_stage() -> None:
    world = World([sent(number, minutes=number) for number in range(40)], page=2)
    world.at(-1).run()
    replace(world, seconds=0.5, clock=world.at(1.2).clock).run(Fate(before_each=lambda _: world.clock.sleep(0.3)))
    before = world.search.looked_at
    world.at(30.5).run()

    assert world.search.looked_at == before + 40


def test_no_hour_is_missed_after_a_failed_first_run() -> None:
    world = World([sent(0)])
    with suppress(Crash):
        world.at(-1).run(Fate(faults={("put", 1): ("before", Crash)}))
    world.at(24 * 30).run()

    cohort = world.hour()
    assert cohort is not None
    assert cohort.final


def test_an_hour_is_left_behind_only_once_its_counts_are_put() -> None:
    world = World([sent(0)])
    world.at(-1).run()
    world.at(73.5).run()
    with suppress(Crash):
        world.at(74.1).run(Fate(faults={("put", 1): ("before", Crash)}))
    world.at(75.1).run()

    cohort = world.hour()
    assert cohort is not None
    assert cohort.final


def test_what_was_stored_before_the_first_run_is_counted_as_far_back_as_it_may_still_move() -> None:
    world = World([sent(0), sent(1, minutes=-60 * 72), sent(2, minutes=-60 * 80)])
    world.at(2).run()

    assert [world.hour(number) is not None for number in (0, -72, -80)] == [True, True, False]


# -- Bounds ------------------------------------------------------------------------------------------------------------


def test_the_next_run_continues_where_the_time_ended() -> None:
    world = World([sent(number, minutes=number) for number in range(40)], page=2, seconds=0.5)
    world.at(-1).run()
    world.at(1.2)
    runs = 0
    while (cohort := world.hour()) is None or cohort.computed_at < timestamp(START + HOUR):
        runs += 1
        world.run(Fate(before_each=lambda _: world.clock.sleep(0.3)))
        assert runs < 100

    assert runs > 5
    assert world.hour() is not None
    assert counted(world.hour()) == fold_of(world.stored)


def test_a_busy_hour_that_still_runs_waits_for_its_stage() -> None:
    world = World([sent(number) for number in range(50)], page=5, stride=20)

    assert world.at(0.5).run()["busy-hour-left-to-its-stage"] == 1
    assert world.hour() is None
    world.at(1.2).run()
    assert counted(world.hour()) == fold_of(world.stored)


def test_on_the_way_through_a_busy_hour_the_position_is_saved() -> None:
    world = World([sent(number) for number in range(50)], page=5, stride=20)
    world.at(-1).run()
    saved = list[int]()

    def look(_: int) -> None:
        known = world.statistics.progress(0)
        saved.append(0 if known is None else sum(each.messages for each in known.sums.values()))

    world.at(1.2).run(Fate(before_each=look))
    assert any(saved)


def test_a_run_that_another_has_overtaken_stops() -> None:
    world = World([sent(0)])
    world.at(-1).run()

    def overtaken(call: int) -> None:
        if call == 3:
            world.at(5).run()
            world.at(1.2)

    done = world.at(1.2).run(Fate(before_each=overtaken))
    assert done["another-run-is-ahead"] > 0
    assert counted(world.hour()) == fold_of(world.stored)


def test_an_overtaken_run_saves_nothing() -> None:
    world = World([sent(0)], seconds=0)
    world.at(-1).run()

    def overtaken(call: int) -> None:
        world.clock.sleep(1)
        if call == 8:
            now = world.clock.now
            replace(world, seconds=1000.0).at(5).run()
            world.clock.now = now

    assert world.at(1.2).run(Fate(before_each=overtaken))["another-run-is-ahead"] > 0


def test_a_stage_that_fails_holds_up_no_other() -> None:
    world = World([sent(0)])
    world.at(-1).run()

    done = world.at(1.2).run(Fate(faults={(ANY, 1): ("before", Unavailable)}))
    assert (done["failed"], world.errors.total()) == (1, 1)
    assert counted(world.hour()) == fold_of(world.stored)


def test_a_record_that_cannot_be_read_is_left_out_and_named() -> None:
    world = World([sent(number) for number in range(3)])
    world.search.unreadable = {world.stored[1].message_id}
    world.at(1.2).run()

    assert counted(world.hour()) == fold_of([world.stored[0], world.stored[2]])
    assert set(world.errors) == {f"record {world.stored[1].message_id} cannot be read: KeyError"}


# -- What is counted ---------------------------------------------------------------------------------------------------


def test_each_message_counts_in_the_country_of_its_recipient_with_the_cost_of_all_its_attempts() -> None:
    known = record(created_at=timestamp(START), costs={1: cost("0.07"), 2: cost("0.0075", currency="USD")})
    forgotten = replace(known, message_id="another", to="", costs={})
    statistics = MemoryStatistics()
    HourlyCounter(
        search=MemorySearch([known, forgotten]),
        statistics=statistics,
        clock=FakeClock(START + 2 * HOUR),
        monotonic=lambda: 0.0,
        stages=STAGES,
        seconds=60,
    ).run()

    (counted,) = statistics.hourly_stats([timestamp(START)])
    countries = counted.sums["twilio", "shop"].countries
    assert {name: dict(part.cost.amounts) for name, part in countries.items()} == {
        "NL": {"EUR": Decimal("0.07"), "USD": Decimal("0.0075")},
        "ZZ": {},
    }


def test_what_was_read_was_delivered_when_it_was_delivered() -> None:
    delivered, read = report(Status.DELIVERED, received="2026-01-31T12:00:04.000Z"), report(Status.READ)
    read = replace(read, received="2026-01-31T15:00:00.000Z")
    known = sent(0)
    entries = {
        each.fingerprint: Entry(word=each.word, received=each.received, attempt=1, source="callback", foreign=foreign)
        for each, foreign in ((delivered, False), (read, False), (replace(delivered, attempt=2), True))
    }
    world = World([replace(known, state=fold([delivered, read], base=known.state), reports=entries)])
    world.at(0.5).run()

    (_, _, histogram), *_ = counted(world.hour()).values()
    assert [BOUNDS[bucket] for bucket, count in enumerate(histogram) if count] == [5]


def test_what_was_only_reported_as_read_counts_from_then() -> None:
    world = World([sent(0)])
    world.tell(0, Status.READ, seconds=100)
    world.at(0.5).run()

    (_, _, histogram), *_ = counted(world.hour()).values()
    assert [BOUNDS[bucket] for bucket, count in enumerate(histogram) if count] == [120]
