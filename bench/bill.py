"""A month's AWS bill, row by row, from counted and measured figures, the template and a load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from bench.counted import OVERHEAD
from bench.prices import PRICES
from bench.units import read_units

FULL_CPU = 1769
"""Megabytes of memory with one vCPU; less memory has a share of it."""
_PLATFORM_BYTES, _PLATFORM_LINES = 250, 3
"""Bytes and lines of START, END and REPORT of an invocation."""
_LINE = 26
"""Bytes that CloudWatch adds to each line."""
_POLLERS, _POLLS, _IDLE_POLLS = 5, 20, 3 * 60 * 720
"""Lambda's pollers of a queue, their receives a second when busy, their long polls (20 s) a month when idle."""
_SHARDS, _SHARD_POLLS = 4, 4
"""Shards of a new on-demand table's stream, one for each partition; Lambda's reads of each a second."""
_PARALLEL = 8
"""Messages of a batch that the processor writes in parallel."""
_IDLE_CALLS = 20
"""AWS calls of a reconciler run without work."""
_SECRETS_LIFE = 330
"""Average seconds between two reads of the settings in an environment."""
_TLS = 1000
"""Bytes sent to open a connection to a provider."""
_COMPRESSED = 0.15
_EVENT_BYTES = 730
"""Bytes of one of our events on the bus."""
_TEN = 10
"""Messages in one SQS request, at most."""
Figures = Mapping[str, float]


def _assumed(default: float, unit: str, *, least: float = 0, most: float = 1e12) -> Any:
    """A field of ``Load``, which is an option of `make cost`."""
    return field(default=default, metadata={"unit": unit, "least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Assumptions about load and waiting, each with its unit and bounds."""

    messages: float = _assumed(1e6, "messages a month", least=1)
    hours: float = _assumed(200.0, "hours of the month in which messages arrive", least=0.01, most=744)
    callbacks: int = _assumed(3, "status reports a message")
    failed: float = _assumed(0.01, "share of messages that fail, 0 to 1", most=1)
    cold: float = _assumed(0.005, "share of invocations that start an environment, 0 to 1", most=1)
    pace: float = _assumed(1.0, "CPU seconds on Lambda's arm64 for one CPU second here", least=0.01)
    aws_ms: float = _assumed(6.0, "milliseconds of waiting for an AWS call")
    provider_ms: float = _assumed(250.0, "milliseconds of waiting for a provider's call")
    environments: int = _assumed(10, "environments that read the secrets")
    count_ms: float = _assumed(0.5, "CPU milliseconds of the statistics for one read of a message")
    metrics: int = _assumed(23, "custom metrics sent in an hour with messages")

    @property
    def seconds(self) -> float:
        return self.hours * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The template's settings. ``events_ok`` and ``events_failed`` are events of a message that arrives or fails."""

    memory: Mapping[str, int]
    batch: int
    window: float
    stream_batch: int
    stream_window: float
    retention_months: float
    log_months: float
    archive_months: float
    alarms: int
    dashboards: int
    runs_a_month: float
    counted: float
    access_log_bytes: int
    events_ok: float = 0
    events_failed: float = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One line; ``price`` is a key of ``PRICES``. ``monthly`` rows are due without any message."""

    name: str
    quantity: float
    price: str
    monthly: bool = False

    @property
    def dollars(self) -> float:
        return self.quantity * PRICES[self.price].each


def milliseconds(cpu: float, memory: int, load: Load, *, calls: float = 1, provider: float = 0) -> int:
    """Billed time of one warm invocation: CPU at the memory's share of a vCPU plus waiting, rounded up."""
    waited = calls * load.aws_ms + provider * load.provider_ms
    return max(1, ceil(cpu * load.pace / min(1.0, memory / FULL_CPU) + waited))


def batch_fill(load: Load, settings: Settings) -> float:
    """Reports in a batch: the first, and those that one poller receives in the window."""
    a_second = load.messages * load.callbacks / load.seconds / _POLLERS
    return min(settings.batch, 1 + a_second * settings.window)


def stream_fill(figures: Figures, load: Load, settings: Settings) -> float:
    """Changes in a batch: the first, and those of its shard in the window or until the next poll."""
    a_second = load.messages * figures["counted.item_units"] / load.seconds / _SHARDS
    return min(settings.stream_batch, 1 + a_second * (settings.stream_window or 0.5 / _SHARD_POLLS))


def bill(figures: Figures, load: Load, settings: Settings) -> list[Row]:
    """Every row."""
    called = invocations(figures, load, settings)
    return [
        Row("API: requests to send", load.messages, "http-api"),
        Row("API: webhooks", load.messages * load.callbacks, "http-api"),
        *_lambda(figures, called, load, settings),
        *_reconciler(load, settings),
        *_queues(called, load),
        *_table(figures, load, settings),
        *_published(called, load, settings),
        *_logs(figures, called, load, settings),
        *_rest(load, settings),
    ]


def invocations(figures: Figures, load: Load, settings: Settings) -> Mapping[str, float]:
    """Each function's invocations in the month, without the reconciler's."""
    minutes = load.hours * 60
    return {
        "send": load.messages,
        "authorizer": min(load.messages, minutes),
        "webhook": load.messages * load.callbacks,
        "processor": load.messages * load.callbacks / batch_fill(load, settings),
        "publisher": load.messages * figures["counted.item_units"] / stream_fill(figures, load, settings),
        "digest": min(load.messages * load.failed, minutes),
    }


def _events(load: Load, settings: Settings) -> float:
    return load.messages * (settings.events_ok * (1 - load.failed) + settings.events_failed * load.failed)


def _lambda(figures: Figures, called: Mapping[str, float], load: Load, settings: Settings) -> Iterator[Row]:
    fill, gathered = batch_fill(load, settings), stream_fill(figures, load, settings)
    cpu = {name: figures[f"warm.{name}.cpu"] for name in called if name != "processor"}
    cpu["processor"] = figures["warm.processor, batch of 10.cpu"] * fill
    cpu["publisher"] = figures["warm.publisher, nothing to publish.cpu"] * gathered
    calls = {
        "send": 2.0,
        "processor": ceil(fill / _PARALLEL),
        "publisher": _events(load, settings) / called["publisher"],
    }
    for name, number in called.items():
        memory = settings.memory[name]
        warm = milliseconds(cpu[name], memory, load, calls=calls.get(name, 1), provider=name == "send")
        init = load.cold * figures[f"cold.{name}.init"] * load.pace
        yield Row(f"Lambda {name}: invocations", number, "invocation")
        yield Row(f"Lambda {name}: GB-seconds", number * (warm + init) / 1000 * memory / 1024, "arm")


def _reconciler(load: Load, settings: Settings) -> Iterator[Row]:
    """Runs without work, and the CPU for each message: one scan and each read by the statistics."""
    memory, runs = settings.memory["reconciler"], settings.runs_a_month
    gigabyte_ms = memory / 1024 / 1000
    idle = milliseconds(0, memory, load, calls=_IDLE_CALLS) * gigabyte_ms
    seen = milliseconds(load.count_ms * (1 + settings.counted), memory, load, calls=0) * gigabyte_ms
    yield Row("Lambda reconciler: invocations", runs, "invocation", monthly=True)
    yield Row("Lambda reconciler: GB-seconds", runs * idle, "arm", monthly=True)
    yield Row("... on messages", load.messages * seen, "arm")


def _queues(called: Mapping[str, float], load: Load) -> Iterator[Row]:
    reports = load.messages * load.callbacks
    received = max(1.0, min(_TEN, reports / load.seconds / _POLLERS / _POLLS))
    yield Row("SQS reports: sent by the webhook", reports, "sqs")
    yield Row("SQS reports: received", reports / received, "sqs")
    yield Row("SQS reports: deleted", max(called["processor"], reports / _TEN), "sqs")
    yield Row("SQS failures: sent, received, deleted", 3 * load.messages * load.failed, "sqs")
    yield Row("SQS: polls of empty queues", 2 * _POLLERS * _IDLE_POLLS, "sqs", monthly=True)


def _table(figures: Figures, load: Load, settings: Settings) -> Iterator[Row]:
    item, indexes = figures["counted.item_units"], figures["counted.index_units"]
    failed = max(0.0, figures["failed.item_units"] + figures["failed.index_units"] - item - indexes)
    look = read_units(int(figures["counted.item_bytes"]), consistent=False)
    stored, size = load.messages * settings.retention_months, figures["counted.item_bytes"] + OVERHEAD
    yield Row("DynamoDB: writes of items", load.messages * item, "write")
    yield Row("DynamoDB: writes of indexes", load.messages * indexes, "write")
    yield Row("DynamoDB: further writes of failures", load.messages * load.failed * failed, "write")
    yield Row("DynamoDB: reads of the reconciler", load.messages * look, "read")
    yield Row("DynamoDB: reads of the statistics", load.messages * settings.counted * look, "read")
    yield Row("DynamoDB: storage of items", stored * size, "storage")
    yield Row("DynamoDB: storage of indexes", stored * figures["counted.entry_bytes"], "storage")
    yield Row("DynamoDB: point-in-time recovery", stored * size, "recovery")


def _published(called: Mapping[str, float], load: Load, settings: Settings) -> Iterator[Row]:
    events = _events(load, settings)
    yield Row("EventBridge: events", events, "event")
    yield Row("EventBridge: archiving", events * _EVENT_BYTES, "archive")
    yield Row("EventBridge: archive", events * _EVENT_BYTES * settings.archive_months, "archived")
    yield Row("EventBridge: the reconciler's schedules", settings.runs_a_month, "schedule", monthly=True)
    yield Row("SNS: digests", called["digest"], "publish")
    yield Row("SNS: their e-mails", called["digest"], "mail")


def _logs(figures: Figures, called: Mapping[str, float], load: Load, settings: Settings) -> Iterator[Row]:
    own = sum(number * (figures[f"log.{name}"] + _LINE * figures[f"lines.{name}"]) for name, number in called.items())
    platform = sum(called.values()) * (_PLATFORM_BYTES + _LINE * _PLATFORM_LINES)
    access = load.messages * (1 + load.callbacks) * (settings.access_log_bytes + _LINE)
    yield Row("Logs: the functions' lines", own, "log")
    yield Row("Logs: Lambda's own lines", platform, "log")
    yield Row("Logs: API access", access, "log")
    yield Row("Logs: kept", (own + platform + access) * settings.log_months * _COMPRESSED, "logged")


def _rest(load: Load, settings: Settings) -> Iterator[Row]:
    decrypted = 3 * load.environments * load.seconds / _SECRETS_LIFE
    out = load.messages * (1000 + _TLS + (1 + load.callbacks) * 400)
    yield Row("CloudWatch: custom metrics", load.metrics * load.hours, "metric")
    yield Row("CloudWatch: alarms", settings.alarms, "alarm", monthly=True)
    yield Row("CloudWatch: dashboards", settings.dashboards, "dashboard", monthly=True)
    yield Row("KMS: decryption of three secrets", decrypted, "kms")
    yield Row("KMS: the alerts' key", 1, "key", monthly=True)
    yield Row("Transfer: requests to providers, answers", out, "transfer")


def total(rows: Iterable[Row], *, monthly: bool | None = None) -> float:
    """Dollars of all rows, of the ``monthly`` ones, or of the others."""
    return sum(row.dollars for row in rows if monthly in (None, row.monthly))
