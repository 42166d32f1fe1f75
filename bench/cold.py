"""Cold starts: importing a function and its first call, in a fresh process for each sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.code import Code, functions
from bench.deployment import Deployment, deployed
from bench.report import MS, Outcome, Plan, Progress, in_turns, spread
from bench.sandbox import Function, Sandbox
from bench.table import Cell, Table
from tests.cloud import sample

BASELINES = {
    "sqs": "webhook",
    "webhook": "webhook",
    "processor": "processor",
    "send": "send",
}
"""The folders in bench/baseline, and the function that each is compared with."""
_SAMPLES = {"webhook": "webhook-twilio", "query": "query-message"}


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start in milliseconds of CPU."""

    init: float
    first: float

    @property
    def both(self) -> float:
        return self.init + self.first


def event(function: str) -> dict[str, Any]:
    """The function's sample in events/; for the processor a batch of one report."""
    read = sample(_SAMPLES.get(function, function))
    return {"Records": read["Records"][:1]} if function == "processor" else read


def started(function: Function, like: str) -> Start:
    """One fresh process."""
    with Sandbox(function) as sandbox:
        return Start(sandbox.init.cpu * MS, sandbox.call(event(like)).cpu * MS)


def modules(function: Function, like: str) -> int:
    """Modules in a fresh process after the first call, Python's own included."""
    with Sandbox(function, bare=True) as sandbox:
        return sandbox.call(event(like)).modules


def all_cases(deployment: Deployment) -> dict[str, tuple[Function, str]]:
    """Every function and baseline, each with the function that its sample is of."""
    ours = {name: (deployment.ours(name), name) for name in functions()}
    plain = {f"baseline {name}": (deployment.baseline(name, like), like) for name, like in BASELINES.items()}
    return {**ours, **plain}


def cold(plan: Plan, progress: Progress) -> Outcome:
    """Init and first call of every function and baseline."""
    with deployed(Code(progress)) as deployment:
        cases = all_cases(deployment)
        counts = {name: (modules(*case), _megabytes(case[0])) for name, case in cases.items()}
        starts = {name: partial(started, *case) for name, case in cases.items()}
        taken = in_turns(starts, rounds=plan.samples, progress=progress)
    rows: list[list[Cell]] = []
    figures: dict[str, float] = {}
    for name, samples in taken.items():
        init, first, both = (spread([getattr(each, step) for each in samples]) for step in ("init", "first", "both"))
        rows.append([name, init.median, first.median, str(both), *counts[name]])
        figures |= {
            f"cold.{name}.cpu": both.median,
            f"cold.{name}.init": init.median,
            f"modules.{name}": counts[name][0],
        }
    title = f"Cold start, CPU milliseconds: medians and quartiles of {plan.samples} processes"
    columns = ("function", "init", "first call", "both", "modules", "MB")
    return Outcome((Table(title=title, columns=columns, rows=rows),), figures)


def _megabytes(function: Function) -> float:
    """Unpacked, with its layers."""
    files = (path for folder in function.path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files) / 1024**2
