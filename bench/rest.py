"""The reconciler at rest, and the custom metrics that CloudWatch bills by the hour: counted by running them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from bench.counted import LINE, Invocation, Service, service
from bench.cpu import event
from bench.report import MS, Cell, Outcome, Plan, Table, progress
from bench.units import read_units
from tests.cloudwatch import Metric, measured
from tests.unit.template_stack import environment

STEPS: dict[str, dict[str, str]] = {"reconcile": {}, "statistics": {"step": "statistics"}}
"""The events of the two schedules."""
GAUGES = frozenset(environment("reconciler")["UNREAD_METRICS"].split(","))
"""What the reconciler writes once there were enough messages: the metrics that a default stack leaves out."""


def rest(plan: Plan) -> Outcome:
    """Calls, reads and CPU of the reconciler without work; custom metrics at rest, around the clock, and in use."""
    with service(Alarms="all", Dashboard="on") as one:
        progress("metrics of messages")
        steps = [*one.life(), *one.life(fails=True)]
        steps += [one.invoke(function, event(function)) for function in ("authorizer", "publisher", "digest")]
        progress("the reconciler at rest")
        one.empty()
        at_rest = _metrics(one.invoke("reconciler", asked) for asked in STEPS.values())  # they count past hours
        runs = {step: _run(one, asked, plan) for step, asked in STEPS.items()}
    in_use = Counter({metric: number for metric, number in _metrics(steps).items() if metric not in at_rest})
    kinds = {"rest": at_rest, "gauges": Counter(GAUGES), "in_use": in_use}
    metrics = {f"metric.{kind}.{metric}": number for kind, found in kinds.items() for metric, number in found.items()}
    figures = {f"rest.{step}.{key}": value for step, run in runs.items() for key, value in run.items()}
    rows: list[list[Cell]] = [[step, *run.values()] for step, run in runs.items()]
    columns = ("step", "calls", "read units", "CPU ms", "log bytes")
    tables = (
        Table(title="One run of the reconciler on an empty table", columns=columns, rows=rows),
        Table(title="Custom metrics", columns=("written", "metrics"), rows=sorted(metrics.items())),
    )
    return Outcome(tables, {**figures, **metrics})


def _run(one: Service, asked: dict[str, str], plan: Plan) -> dict[str, float]:
    run = one.invoke("reconciler", asked)
    reads = (call for call in run.calls if call.operation in {"Query", "GetItem"})
    cpu = one.sandboxes["reconciler"].call(asked, calls=plan.calls).cpu
    one.endpoint.take()
    return {
        "calls": len(run.calls),
        "reads": sum(read_units(0, consistent=call.body.get("ConsistentRead", False)) for call in reads),
        "cpu": cpu * MS / plan.calls,
        "log": len(run.log.encode()) + LINE,
    }


def _metrics(steps: Iterable[Invocation]) -> Counter[str]:
    return written(line for step in steps for line in step.log.splitlines())


def written(lines: Iterable[str]) -> Counter[str]:
    """The number of different metrics in these lines of a log, by name."""
    return Counter(_name(metric) for metric in set(measured([json.loads(line) for line in lines])))


def _name(metric: Metric) -> str:
    """As the variable ``UNREAD_METRICS`` names it."""
    return ".".join((*(name for name, _ in metric.dimensions if name != "service"), metric.name))
