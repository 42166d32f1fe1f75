"""Cold starts: importing a function and its first call, a fresh process for each sample; compiled code and not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.case import MS, Outcome, Plan
from bench.code import Code, functions
from bench.deployment import Deployment, deployed
from bench.sampling import Progress, in_turns, spread
from bench.sandbox import Function, Sandbox
from bench.table import Table
from tests.cloud import sample

BASELINES = {
    "sqs": "webhook",
    "webhook_logger": "webhook",
    "webhook": "webhook",
    "processor_logger": "processor",
    "processor": "processor",
    "send_boto3": "send",
    "send": "send",
}
"""The folders under bench/baseline and the function that each stands beside."""
_SAMPLES = {"webhook": "webhook-twilio", "query": "query-message"}
_COMPARED = ("webhook", "processor", "send")


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start in milliseconds."""

    init: float
    first: float
    wall: float

    @property
    def cpu(self) -> float:
        """Both steps."""
        return self.init + self.first


def event(function: str) -> dict[str, Any]:
    """A sample of events/ that every function can answer; the processor's is one report."""
    read = sample(_SAMPLES.get(function, function))
    return {"Records": read["Records"][:1]} if function == "processor" else read


def started(function: Function, like: str) -> Start:
    """One fresh process."""
    with Sandbox(function) as sandbox:
        first = sandbox.call(event(like))
        init = sandbox.init
        return Start(init.cpu * MS, first.cpu * MS, (init.wall + first.wall) * MS)


def modules(function: Function, like: str) -> int:
    """All that a fresh process has imported after the first call, Python's own included."""
    with Sandbox(function, bare=True) as sandbox:
        return sandbox.call(event(like)).modules


def all_cases(deployment: Deployment) -> dict[str, tuple[Function, str]]:
    """Every function and baseline, and whose sample it is called with."""
    ours = {name: (deployment.ours(name), name) for name in functions()}
    plain = {f"baseline {name}": (deployment.baseline(name, like), like) for name, like in BASELINES.items()}
    return {**ours, **plain}


def cold(plan: Plan, progress: Progress) -> Outcome:
    """Init and first call of every function and baseline."""
    with deployed(Code(progress)) as deployment:
        cases = all_cases(deployment)
        counts = {name: modules(*case) for name, case in cases.items()}
        starts = {name: partial(started, *case) for name, case in cases.items()}
        taken = in_turns(starts, rounds=plan.samples, progress=progress)
    rows = [[*_row(name, each), counts[name]] for name, each in taken.items()]
    note = "CPU milliseconds of all threads, medians; quartiles of init + first call; modules: all in sys.modules."
    columns = ("function", "init", "first call", "both", "quartiles", "wall, both", "modules")
    table = Table(title=f"Cold start ({plan.samples} processes each)", columns=columns, rows=rows, note=note)
    return Outcome((table,), _figures(taken) | {f"modules.{name}": count for name, count in counts.items()})


def _row(name: str, starts: list[Start]) -> list[str | float | int]:
    both = spread([start.cpu for start in starts])
    return [
        name,
        spread([start.init for start in starts]).median,
        spread([start.first for start in starts]).median,
        both.median,
        f"{both.low:.0f} to {both.high:.0f}",
        spread([start.wall for start in starts]).median,
    ]


def _figures(taken: Mapping[str, list[Start]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, starts in taken.items():
        figures[f"cold.{name}.cpu"] = spread([start.cpu for start in starts]).median
        figures[f"cold.{name}.init"] = spread([start.init for start in starts]).median
        figures[f"cold.{name}.wall"] = spread([start.wall for start in starts]).median
    return figures


def pyc(plan: Plan, progress: Progress) -> Outcome:
    """The same cold starts with unchecked-hash .pyc files and without any, as on a read-only disk."""
    with (
        deployed(Code(progress)) as compiled,
        deployed(Code(progress, compiled=False)) as bare,
    ):
        cases: dict[str, Callable[[], Start]] = {}
        for name in _COMPARED:
            cases[f"{name}, compiled"] = partial(started, compiled.ours(name), name)
            cases[f"{name}, no .pyc"] = partial(started, bare.ours(name), name)
        taken = in_turns(cases, rounds=max(2, plan.samples // 2), progress=progress)
    medians = {name: spread([start.cpu for start in starts]).median for name, starts in taken.items()}
    rows: list[list[str | float | int]] = []
    for name in _COMPARED:
        with_it, without = medians[f"{name}, compiled"], medians[f"{name}, no .pyc"]
        rows.append([name, with_it, without, without / with_it])
    note = "Our layer and function only: boto3 and the standard library come compiled with Lambda's runtime."
    columns = ("function", "compiled", "no .pyc", "ratio")
    return Outcome((Table(title="Init + first call, CPU ms", columns=columns, rows=rows, note=note),))
