"""Warm CPU: the cost of one more callback, report or message in a process that is already running."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.code import Code
from bench.cold import event
from bench.deployment import Deployment, deployed
from bench.report import MS, Outcome, Plan, Progress, in_turns, spread
from bench.sandbox import Function, Sandbox
from bench.table import Table
from tests.cloud import sample

BATCHES = (1, 10, 50)
_ID = "0b0e9f0a-53cf-4f13-9f0c-{:012d}"
FIELDS = {
    "MessageSid": "SM00000000000000000000000000000a01",
    "SmsSid": "SM00000000000000000000000000000a01",
    "MessageStatus": "delivered",
    "SmsStatus": "delivered",
    "To": "+31612345678",
    "From": "+15551234567",
    "AccountSid": "AC00000000000000000000000000000001",
    "ApiVersion": "2010-04-01",
    "RawDlrDoneDate": "2601311203",
}
"""A callback with every field that Twilio is known to send."""
Job = tuple[Function, Mapping[str, Any], int]
"""A function, the event of each call, and the reports or messages in that event."""


def batch(size: int) -> dict[str, Any]:
    """Reports of ``size`` messages, as the webhook queues them."""
    common = {"v": 1, "provider": "twilio", "attempt": 1, "source": "callback", "fields": FIELDS}
    at = "2026-01-31T12:00:09.000Z"
    bodies = [{**common, "message_id": _ID.format(number), "received_at": at} for number in range(size)]
    return queue_event([json.dumps(body, separators=(",", ":")) for body in bodies])


def queue_event(bodies: Sequence[str]) -> dict[str, Any]:
    """A batch as Lambda passes it to the processor."""
    (pattern, *_) = sample("processor")["Records"]
    return {"Records": [{**pattern, "messageId": f"{number:036d}", "body": body} for number, body in enumerate(bodies)]}


def jobs(deployment: Deployment) -> dict[str, Job]:
    """By name: baselines, and the functions that they are compared with."""
    ours, plain = deployment.ours, deployment.baseline
    twilio = event("webhook")
    named: dict[str, Job] = {
        "webhook": (ours("webhook"), twilio, 1),
        "webhook, MessageBird": (ours("webhook"), sample("webhook-messagebird"), 1),
        "baseline sqs": (plain("sqs", "webhook"), twilio, 1),
        "baseline webhook": (plain("webhook", "webhook"), twilio, 1),
        "baseline send": (plain("send", "send"), event("send"), 1),
    }
    for size in BATCHES:
        many = batch(size)
        named[f"processor, batch of {size}"] = (ours("processor"), many, size)
        named[f"baseline processor, batch of {size}"] = (plain("processor", "processor"), many, size)
    for name in ("send", "authorizer", "publisher", "digest", "query"):
        named[name] = (ours(name), event(name), 1)
    return {**named, "publisher, nothing to publish": (ours("publisher"), unpublished(), 1)}


def unpublished() -> dict[str, Any]:
    """A new record: a change without an event, as most changes are."""
    return {"Records": [each for each in sample("publisher")["Records"] if each["eventName"] == "INSERT"][:1]}


def warm(plan: Plan, progress: Progress) -> Outcome:
    """CPU of one callback, report or message, in turns over running processes."""
    with ExitStack() as stack:
        deployment = stack.enter_context(deployed(Code(progress)))
        cases: dict[str, Callable[[], float]] = {}
        for name, (function, given, work) in jobs(deployment).items():
            progress(f"starting {name}")
            sandbox = stack.enter_context(Sandbox(function))
            calls = max(2, plan.calls // work)
            sandbox.call(given, calls=calls)  # the first calls fill caches
            cases[name] = partial(_sample, sandbox, given, calls, work)
        taken = in_turns(cases, rounds=plan.rounds, progress=progress)
    rows = [[name, str(spread(values))] for name, values in taken.items()]
    title = f"Warm, CPU milliseconds for one callback, report or message: {plan.rounds} rounds, median and quartiles"
    table = Table(title=title, columns=("function", "CPU"), rows=rows)
    return Outcome((table,), {f"warm.{name}.cpu": spread(values).median for name, values in taken.items()})


def _sample(sandbox: Sandbox, given: Mapping[str, Any], calls: int, work: int) -> float:
    sandbox.call(given)  # caches went cold and connections idle while the other processes ran
    return sandbox.call(given, calls=calls).cpu * MS / calls / work
