"""CPU of functions and baselines: cold starts in fresh processes, and further calls in running ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import parse_qsl

from bench.report import MS, Cell, Outcome, Plan, Table, in_turns, progress, spread
from bench.sandbox import BASELINES, FUNCTIONS, Deployment, Function, Sandbox, deployed, sandbox
from tests.cloud import sample

BATCHES = (1, 10, 50)
_SAMPLES = {"webhook": "webhook-twilio", "query": "query-message"}
_ID = "0b0e9f0a-53cf-4f13-9f0c-{:012d}"
Job = tuple[Function, Mapping[str, Any], int]
"""A function, the event of each call, and the number of reports or messages in that event."""


def event(function: str) -> dict[str, Any]:
    """The function's sample in events/; for the processor one report."""
    read = sample(_SAMPLES.get(function, function))
    return {"Records": read["Records"][:1]} if function == "processor" else read


def batch(size: int) -> dict[str, Any]:
    """The sample callback as the webhook queues it, but delivered, for ``size`` messages."""
    (pattern,) = event("processor")["Records"]
    form = base64.b64decode(event("webhook")["body"]).decode()
    fields = dict(parse_qsl(form.replace("undelivered", "delivered").replace("&ErrorCode=30003", "")))
    report = {**json.loads(pattern["body"]), "fields": fields}
    bodies = [json.dumps({**report, "message_id": _ID.format(n)}, separators=(",", ":")) for n in range(size)]
    return {"Records": [{**pattern, "messageId": f"{n:036d}", "body": body} for n, body in enumerate(bodies)]}


def cold(plan: Plan) -> Outcome:
    """CPU of each function's and baseline's import and first call, and the number of modules."""
    with deployed() as deployment:
        functions = [*map(deployment.ours, FUNCTIONS), *map(deployment.baseline, BASELINES)]
        modules = {each.name: _modules(each) for each in functions}
        taken = in_turns({each.name: partial(_start, each) for each in functions}, plan.samples)
    rows: list[list[Cell]] = []
    figures: dict[str, float] = {f"modules.{name}": number for name, number in modules.items()}
    for name, samples in taken.items():
        init, first, both = zip(*samples, strict=True)
        rows.append([name, median(init), median(first), spread(both), modules[name]])
        figures |= {f"cold.{name}.cpu": median(both), f"cold.{name}.init": median(init)}
    title = f"Cold start, CPU milliseconds: medians and quartiles of {plan.samples} processes"
    columns = ("function", "init", "first call", "both", "modules")
    return Outcome((Table(title=title, columns=columns, rows=rows),), figures)


def _start(function: Function) -> tuple[float, float, float]:
    """Milliseconds of the import, of the first call, and of both, in a fresh process."""
    with sandbox(function) as started:
        init, first = started.init.cpu * MS, started.call(event(function.like)).cpu * MS
        return init, first, init + first


def _modules(function: Function) -> int:
    """Modules in a fresh process after the first call, Python's own included."""
    with sandbox(function, bare=True) as started:
        return started.call(event(function.like)).modules


def warm(plan: Plan) -> Outcome:
    """CPU of one more callback, report or message in a running process."""
    with ExitStack() as stack:
        deployment = stack.enter_context(deployed())
        cases: dict[str, Callable[[], float]] = {}
        for name, (function, given, work) in _jobs(deployment).items():
            progress(f"starting {name}")
            started = stack.enter_context(sandbox(function))
            calls = max(2, plan.calls // work)
            started.call(given, calls=calls)  # the first calls fill caches
            cases[name] = partial(_sample, started, given, calls, work)
        taken = in_turns(cases, plan.rounds)
    rows = [[name, spread(values)] for name, values in taken.items()]
    title = f"Warm, CPU milliseconds for one callback, report or message: {plan.rounds} rounds, median and quartiles"
    figures = {f"warm.{name}.cpu": median(values) for name, values in taken.items()}
    return Outcome((Table(title=title, columns=("function", "CPU"), rows=rows),), figures)


def _jobs(deployment: Deployment) -> dict[str, Job]:
    """Functions and their baselines, by name."""
    ours, plain = deployment.ours, deployment.baseline
    single = [ours(name) for name in ("webhook", "send", "authorizer", "publisher", "digest", "query")]
    single += [plain(name) for name in ("sqs", "client", "webhook")]
    jobs: dict[str, Job] = {each.name: (each, event(each.like), 1) for each in single}
    for size in BATCHES:
        for each in (ours("processor"), plain("processor")):
            jobs[f"{each.name}, batch of {size}"] = (each, batch(size), size)
    inserted = [each for each in event("publisher")["Records"] if each["eventName"] == "INSERT"]
    jobs["publisher, nothing to publish"] = (ours("publisher"), {"Records": inserted[:1]}, 1)
    return {**jobs, "webhook, MessageBird": (ours("webhook"), sample("webhook-messagebird"), 1)}


def _sample(started: Sandbox, given: Mapping[str, Any], calls: int, work: int) -> float:
    started.call(given)  # caches and connections went idle while the other processes ran
    return started.call(given, calls=calls).cpu * MS / calls / work
