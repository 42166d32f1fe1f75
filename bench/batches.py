"""What windows on the reports' queue and on the table's stream gather, save and delay: the tables of ADR 16.

Simulated arrivals, for no local queue waits as AWS's does; billed with what `warm` and `counted` measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import log
from random import Random
from statistics import mean, quantiles

from bench.assumed import Load, Settings, settings
from bench.bill import Due, bill, report_cpu, total
from bench.case import Outcome, Plan
from bench.cost import measured
from bench.design import Design, ours
from bench.sampling import Progress
from bench.table import Table

LOADS = (0.1, 1.4, 12.0, 100.0)
"""Messages a second."""
REPORTS = ((10, 0.0), (50, 1.0), (50, 2.0), (50, 5.0), (50, 10.0), (500, 5.0))
STREAM = ((100, 0.0), (100, 1.0), (100, 2.0), (100, 5.0), (1000, 5.0))
_HOURS = 200.0
_RECEIVE, _POLL = 0.02, 0.25
"""Seconds that a receive takes, and between two reads of a shard: what gathers without a window."""
_MESSAGES = 4000
_SEED = 20260131


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report, or a change of a record: when it came and of which message."""

    at: float
    message: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Of things that came: in a batch, batches that one message's were spread over, seconds that each waited."""

    size: float
    spread: float
    waited: float
    late: float


def batches(_: Plan, progress: Progress) -> Outcome:
    """Batch size and window, by load: what gathers, what a message costs, how much later its status is known."""
    figures, taken = measured(progress)
    design, set_up = ours(figures), settings()
    progress("reports")
    reports = [row for load in LOADS for row in _reports(design, set_up, load)]
    progress("changes")
    changes = [row for load in LOADS for row in _changes(design, set_up, load)]
    columns = ("messages/s", "batch", "window", "in a batch")
    further = ("CPU ms a report", "write units a message")
    waits = ("dollars per million", "seconds later, mean", "95th")
    note = "Dollars are of the rows that messages make grow. Reports come 0.5, 1 and 5 s after the answer on average."
    return Outcome(
        (
            Table(title="Reports' queue", columns=(*columns, *further, *waits), rows=reports, note=note),
            Table(title="Table's stream", columns=(*columns, *waits), rows=changes, note="Changes of four shards."),
        ),
        taken,
    )


def _reports(design: Design, set_up: Settings, rate: float) -> Iterator[list[str | float | int]]:
    came, random = arrivals(rate, (0.5, 1.0, 5.0)), Random(_SEED)  # noqa: S311  # the same in every run
    readers = [random.randrange(set_up.pollers) for _ in came]
    for size, window in REPORTS:
        found = gathered(came, readers, size, partial(_after, window or _RECEIVE))
        less = 3 - found.spread  # each report that joins another of its message is a write less
        changed = replace(design, batch=size, window=window or _RECEIVE, item_units=design.item_units - less)
        units = changed.item_units + changed.index_units
        row = (found.size, report_cpu(design, found.size), units, _dollars(changed, set_up, rate))
        yield [f"{rate:g}", size, f"{window:g}", *row, found.waited, found.late]


def _changes(design: Design, set_up: Settings, rate: float) -> Iterator[list[str | float | int]]:
    came = arrivals(rate, (0.0, 0.3, 0.5, 1.0, 5.0))
    readers = [each.message % set_up.shards for each in came]
    for size, window in STREAM:
        found = gathered(came, readers, size, partial(_after, window) if window else _next_poll)
        changed = replace(design, stream_batch=size, stream_window=window)
        row = (found.size, _dollars(changed, set_up, rate), found.waited, found.late)
        yield [f"{rate:g}", size, f"{window:g}", *row]


def _after(window: float, at: float) -> float:
    return at + window


def _next_poll(at: float) -> float:
    return (at // _POLL + 1) * _POLL


def _dollars(design: Design, set_up: Settings, rate: float) -> float:
    load = Load(messages=rate * _HOURS * 3600, hours=_HOURS)
    return total(bill(design, load, set_up), Due.MESSAGE) / load.messages * 1e6


def arrivals(rate: float, lags: Sequence[float]) -> list[Arrival]:
    """Messages at random times, ``rate`` a second, and what comes of each after about these ``lags``."""
    random = Random(_SEED)  # noqa: S311  # the same in every run
    now, came = 0.0, list[Arrival]()
    for message in range(_MESSAGES):
        now -= log(1 - random.random()) / rate
        came += [Arrival(now + lag * random.lognormvariate(-0.125, 0.5), message) for lag in lags]
    return sorted(came, key=lambda each: each.at)


def gathered(came: Sequence[Arrival], readers: Sequence[int], size: int, closes: Callable[[float], float]) -> Gathered:
    """Each goes to a reader, whose batch opens with its first and closes by ``closes``, or when it is full."""
    opened: dict[int, list[Arrival]] = {}
    taken: list[tuple[float, list[Arrival]]] = []
    for each, reader in zip(came, readers, strict=True):
        held = opened.get(reader)
        if held and each.at > closes(held[0].at):
            taken.append((closes(held[0].at), held))
            held = None
        held = opened[reader] = [*(held or []), each]
        if len(held) == size:
            taken.append((each.at, opened.pop(reader)))
    taken += [(closes(held[0].at), held) for held in opened.values()]
    waited = [end - each.at for end, batch in taken for each in batch]
    spread = sum(len({each.message for each in batch}) for _, batch in taken) / len({each.message for each in came})
    return Gathered(size=len(came) / len(taken), spread=spread, waited=mean(waited), late=quantiles(waited, n=20)[-1])
