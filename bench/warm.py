"""Warm CPU: what one more callback, report, message costs a process that is already up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.case import MS, Outcome, Plan
from bench.code import Code
from bench.cold import event
from bench.deployment import Deployment, deployed
from bench.endpoint import Answer, Call
from bench.sampling import Progress, Spread, in_turns, spread
from bench.sandbox import Function, Sandbox
from bench.service import queue_event
from bench.table import Table
from tests.cloud import sample

BATCHES = (1, 10, 50)
_AWS_TAKES = 0.02
_ID = "0b0e9f0a-53cf-4f13-9f0c-{:012d}"


def batch(size: int) -> dict[str, Any]:
    """Reports of as many messages, as the webhook queues them."""
    fields = {
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
    common = {"v": 1, "provider": "twilio", "attempt": 1, "source": "callback", "fields": fields}
    at = "2026-01-31T12:00:09.000Z"
    bodies = [{**common, "message_id": _ID.format(number), "received_at": at} for number in range(size)]
    return queue_event([json.dumps(body, separators=(",", ":")) for body in bodies])


Job = tuple[Function, Mapping[str, Any], int]
"""What is called with which event, and how many units of work (reports) one call does."""


def jobs(deployment: Deployment) -> dict[str, Job]:
    """By name; baselines beside what they stand for."""
    ours, plain = deployment.ours, deployment.baseline
    twilio, bird = sample("webhook-twilio"), sample("webhook-messagebird")
    named: dict[str, Job] = {
        "webhook": (ours("webhook"), twilio, 1),
        "webhook, MessageBird": (ours("webhook"), bird, 1),
        "baseline sqs": (plain("sqs", "webhook"), twilio, 1),
        "baseline webhook_logger": (plain("webhook_logger", "webhook"), twilio, 1),
        "baseline webhook": (plain("webhook", "webhook"), twilio, 1),
    }
    for size in BATCHES:
        many = batch(size)
        named[f"processor, batch of {size}"] = (ours("processor"), many, size)
        for name in ("processor_logger", "processor"):
            named[f"baseline {name}, batch of {size}"] = (plain(name, "processor"), many, size)
    named["send"] = (ours("send"), event("send"), 1)
    for name in ("send_boto3", "send"):
        named[f"baseline {name}"] = (plain(name, "send"), event("send"), 1)
    for name in ("authorizer", "publisher", "digest", "query"):
        named[name] = (ours(name), event(name), 1)
    named["publisher, nothing to publish"] = (ours("publisher"), unpublished(), 1)
    return named


def unpublished() -> dict[str, Any]:
    """The change that most messages make: one of those that no event is made of."""
    recorded = next(each for each in sample("publisher")["Records"] if each["eventName"] == "INSERT")
    return {"Records": [recorded]}


def warm(plan: Plan, progress: Progress) -> Outcome:
    """CPU per unit of work, in turns over processes that stay up."""
    with ExitStack() as stack:
        deployment = stack.enter_context(deployed(Code(progress)))
        cases: dict[str, Callable[[], float]] = {}
        for name, (function, given, work) in jobs(deployment).items():
            progress(f"starting {name}")
            sandbox = stack.enter_context(Sandbox(function))
            calls = max(2, plan.calls // work)
            sandbox.call(given, calls=calls)  # the first ones fill caches
            cases[name] = partial(_sample, sandbox, given, calls, work)
        parallel = _parallel(stack, deployment)
        taken = in_turns(cases, rounds=plan.rounds, progress=progress)
    medians = {name: spread(values) for name, values in taken.items()}
    figures = {f"warm.{name}.cpu": each.median for name, each in medians.items()}
    return Outcome((_table(medians, plan),), {**figures, "processor.parallel": parallel})


def _parallel(stack: ExitStack, deployment: Deployment) -> int:
    """Most calls that the processor has under way at once, where each takes as long as AWS takes."""
    sandbox, respond = stack.enter_context(Sandbox(deployment.ours("processor"))), deployment.aws.respond

    def slowly(call: Call) -> Answer:
        time.sleep(_AWS_TAKES)
        return respond(call)

    deployment.aws.respond, deployment.aws.busiest = slowly, 0
    sandbox.call(batch(BATCHES[-1]))
    deployment.aws.respond = respond
    return deployment.aws.busiest


def _sample(sandbox: Sandbox, given: Mapping[str, Any], calls: int, work: int) -> float:
    sandbox.call(given)  # while the others had their turn, caches went cold and connections idle
    return sandbox.call(given, calls=calls).cpu * MS / calls / work


def _table(medians: Mapping[str, Spread], plan: Plan) -> Table:
    rows: list[list[str | float | int]] = [
        [name, each.median, f"{each.low:.2f} to {each.high:.2f}"] for name, each in medians.items()
    ]
    note = "CPU milliseconds of the function's process alone: per callback, per report of a batch, per message."
    title = f"Warm ({plan.rounds} rounds in turns)"
    return Table(title=title, columns=("function", "CPU ms", "quartiles"), rows=rows, note=note)
