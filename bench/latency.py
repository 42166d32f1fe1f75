"""From a report to its event, and of `POST /messages` without the provider: measured handlers, documented waits."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import ExitStack
from math import ceil, log
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from bench.bill import FULL_CPU
from bench.cpu import cold, event
from bench.deployment import deployed
from bench.report import MS, Cell, Outcome, Plan, Progress, Table, known
from bench.sandbox import Sandbox
from bench.settings import Load, Settings, settings

PATH = ("webhook", "processor", "publisher")
"""The functions between a report and its event."""
_CALLS: Mapping[str, int] = {"webhook": 1, "processor": 1, "publisher": 1, "send": 2}
"""AWS calls that a warm invocation waits for, one after the other."""
_POLL = 0.25
"""Seconds between two reads of a shard: four a second, as Lambda documents."""
_SHARDS = 4
_QUEUE, _STREAM = 0.05, 0.1
"""At most so many seconds until a waiting receive has the message, and until the stream shows the write: assumed."""
_SPREAD = 0.6
"""Sigma of an AWS call's log-normal duration; its mean is ``Load.aws_ms``."""
_CREATION = 0.2
"""Seconds in which Lambda makes an environment before its INIT: assumed."""
_SPARSE = 20.0
"""Seconds that Lambda may wait for a batch in sparse traffic with any window above 0, as AWS documents."""
RATE, REPORTS = 5.0, 6000
Durations = Mapping[str, list[float]]
"""Measured milliseconds of warm invocations on this machine, by function."""


def latency(plan: Plan, progress: Progress) -> Outcome:
    """Seconds from a report to its event, warm and after cold starts; milliseconds of a send without the provider."""
    measured = known()
    if "cold.processor.init" not in measured:
        measured |= cold(plan, progress).figures
    taken, now, load = _durations(plan, progress), settings(), Load()
    delays = report_to_event(taken, now, load)
    sends = [duration(ms, "send", now, load, random.Random(n)) for n, ms in enumerate(taken["send"])]  # noqa: S311
    warm = {"p50": median(delays), "p95": _percentile(delays, 95), "p99": _percentile(delays, 99)}
    post = {"p50": median(taken["send"]), "p99": _percentile(taken["send"], 99)}
    added = {name: cold_start(measured, name, now, load) for name in PATH}
    sparse = added["processor"] + added["publisher"]
    window = _SPARSE if now.window or now.stream_window else 0.0
    rows: list[list[Cell]] = [[f"report to event, warm, {name}", f"{value:.2f} s"] for name, value in warm.items()]
    rows.append(["two cold starts add, processor and publisher", f"{sparse:.2f} s"])
    rows.append(["... and the webhook's, before it has the report", f"{added['webhook']:.2f} s"])
    rows.append(["... and a window above 0 in sparse traffic, up to", f"{window:.0f} s"])
    for name, value in post.items():
        on_lambda = MS * _percentile(sends, int(name[1:]))
        rows.append([f"POST /messages without the provider, {name}", f"{value:.0f} ms, on Lambda {on_lambda:.0f} ms"])
    title = f"Latency, {RATE:g} messages a second, {now.memory['processor']} MB"
    note = "Handlers are measured; pollers, the stream and AWS calls are documented or assumed (bench/latency.py)."
    figures = {f"latency.event.{name}": value for name, value in warm.items()}
    figures |= {f"latency.send.{name}": value for name, value in post.items()}
    table = Table(title=title, columns=("figure", ""), rows=rows, note=note)
    return Outcome((table,), {**figures, "latency.cold": sparse})


def _durations(plan: Plan, progress: Progress) -> Durations:
    """One call at a time; the provider's endpoint answers at once."""
    taken: dict[str, list[float]] = {}
    with ExitStack() as stack:
        deployment = stack.enter_context(deployed(progress))
        for name in ("send", *PATH):
            progress(f"latency of {name}")
            sandbox = stack.enter_context(Sandbox(deployment.ours(name)))
            sandbox.call(event(name), calls=plan.calls)
            taken[name] = [_timed(sandbox, event(name)) for _ in range(plan.rounds * plan.calls)]
    return taken


def _timed(sandbox: Sandbox, given: Mapping[str, Any]) -> float:
    before = perf_counter()
    sandbox.call(given)
    return (perf_counter() - before) * MS


def duration(ms: float, name: str, now: Settings, load: Load, chance: random.Random) -> float:
    """Seconds of an invocation on Lambda: what was measured, at the memory's share of a vCPU, and its AWS calls."""
    calls = chance.lognormvariate(log(load.aws_ms * _CALLS[name]) - _SPREAD**2 / 2, _SPREAD)
    return (ms * load.pace / min(1.0, now.memory[name] / FULL_CPU) + calls) / MS


def cold_start(figures: Mapping[str, float], name: str, now: Settings, load: Load) -> float:
    """Seconds that a new environment adds: its creation, INIT on a whole vCPU, the first call's further work."""
    init = figures[f"cold.{name}.init"]
    first = max(0.0, figures[f"cold.{name}.cpu"] - init) / min(1.0, now.memory[name] / FULL_CPU)
    return _CREATION + (init + first) * load.pace / MS


def report_to_event(taken: Durations, now: Settings, load: Load, *, rate: float = RATE, seed: int = 1) -> list[float]:
    """Seconds from the webhook's start to the event, of messages at random times; all environments are warm."""
    chance, at, delays = random.Random(seed), 0.0, []  # noqa: S311  # no secret
    phases, free = [chance.uniform(0, _POLL) for _ in range(_SHARDS)], [0.0] * _SHARDS

    def took(name: str) -> float:
        return duration(chance.choice(taken[name]), name, now, load, chance)

    stored: list[tuple[float, float]] = []
    for _ in range(REPORTS):
        at += chance.expovariate(rate)
        queued = at + took("webhook") + chance.uniform(0, _QUEUE) + chance.uniform(0, now.window)
        stored.append((queued + took("processor") + chance.uniform(0, _STREAM), at))
    for seen, began in sorted(stored):
        shard = chance.randrange(_SHARDS)
        ready = max(seen + chance.uniform(0, now.stream_window), free[shard])
        read = phases[shard] + _POLL * ceil((ready - phases[shard]) / _POLL)
        free[shard] = read + took("publisher")
        delays.append(free[shard] - began)
    return delays


def _percentile(values: list[float], which: int) -> float:
    return float(quantiles(values, n=100, method="inclusive")[which - 1])
