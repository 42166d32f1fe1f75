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
from sms_tracker.domain.hourly_stats import BOUNDS, HOUR, HourlyStats, counting_stages
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import fold, initial_state
from sms_tracker.domain.status import Status
from sms_tracker.reconcile.hourly_stats import HourlyCounter
from tests.factories import cost, record, report
from tests.fakes import START, FakeClock
from tests.memory_search import MemorySearch
from tests.memory_statistics import MemoryStatistics

STAGES = counting_stages(timedelta(hours=72))
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

    def deployed(self) -> World:
        """The setup after a first run, an hour before START."""
        self.at(-1).run()
        return self

    def hour(self, number: int = 0) -> HourlyStats | None:
        return next(iter(self.statistics.hourly_stats([timestamp(START + number * HOUR)])), None)

    def is_final(self, number: int = 0) -> bool:
        cohort = self.hour(number)
        return cohort is not None and cohort.final

    def tell(self, number: int, status: Status, *, seconds: float = 3) -> None:
        """Apply a report about one record, made so many seconds after it."""
        known = self.stored[number]
        at = timestamp(datetime.fromisoformat(known.created_at) + timedelta(seconds=seconds))
        made = report(status, received=at, provider=known.state.provider)
        self.stored[number] = replace(known, state=fold([made], base=known.state))

    def in_hour(self, number: int) -> list[Record]:
        begin = timestamp(START + number * HOUR)[:13]
        return [each for each in self.stored if each.created_at.startswith(begin)]


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
    groups: dict[tuple[str, str], list[Record]] = {}
    for each in records:
        groups.setdefault((each.state.provider, each.client), []).append(each)
    return {group: _figures(members) for group, members in groups.items()}


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
    groups = st.tuples(st.sampled_from(["twilio", "messagebird"]), st.sampled_from(["shop", "bank"]))
    drawn = draw(st.lists(st.tuples(minutes, groups), max_size=25))
    stored = [
        sent(number, minutes=at, provider=provider, client=client)
        for number, (at, (provider, client)) in enumerate(drawn)
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
        assert world.is_final(number)
        assert counted(world.hour(number)) == fold_of(world.in_hour(number))


# -- When --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "told"), [(0.5, Status.SENT), (1.2, Status.SENT), (2.1, Status.DELIVERED), (74.1, Status.DELIVERED)]
)
def test_each_stage_sees_the_records_as_they_are_by_then(hours: float, told: Status) -> None:
    world = World([sent(0)]).deployed()
    world.tell(0, told)
    world.at(hours).run()

    cohort = world.hour()
    assert cohort is not None
    assert (cohort.final, cohort.computed_at) == (hours > 74, timestamp(world.clock.now))
    assert counted(cohort) == fold_of(world.stored)


def test_an_hour_is_read_at_its_stages_alone_and_once_for_all_that_it_missed() -> None:
    world = World([sent(0)]).deployed()
    world.at(1.2).run()
    before = world.search.looked_at

    for hours, looks in ((1.9, 0), (2.1, 1), (30, 2)):
        world.at(hours).run()
        assert world.search.looked_at == before + looks


@pytest.mark.parametrize(
    ("runs", "failing", "hours"),
    [([-1, 720], None, 5), ([-1, 720], -1, 5), ([-1, 73.5, 74.1, 75.1], 74.1, 2)],
    ids=["a long outage", "a failed first run", "an hour is left behind only once its counts are put"],
)
def test_every_hour_is_counted_for_good(runs: list[float], failing: float | None, hours: int) -> None:
    world = World([sent(number, minutes=60 * number) for number in range(5)])
    for each in runs:
        with suppress(Crash):
            world.at(each).run(Fate(faults={("put", 1): ("before", Crash)} if each == failing else {}))

    assert [*map(world.is_final, range(5))] == [True] * hours + [False] * (5 - hours)


def test_an_hour_that_was_counted_in_part_is_counted_anew_at_its_next_stage() -> None:
    world = World([sent(number, minutes=number) for number in range(40)], page=2).deployed()
    replace(world, seconds=0.5, clock=world.at(1.2).clock).run(Fate(before_each=lambda _: world.clock.sleep(0.3)))
    before = world.search.looked_at
    world.at(30.5).run()

    assert world.search.looked_at == before + 40


def test_what_was_stored_before_the_first_run_is_counted_as_far_back_as_it_may_still_move() -> None:
    world = World([sent(0), sent(1, minutes=-60 * 72), sent(2, minutes=-60 * 80)])
    world.at(2).run()

    assert [world.hour(number) is not None for number in (0, -72, -80)] == [True, True, False]


# -- Bounds ------------------------------------------------------------------------------------------------------------


def test_the_next_run_continues_where_the_time_ended() -> None:
    world = World([sent(number, minutes=number) for number in range(40)], page=2, seconds=0.5).deployed()
    world.at(1.2)
    runs = 0
    while (cohort := world.hour()) is None or cohort.computed_at < timestamp(START + HOUR):
        runs += 1
        world.run(Fate(before_each=lambda _: world.clock.sleep(0.3)))
        assert runs < 100

    assert runs > 5
    assert world.hour() is not None
    assert counted(world.hour()) == fold_of(world.stored)


def test_a_busy_hour_that_still_runs_waits_for_its_stage_and_on_the_way_through_it_the_position_is_saved() -> None:
    world = World([sent(number) for number in range(50)], page=5, stride=20)
    saved = list[int]()

    def look(_: int) -> None:
        known = world.statistics.progress(0)
        saved.append(0 if known is None else sum(each.messages for each in known.sums.values()))

    assert world.at(0.5).run()["busy-hour-left-to-its-stage"] == 1
    assert world.hour() is None
    world.at(1.2).run(Fate(before_each=look))
    assert any(saved)
    assert counted(world.hour()) == fold_of(world.stored)


def test_a_run_that_another_has_overtaken_stops() -> None:
    world = World([sent(0)]).deployed()

    def overtaken(call: int) -> None:
        if call == 3:
            world.at(5).run()
            world.at(1.2)

    done = world.at(1.2).run(Fate(before_each=overtaken))
    assert done["another-run-is-ahead"] > 0
    assert counted(world.hour()) == fold_of(world.stored)


def test_an_overtaken_run_saves_nothing() -> None:
    world = World([sent(0)], seconds=0).deployed()

    def overtaken(call: int) -> None:
        world.clock.sleep(1)
        if call == 8:
            now = world.clock.now
            replace(world, seconds=1000.0).at(5).run()
            world.clock.now = now

    assert world.at(1.2).run(Fate(before_each=overtaken))["another-run-is-ahead"] > 0


def test_a_stage_that_fails_holds_up_no_other() -> None:
    world = World([sent(0)]).deployed()

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
    forgotten, of_a_test = replace(known, to="", costs={}), replace(known, test=True)
    world = World([known, replace(forgotten, message_id="another"), replace(of_a_test, message_id="third")])
    world.at(2).run()

    cohort = world.hour()
    assert cohort is not None
    countries = cohort.sums["twilio", "shop"].countries
    assert {name: dict(part.cost.amounts) for name, part in countries.items()} == {
        "NL": {"EUR": Decimal("0.07"), "USD": Decimal("0.0075")},
        "ZZ": {},
    }


def bucket(world: World) -> list[int]:
    """The bounds of the first hour's buckets that hold a delivery."""
    (_, _, histogram), *_ = counted(world.hour()).values()
    return [BOUNDS[bucket] for bucket, count in enumerate(histogram) if count]


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

    assert bucket(world) == [5]


def test_what_was_only_reported_as_read_counts_from_then() -> None:
    world = World([sent(0)])
    world.tell(0, Status.READ, seconds=100)
    world.at(0.5).run()

    assert bucket(world) == [120]
