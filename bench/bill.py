"""The bill of a month: every row that AWS would charge for a load on a design, with quantity and price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from math import ceil

from bench.assumed import Load, Settings
from bench.design import FULL_CPU, OVERHEAD, PLATFORM_BYTES, PLATFORM_LINES, Design, Work
from bench.prices import PRICES

_LINE = 26
"""Bytes that CloudWatch counts for every line besides its text."""
_POLLS = 20
"""Receives a second that one of Lambda's pollers makes at most on a queue that is never empty."""
_IDLE_POLLS = 3 * 60 * 720
"""Long polls of 20 s that one poller makes in a month on a queue that is always empty."""
_STREAM_POLLS = 4
"""Reads a second of a shard of the table's stream."""
_SECRETS_LIFE = 330
"""Seconds after which an environment reads its settings again, on average."""
_TLS = 1000
"""Bytes that a new connection to a provider sends before the request."""
_COMPRESSED = 0.15
_BY_THE_MINUTE = ("authorizer", "digest")
_TEN = 10
"""Most messages in one SQS request."""


class Due(StrEnum):
    """What makes a row grow: messages, hours in which any come, or nothing but the month."""

    MESSAGE = "message"
    HOUR = "hour"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Row:
    """One line; ``price`` is a key of ``PRICES``."""

    name: str
    quantity: float
    price: str
    due: Due = Due.MESSAGE

    @property
    def dollars(self) -> float:
        return self.quantity * PRICES[self.price].each


def milliseconds(work: Work, load: Load) -> int:
    """What Lambda bills for one warm invocation: CPU at the memory's share of a vCPU, and waiting; rounded up."""
    share = min(1.0, work.memory / FULL_CPU)
    waited = work.calls * load.aws_ms + work.provider * load.provider_ms
    return max(1, ceil(work.cpu * load.pace / share + waited))


def batch_fill(design: Design, load: Load, settings: Settings) -> float:
    """Reports in one invocation of the processor: the first, and what one poller of five sees in the window."""
    a_second = load.messages * load.callbacks / load.seconds
    return min(design.batch, 1 + a_second / settings.pollers * design.window)


def stream_fill(design: Design, load: Load, settings: Settings) -> float:
    """Changes in one invocation of the publisher: the first, and what its shard sees in the window or until a poll."""
    a_second = load.messages * design.item_units / load.seconds / settings.shards
    return min(design.stream_batch, 1 + a_second * (design.stream_window or 0.5 / _STREAM_POLLS))


def report_cpu(design: Design, fill: float) -> float:
    """The processor's milliseconds for one report of a batch, straight between the sizes that were measured."""
    sizes = sorted(design.per_report)
    for low, high in pairwise(sizes):
        if fill <= high:
            share = (fill - low) / (high - low)
            return design.per_report[low] * (1 - share) + design.per_report[high] * share
    return design.per_report[sizes[-1]]


def invocations(design: Design, load: Load, settings: Settings) -> Mapping[str, tuple[float, Work]]:
    """How often each function is invoked, and what it does each time."""
    reports, changes = load.messages * load.callbacks, load.messages * design.item_units
    fill = batch_fill(design, load, settings)
    trips = ceil(fill / design.parallel) * (2 if design.reads_first else 1)
    processor = replace(design.works["processor"], cpu=report_cpu(design, fill) * fill, calls=trips)
    minutes = load.hours * 60
    events = load.messages * (design.events_ok * (1 - load.failed) + design.events_failed * load.failed)
    gathered = stream_fill(design, load, settings)
    publisher = design.works["publisher"]
    publisher = replace(publisher, cpu=publisher.cpu * gathered, calls=events * gathered / changes)
    return {
        "send": (load.messages, design.works["send"]),
        "authorizer": (min(load.messages, minutes), design.works["authorizer"]),
        "webhook": (reports, design.works["webhook"]),
        "processor": (reports / fill, processor),
        "publisher": (changes / gathered, publisher),
        "digest": (min(load.messages * load.failed, minutes), design.works["digest"]),
    }


def bill(design: Design, load: Load, settings: Settings) -> list[Row]:
    """Every row, the same for every design."""
    called = invocations(design, load, settings)
    return [
        *_requests(design, load),
        *_lambda(design, called, load),
        *_reconciler(design, load, settings),
        *_queues(called, load, settings),
        *_table(design, load, settings),
        *_events(design, called, load, settings),
        *_logs(called, load, settings),
        *_rest(design, load, settings),
    ]


def _requests(design: Design, load: Load) -> Iterator[Row]:
    yield Row("API: requests to send", load.messages, design.api)
    yield Row("API: webhooks", load.messages * load.callbacks, design.api)


def _lambda(design: Design, called: Mapping[str, tuple[float, Work]], load: Load) -> Iterator[Row]:
    for name, (number, work) in called.items():
        init = load.cold * work.init * load.pace
        seconds = number * (milliseconds(work, load) + init) / 1000
        due = Due.HOUR if name in _BY_THE_MINUTE else Due.MESSAGE
        yield Row(f"Lambda {name}: invocations", number, "invocation", due)
        yield Row(f"Lambda {name}: GB-seconds", seconds * work.memory / 1024, design.compute, due)


def _reconciler(design: Design, load: Load, settings: Settings) -> Iterator[Row]:
    """Its runs, however little there is to do, and what it spends on a message: walked once, counted several times."""
    work, number = design.works["reconciler"], settings.runs_a_month
    idle = replace(work, cpu=0, calls=design.run_calls)
    seen = replace(work, cpu=load.count_ms * (1 + settings.counted), calls=0)
    memory = work.memory / 1024 / 1000
    yield Row("Lambda reconciler: invocations", number, "invocation", Due.MONTH)
    yield Row("Lambda reconciler: GB-seconds", number * milliseconds(idle, load) * memory, design.compute, Due.MONTH)
    yield Row("... on messages", load.messages * milliseconds(seen, load) * memory, design.compute)


def _queues(called: Mapping[str, tuple[float, Work]], load: Load, settings: Settings) -> Iterator[Row]:
    reports = load.messages * load.callbacks
    received = max(1.0, min(_TEN, reports / load.seconds / settings.pollers / _POLLS))
    batches, _ = called["processor"]
    yield Row("SQS reports: sent by the webhook", reports, "sqs")
    yield Row("SQS reports: received", reports / received, "sqs")
    yield Row("SQS reports: deleted", max(batches, reports / _TEN), "sqs")
    yield Row("SQS failures: sent, received, deleted", 3 * load.messages * load.failed, "sqs")
    yield Row("SQS: polls of empty queues", 2 * settings.pollers * _IDLE_POLLS, "sqs", Due.MONTH)


def _table(design: Design, load: Load, settings: Settings) -> Iterator[Row]:
    more = load.messages * load.failed * (design.failed_units - design.item_units - design.index_units)
    stored = load.messages * settings.retention_months
    yield Row("DynamoDB: writes of items", load.messages * design.item_units, "write")
    yield Row("DynamoDB: writes of indexes", load.messages * design.index_units, "write")
    yield Row("DynamoDB: further writes of failures", max(0.0, more), "write")
    yield Row("DynamoDB: reads", load.messages * design.read_units, "read")
    yield Row("DynamoDB: reads of the statistics", load.messages * settings.counted * design.count_units, "read")
    yield Row("DynamoDB: storage of items", stored * (design.item_bytes + OVERHEAD), "storage")
    yield Row("DynamoDB: storage of indexes", stored * design.entry_bytes, "storage")
    yield Row("DynamoDB: point-in-time recovery", stored * (design.item_bytes + OVERHEAD), "recovery")
    yield Row("DynamoDB: stream, read by Lambda", load.messages * design.item_units, "stream")


def _events(design: Design, called: Mapping[str, tuple[float, Work]], load: Load, settings: Settings) -> Iterator[Row]:
    events = load.messages * (design.events_ok * (1 - load.failed) + design.events_failed * load.failed)
    told, _ = called["digest"]
    yield Row("EventBridge: events", events, "event")
    yield Row("EventBridge: archiving", events * design.event_bytes, "archive")
    yield Row("EventBridge: archive", events * design.event_bytes * settings.archive_months, "archived")
    yield Row("EventBridge: the reconciler's schedules", settings.runs_a_month, "schedule", Due.MONTH)
    yield Row("SNS: digests", told, "publish", Due.HOUR)
    yield Row("SNS: their e-mails", told, "mail", Due.HOUR)


def _logs(called: Mapping[str, tuple[float, Work]], load: Load, settings: Settings) -> Iterator[Row]:
    own = sum(number * (work.log + _LINE * work.lines) for number, work in called.values())
    platform = sum(number for number, _ in called.values()) * (PLATFORM_BYTES + _LINE * PLATFORM_LINES)
    access = load.messages * (1 + load.callbacks) * (settings.access_log_bytes + _LINE)
    yield Row("Logs: the functions' lines", own, "log")
    yield Row("Logs: Lambda's own lines", platform, "log")
    yield Row("Logs: API access", access, "log")
    yield Row("Logs: kept", (own + platform + access) * settings.log_months * _COMPRESSED, "logged")


def _rest(design: Design, load: Load, settings: Settings) -> Iterator[Row]:
    refreshed = load.environments * load.seconds / _SECRETS_LIFE
    traces = design.traced * load.messages * (1 + load.callbacks)
    out = load.messages * (1000 + _TLS + (1 + load.callbacks) * 400)
    yield Row("CloudWatch: custom metrics", design.metrics * load.hours, "metric", Due.HOUR)
    yield Row("CloudWatch: alarms", settings.alarms, "alarm", Due.MONTH)
    yield Row("CloudWatch: dashboards", settings.dashboards, "dashboard", Due.MONTH)
    yield Row("X-Ray: traces", traces, "trace")
    yield Row("SSM: reads of the settings", refreshed, "parameter", Due.HOUR)
    yield Row("KMS: decryption of three secrets", 3 * refreshed, "kms", Due.HOUR)
    yield Row("KMS: the alerts' key", 1, "key", Due.MONTH)
    yield Row("Transfer: requests to providers, answers", out, "transfer")


def total(rows: Iterable[Row], due: Due | None = None) -> float:
    """In dollars; of all rows, or of those that one thing makes grow."""
    return sum(row.dollars for row in rows if due in (None, row.due))
