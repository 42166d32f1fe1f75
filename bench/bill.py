"""A month's AWS bill, row by row, from counted and measured figures, the template's settings and a load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import ceil

from bench.counted import LINE, OVERHEAD, REPORTS
from bench.prices import Row
from bench.report import Figures
from bench.settings import Load, Settings
from bench.units import KB, read_units

FULL_CPU = 1769
"""Megabytes of memory with one vCPU; less memory has a share of it, except while an environment starts."""
MONTH = 720
"""Hours of a month."""
_PLATFORM = 250 + 3 * LINE
"""Bytes of START, END and REPORT of an invocation."""
_POLLERS, _POLLS, _IDLE_POLLS = 5, 20, 3 * 60 * MONTH
"""Lambda's pollers of a queue, their receives a second when busy, their long polls (20 s) a month when idle."""
_SHARDS, _SHARD_POLLS = 4, 4
"""Shards of a new on-demand table's stream, one for each partition; Lambda's reads of each a second."""
_PARALLEL = 8
"""Messages of a batch that the processor writes in parallel."""
_SECRETS_LIFE = 330
"""Average seconds between two reads of the settings in an environment."""
_TABLE_KEY_LIFE = 300
"""Seconds for which DynamoDB keeps a key that it does not own."""
_ROTATIONS = 2
"""A key's yearly rotations that are billed, a dollar a month each."""
_REPORT_BYTES = 110
"""Bytes of one report in an item."""
_TLS = 1000
"""Bytes sent to open a connection to a provider."""
_COMPRESSED = 0.15
_EVENT_BYTES = 730
"""Bytes of one of our events on the bus."""
_TEN = 10
"""Messages in one SQS request, at most."""


def milliseconds(cpu: float, memory: int, load: Load, *, calls: float = 1, provider: float = 0) -> int:
    """Billed time of one warm invocation: CPU at the memory's share of a vCPU plus waiting, rounded up."""
    waited = calls * load.aws_ms + provider * load.provider_ms
    return max(1, ceil(cpu * load.pace / min(1.0, memory / FULL_CPU) + waited))


def stored_reports(load: Load, settings: Settings) -> float:
    """Reports of a message that are queued and stored."""
    return max(0.0, load.callbacks - settings.unstored)


def batch_fill(load: Load, settings: Settings) -> float:
    """Reports in a batch: the first, and those that one poller receives in the window."""
    a_second = load.messages * stored_reports(load, settings) / load.seconds / _POLLERS
    return min(settings.batch, 1 + a_second * settings.window)


def stream_fill(load: Load, settings: Settings) -> float:
    """Changes in a batch: the first, and those of its shard in the window or until the next poll."""
    a_second = load.messages * settings.changes / load.seconds / _SHARDS
    return min(settings.stream_batch, 1 + a_second * (settings.stream_window or 0.5 / _SHARD_POLLS))


def bill(figures: Figures, load: Load, settings: Settings) -> list[Row]:
    """Every row."""
    called, sums, rows = invocations(load, settings), dict[str, float](), []
    for row in (
        Row("API: requests to send", load.messages, "http-api"),
        Row("API: webhooks", load.messages * load.callbacks, "http-api"),
        *_lambda(figures, called, load, settings),
        *_reconciler(figures, load, settings),
        *_queues(called, load, settings),
        *_table(figures, load, settings),
        *_published(called, load, settings),
        *_logs(figures, called, load, settings),
        *_watched(figures, load, settings),
    ):
        before = sums.get(row.price, 0.0)
        rows.append(replace(row, before=before))
        sums[row.price] = before + row.quantity
    return rows


def invocations(load: Load, settings: Settings) -> Mapping[str, float]:
    """Each function's invocations in the month, without the reconciler's."""
    minutes = load.hours * 60
    return {
        "send": load.messages,
        "authorizer": min(load.messages, minutes),
        "webhook": load.messages * load.callbacks,
        "processor": load.messages * stored_reports(load, settings) / batch_fill(load, settings),
        "publisher": load.messages * settings.changes / stream_fill(load, settings),
        "digest": min(load.messages * load.failed, minutes),
    }


def _events(load: Load, settings: Settings) -> float:
    return load.messages * (settings.events_ok * (1 - load.failed) + settings.events_failed * load.failed)


def _lambda(figures: Figures, called: Mapping[str, float], load: Load, settings: Settings) -> Iterator[Row]:
    fill, gathered = batch_fill(load, settings), stream_fill(load, settings)
    cpu = {name: figures[f"warm.{name}.cpu"] for name in called if name != "processor"}
    size = 10 if fill > _TEN / 2 else 1
    cpu["processor"] = figures[f"warm.processor, batch of {size}.cpu"] * fill
    cpu["publisher"] = figures["warm.publisher, nothing to publish.cpu"] * gathered
    calls = {
        "send": 2.0,
        "processor": ceil(fill / _PARALLEL),
        "publisher": _events(load, settings) / max(called["publisher"], 1),
    }
    started = 0.0
    for name, number in called.items():
        memory = settings.memory[name]
        warm = milliseconds(cpu[name], memory, load, calls=calls.get(name, 1), provider=name == "send")
        # INIT runs on a whole vCPU; the first call, which is slower than a warm one, on the memory's share.
        first = max(0.0, figures[f"cold.{name}.cpu"] - figures[f"cold.{name}.init"]) / min(1.0, memory / FULL_CPU)
        init = (figures[f"cold.{name}.init"] + first) * load.pace
        started += number * load.cold * init / 1000 * memory / KB
        yield Row(f"Lambda {name}: invocations", number, "invocation")
        yield Row(f"Lambda {name}: GB-seconds", number * warm / 1000 * memory / KB, "arm")
    yield Row("Lambda: starts of environments, GB-seconds", started, "arm")


def _reconciler(figures: Figures, load: Load, settings: Settings) -> Iterator[Row]:
    """Runs without work, and the CPU for each message: one scan and each read by the statistics."""
    memory = settings.memory["reconciler"]
    gigabyte_ms = memory / KB / 1000
    idle = reads = lines = 0.0
    for step, runs in settings.runs.items():
        cpu, calls = figures[f"rest.{step}.cpu"], figures[f"rest.{step}.calls"]
        idle += runs * milliseconds(cpu, memory, load, calls=calls) * gigabyte_ms
        reads += runs * figures[f"rest.{step}.reads"]
        lines += runs * figures[f"rest.{step}.log"]
    runs = sum(settings.runs.values())
    if settings.platform_lines:
        lines += runs * _PLATFORM
    seen = milliseconds(load.count_ms * (1 + settings.counted), memory, load, calls=0) * gigabyte_ms
    yield Row("Reconciler at rest: invocations", runs, "invocation", monthly=True)
    yield Row("Reconciler at rest: GB-seconds", idle, "arm", monthly=True)
    yield Row("Reconciler at rest: reads of both tables", reads, "read", monthly=True)
    yield Row("Reconciler at rest: log", lines, "log", monthly=True)
    yield Row("Reconciler at rest: schedules", runs, "schedule", monthly=True)
    yield Row("Reconciler on messages: GB-seconds", load.messages * seen, "arm")


def _queues(called: Mapping[str, float], load: Load, settings: Settings) -> Iterator[Row]:
    reports = load.messages * stored_reports(load, settings)
    received = max(1.0, min(_TEN, reports / load.seconds / _POLLERS / _POLLS))
    yield Row("SQS reports: sent by the webhook", reports, "sqs")
    yield Row("SQS reports: received", reports / received, "sqs")
    yield Row("SQS reports: deleted", max(called["processor"], reports / _TEN), "sqs")
    yield Row("SQS failures: sent, received, deleted", 3 * load.messages * load.failed, "sqs")
    yield Row("SQS: polls of empty queues", 3 * _POLLERS * _IDLE_POLLS, "sqs", monthly=True)


def _table(figures: Figures, load: Load, settings: Settings) -> Iterator[Row]:
    item, indexes = figures["counted.item_units"], figures["counted.index_units"]
    less = REPORTS - stored_reports(load, settings)
    size = figures["counted.item_bytes"] + load.longer - less * _REPORT_BYTES
    failed = max(0.0, figures["failed.item_units"] + figures["failed.index_units"] - item - indexes)
    large = min(item - less, ceil(max(0.0, size - KB) / _REPORT_BYTES))
    look = read_units(ceil(size), consistent=False)
    stored = load.messages * settings.retention_months
    yield Row("DynamoDB: writes of items", load.messages * (item - less), "write")
    yield Row("DynamoDB: second units past 1 KB", load.messages * large, "write")
    yield Row("DynamoDB: writes of indexes", load.messages * indexes, "write")
    yield Row("DynamoDB: further writes of failures", load.messages * load.failed * failed, "write")
    yield Row("DynamoDB: reads of the reconciler", load.messages * look, "read")
    yield Row("DynamoDB: reads of the statistics", load.messages * settings.counted * look, "read")
    yield Row("DynamoDB: storage of items", stored * (size + OVERHEAD), "storage")
    yield Row("DynamoDB: storage of indexes", stored * figures["counted.entry_bytes"], "storage")
    yield Row("DynamoDB: point-in-time recovery", stored * (size + OVERHEAD) * settings.recovery, "recovery")


def _published(called: Mapping[str, float], load: Load, settings: Settings) -> Iterator[Row]:
    events = _events(load, settings)
    yield Row("EventBridge: events", events, "event")
    yield Row("EventBridge: archiving", events * _EVENT_BYTES, "archive")
    yield Row("EventBridge: archive", events * _EVENT_BYTES * settings.archive_months, "archived")
    yield Row("SNS: digests", called["digest"], "publish")
    yield Row("SNS: their e-mails", called["digest"], "mail")


def _logs(figures: Figures, called: Mapping[str, float], load: Load, settings: Settings) -> Iterator[Row]:
    own = sum(number * figures[f"log.{settings.log[name]}.{name}"] for name, number in called.items())
    platform = sum(called.values()) * _PLATFORM * settings.platform_lines
    logged = settings.access_log_bytes + LINE if settings.access_log_bytes else 0
    access = load.messages * (1 + load.callbacks) * logged
    yield Row("Logs: the functions' lines", own, "log")
    yield Row("Logs: Lambda's own lines", platform, "log")
    yield Row("Logs: API access", access, "log")
    yield Row("Logs: kept", (own + platform + access) * settings.log_months * _COMPRESSED, "logged")


def _metrics(figures: Figures, kind: str, settings: Settings) -> float:
    """The written metrics of a kind, those with a provider once for each."""
    prefix = f"metric.{kind}."
    return sum(
        number * (settings.providers if name.startswith("provider.") else 1)
        for key, number in figures.items()
        if (name := key.removeprefix(prefix)) != key and name not in settings.unread
    )


def _watched(figures: Figures, load: Load, settings: Settings) -> Iterator[Row]:
    busy = bool(load.messages)
    at_rest, gauges, in_use = (_metrics(figures, kind, settings) for kind in ("rest", "gauges", "in_use"))
    kept = load.environments * load.seconds * busy
    out = load.messages * (1000 + _TLS + (1 + load.callbacks) * 400)
    yield Row("CloudWatch: metrics at rest", at_rest * MONTH, "metric", monthly=True)
    yield Row("CloudWatch: gauges of every provider, around the clock", gauges * MONTH * busy, "metric")
    yield Row("CloudWatch: metrics of every provider, in hours with messages", in_use * load.hours * busy, "metric")
    yield Row("CloudWatch: alarms", settings.alarms, "alarm", monthly=True)
    yield Row("CloudWatch: dashboards", settings.dashboards, "dashboard", monthly=True)
    yield Row("KMS: decryption of the secrets", (1 + settings.providers) * kept / _SECRETS_LIFE, "kms")
    yield Row("KMS: keys of the tables that DynamoDB does not own", settings.table_keys * kept / _TABLE_KEY_LIFE, "kms")
    yield Row("KMS: customer keys", settings.keys, "key", monthly=True)
    yield Row("KMS: their first two yearly rotations", settings.keys * _ROTATIONS, "key", monthly=True)
    yield Row("Transfer: requests to providers, answers", out, "transfer")


def total(rows: Iterable[Row], *, monthly: bool | None = None) -> float:
    """Dollars at list price of all rows, of the ``monthly`` ones, or of the others."""
    return sum(row.dollars for row in rows if monthly in (None, row.monthly))
