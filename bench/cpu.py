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

from bench.deployment import FUNCTIONS, Deployment, deployed
from bench.report import MS, Cell, Outcome, Plan, Progress, Table, in_turns, spread
from bench.sandbox import Function, Sandbox
from tests.cloud import sample

BASELINES = {"sqs": "webhook", "client": "webhook", "webhook": "webhook", "processor": "processor", "send": "send"}
"""The folders in bench/baseline, and the function that each is compared with."""
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


def cold(plan: Plan, progress: Progress) -> Outcome:
    """CPU of each function's and baseline's import and first call, and the number of modules."""
    with deployed(progress) as deployment:
        cases = {name: (deployment.ours(name), name) for name in FUNCTIONS}
        cases |= {f"baseline {name}": (deployment.baseline(name, like), like) for name, like in BASELINES.items()}
        modules = {name: _modules(*case) for name, case in cases.items()}
        starts = {name: partial(_start, *case) for name, case in cases.items()}
        taken = in_turns(starts, rounds=plan.samples, progress=progress)
    rows: list[list[Cell]] = []
    figures: dict[str, float] = {}
    for name, samples in taken.items():
        init, first, both = ([values[step] for values in samples] for step in range(3))
        rows.append([name, median(init), median(first), spread(both), modules[name]])
        figures |= {
            f"cold.{name}.cpu": median(both),
            f"cold.{name}.init": median(init),
            f"modules.{name}": modules[name],
        }
    title = f"Cold start, CPU milliseconds: medians and quartiles of {plan.samples} processes"
    columns = ("function", "init", "first call", "both", "modules")
    return Outcome((Table(title=title, columns=columns, rows=rows),), figures)


def _start(function: Function, like: str) -> tuple[float, float, float]:
    """Milliseconds of the import, of the first call, and of both, in a fresh process."""
    with Sandbox(function) as sandbox:
        init, first = sandbox.init.cpu * MS, sandbox.call(event(like)).cpu * MS
        return init, first, init + first


def _modules(function: Function, like: str) -> int:
    """Modules in a fresh process after the first call, Python's own included."""
    with Sandbox(function, bare=True) as sandbox:
        return sandbox.call(event(like)).modules


def warm(plan: Plan, progress: Progress) -> Outcome:
    """CPU of one more callback, report or message in a running process."""
    with ExitStack() as stack:
        deployment = stack.enter_context(deployed(progress))
        cases: dict[str, Callable[[], float]] = {}
        for name, (function, given, work) in _jobs(deployment).items():
            progress(f"starting {name}")
            sandbox = stack.enter_context(Sandbox(function))
            calls = max(2, plan.calls // work)
            sandbox.call(given, calls=calls)  # the first calls fill caches
            cases[name] = partial(_sample, sandbox, given, calls, work)
        taken = in_turns(cases, rounds=plan.rounds, progress=progress)
    rows = [[name, spread(values)] for name, values in taken.items()]
    title = f"Warm, CPU milliseconds for one callback, report or message: {plan.rounds} rounds, median and quartiles"
    table = Table(title=title, columns=("function", "CPU"), rows=rows)
    return Outcome((table,), {f"warm.{name}.cpu": median(values) for name, values in taken.items()})


def _jobs(deployment: Deployment) -> dict[str, Job]:
    """Functions and their baselines, by name."""
    ours, plain = deployment.ours, deployment.baseline
    jobs: dict[str, Job] = {
        name: (ours(name), event(name), 1) for name in ("webhook", "send", "authorizer", "publisher", "digest", "query")
    }
    jobs |= {f"baseline {name}": (plain(name, "webhook"), event("webhook"), 1) for name in ("sqs", "client", "webhook")}
    for size in BATCHES:
        jobs[f"processor, batch of {size}"] = (ours("processor"), batch(size), size)
        jobs[f"baseline processor, batch of {size}"] = (plain("processor", "processor"), batch(size), size)
    inserted = [each for each in event("publisher")["Records"] if each["eventName"] == "INSERT"]
    jobs["publisher, nothing to publish"] = (ours("publisher"), {"Records": inserted[:1]}, 1)
    return {**jobs, "webhook, MessageBird": (ours("webhook"), sample("webhook-messagebird"), 1)}


def _sample(sandbox: Sandbox, given: Mapping[str, Any], calls: int, work: int) -> float:
    sandbox.call(given)  # caches and connections went idle while the other processes ran
    return sandbox.call(given, calls=calls).cpu * MS / calls / work
