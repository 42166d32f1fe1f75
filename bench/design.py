"""A way of building the service as a bill sees it: what a message asks for, counted, and what the template sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.unit.template_stack import stack

Figures = dict[str, float]

FULL_CPU = 1769
"""Megabytes at which Lambda gives a function one whole vCPU; less memory is a share of one."""
PLATFORM_BYTES, PLATFORM_LINES = 250, 3
"""START, END and REPORT, which Lambda writes for every invocation."""
OVERHEAD = 100
"""Bytes that DynamoDB adds to an item, and to an index entry, in storage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One invocation of a function: CPU in milliseconds, calls waited for, bytes and lines of log, and its init."""

    cpu: float
    calls: float
    log: float
    lines: float = 1
    provider: float = 0
    init: float = 0
    memory: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """``works`` by function; ``per_report`` is the processor's CPU for one report by the size of its batch."""

    name: str
    api: str
    compute: str
    works: Mapping[str, Work]
    per_report: Mapping[int, float]
    parallel: float
    batch: int
    window: float
    stream_batch: int
    item_units: float
    index_units: float
    failed_units: float
    read_units: float
    count_units: float
    run_calls: float
    item_bytes: float
    entry_bytes: float
    events_ok: float
    events_failed: float
    event_bytes: float
    metrics: float
    traced: float = 0.0
    stream_window: float = 0.0
    reads_first: bool = False


def memory(function: str) -> int:
    """Megabytes."""
    return int(stack().properties(f"{function.title()}Function")["MemorySize"])


def _mapping(source: str) -> Mapping[str, Any]:
    """How Lambda reads a queue, or a table's stream."""
    found = [each.properties for each in stack().of("AWS::Lambda::EventSourceMapping").values()]
    (one,) = (each for each in found if str(each["EventSourceArn"]).startswith(f"{source}."))
    return one


_AWS_CALLS = {"send": 2, "publisher": 0, "processor": 0, "reconciler": 0}
"""Calls of AWS that an invocation waits for, one where it is not said; the last three's depend on the load."""


def _works(figures: Figures) -> dict[str, Work]:
    """Every function that a message meets. The processor's CPU is by the report, the reconciler's by the record."""
    told = figures | {"warm.publisher.cpu": figures["warm.publisher, nothing to publish.cpu"]}
    return {
        name: Work(
            cpu=told.get(f"warm.{name}.cpu", 0),
            calls=_AWS_CALLS.get(name, 1),
            provider=1 if name == "send" else 0,
            log=told.get(f"log.{name}", 0),
            lines=told.get(f"lines.{name}", 0),
            init=told[f"cold.{name}.init"],
            memory=memory(name),
        )
        for name in ("send", "webhook", "processor", "publisher", "authorizer", "digest", "reconciler")
    }


def ours(figures: Figures) -> Design:
    """This project, as measured."""
    reports, stream = _mapping("ReportsQueue"), _mapping("MessagesTable")
    return Design(
        name="ours",
        api="http-api",
        compute="arm",
        works=_works(figures),
        per_report={size: figures[f"warm.processor, batch of {size}.cpu"] for size in (1, 10, 50)},
        parallel=max(1.0, figures["processor.parallel"]),
        batch=int(reports["BatchSize"]),
        window=float(reports.get("MaximumBatchingWindowInSeconds", 0)),
        stream_batch=int(stream["BatchSize"]),
        stream_window=float(stream.get("MaximumBatchingWindowInSeconds", 0)),
        item_units=figures["counted.item_units"],
        index_units=figures["counted.index_units"],
        failed_units=figures["failed.item_units"] + figures["failed.index_units"],
        read_units=figures["counted.read_units"] + figures["walk.read_units"],
        count_units=figures["statistics.read_units"],
        run_calls=figures["reconciler.calls"],
        item_bytes=figures["counted.size"],
        entry_bytes=figures["counted.entry_bytes"],
        events_ok=0,
        events_failed=figures["failed.events"],
        event_bytes=figures["event.bytes"],
        metrics=figures["metrics"],
    )


def plain(figures: Figures) -> Design:
    """The same template with the baseline's handlers in send, webhook and processor."""
    base = ours(figures)
    changed = {
        name: replace(
            base.works[name],
            cpu=figures.get(f"warm.baseline {name}.cpu", 0),
            log=figures[f"log.baseline {name}"],
            lines=figures[f"lines.baseline {name}"],
            init=figures[f"cold.baseline {name}.init"],
        )
        for name in ("send", "webhook", "processor")
    }
    changed["processor"] = replace(changed["processor"], cpu=0)
    return replace(
        base,
        name="plain handlers",
        works={**base.works, **changed},
        per_report={size: figures[f"warm.baseline processor, batch of {size}.cpu"] for size in (1, 10, 50)},
        parallel=1.0,
        item_units=figures["baseline.item_units"],
        index_units=figures["baseline.index_units"],
        item_bytes=figures["baseline.size"],
        entry_bytes=figures["baseline.entry_bytes"],
    )


def naive(figures: Figures) -> Design:
    """The plain handlers in what one gets without looking at the bill.

    A REST API, x86_64 at 1024 MB, X-Ray at its default sampling, whole events in the log, batches of ten without a
    window, each write preceded by a consistent read, indexes that project everything, and every status published.
    """
    base = plain(figures)
    logged = {"send": 1200, "webhook": 1800, "processor": 1400, "publisher": 2600, "authorizer": 900}
    works = {
        name: replace(work, log=work.log + logged.get(name, 1000), memory=1024) for name, work in base.works.items()
    }
    writes = figures["baseline.item_units"]
    return replace(
        base,
        name="naive",
        api="rest-api",
        compute="x86",
        works=works,
        batch=10,
        window=0.0,
        stream_window=0.0,
        index_units=figures["naive.index_units"],
        read_units=base.read_units + writes,
        entry_bytes=figures["naive.entry_bytes"],
        events_ok=writes,
        events_failed=writes,
        traced=0.05,
        reads_first=True,
    )
