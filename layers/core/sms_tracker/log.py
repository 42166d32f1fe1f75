"""One JSON log line per invocation, with its metrics (CloudWatch's embedded metric format).

Names of fields and variables, levels and namespace are those of Powertools, which the other functions use.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeVar

from sms_tracker import __version__, jitter
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.report import timestamp

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=str).encode
Event = dict[str, Any]
Answer = TypeVar("Answer")


class Unhandled(Exception):
    """Replaces an unexpected error, because Lambda logs an error's message, which may contain private data."""


class Line:
    """The log line of one invocation. It must contain no phone numbers, texts or secrets.

    ``dimensions`` are those of its metrics besides ``service``. CloudWatch bills each combination as a metric.
    """

    __slots__ = ("dimensions", "fields", "figures", "level", "others", "units")

    def __init__(self) -> None:
        self.level = "INFO"
        self.fields: dict[str, object] = {}
        self.figures: dict[str, float | list[float]] = {}
        self.units: dict[str, str] = {}
        self.dimensions: dict[str, str] = {}
        self.others: list[Line] = []

    def put(self, **fields: object) -> None:
        """Add fields; empty ones (None, False, 0, "") are left out."""
        self.fields |= {name: value for name, value in fields.items() if value}

    def count(self, metric: str, value: int = 1) -> None:
        """Add to a metric. Zero counts are skipped: CloudWatch bills each hour with a value."""
        if value:
            known = self.figures.get(metric, 0)
            self.figures[metric] = value if isinstance(known, list) else known + value

    def measure(self, metric: str, value: float | list[float] | None, unit: str) -> None:
        """Set a metric in CloudWatch's ``unit``; a list holds one value each, at most 100. None and [] are skipped."""
        if value is not None and value != []:
            self.figures[metric] = value
            self.units[metric] = unit

    def with_dimensions(self, **dimensions: str) -> Line:
        """Another line for metrics with these dimensions."""
        other = Line()
        other.dimensions.update(dimensions)
        self.others.append(other)
        return other


_MAX_SAFE_CODE = 6
"""Characters of a code that is too short to contain a phone number."""
_MAX_ENTRIES = 20
"""Distinct failed calls, and distinct errors, in one line: CloudWatch reads no metrics in one of over 256 KB."""


class FailedCalls:
    """Collects failed tries for the log: a :class:`sms_tracker.domain.ports.CallFailed`."""

    def __init__(self) -> None:
        self._tries: list[tuple[tuple[str, object], ...]] = []

    def __call__(self, call: str, *, attempt: int, code: str | None, status: int | None, again: bool) -> None:
        """See :class:`sms_tracker.domain.ports.CallFailed`."""
        shown = redacted(code) if code and len(code) > _MAX_SAFE_CODE else code
        then = "retried" if again else "given-up"
        entry = {"call": call, "attempt": attempt, "code": shown, "status": status, "then": then}
        self._tries.append(tuple((name, value) for name, value in entry.items() if value))  # thread-safe

    def take(self) -> list[dict[str, object]]:
        """The failed tries since the last call; equal ones are one entry with ``times``."""
        if not self._tries:
            return []
        tries, self._tries = self._tries, []
        counted = list(Counter(tries).items())[:_MAX_ENTRIES]
        return [{**dict(entry), **({"times": times} if times > 1 else {})} for entry, times in counted]


class Log:
    """The log of one function. ``environment`` has Lambda's and Powertools' variables, and ``UNREAD_METRICS``.

    ``UNREAD_METRICS`` lists metrics that no alarm and no dashboard uses, separated by commas, as ``Name`` or
    ``dimension.Name``. They are not sent to CloudWatch; those without a dimension stay fields of the line.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        now: Callable[[], float] = time.time,
        fraction: Callable[[], float] = jitter.fraction,
    ) -> None:
        self._environment = environment
        self._service = environment.get("POWERTOOLS_SERVICE_NAME", "service_undefined")
        self._namespace = environment.get("POWERTOOLS_METRICS_NAMESPACE", "")
        self._least = _LEVELS.get(environment.get("POWERTOOLS_LOG_LEVEL", "INFO").upper(), _LEVELS["INFO"])
        self._unread = frozenset(environment.get("UNREAD_METRICS", "").split(","))
        self._sampled = float(environment.get("POWERTOOLS_LOGGER_SAMPLE_RATE") or 0)
        self._now, self._fraction = now, fraction
        self._cold = True
        self.failed = FailedCalls()

    def started(self, config: Any) -> None:
        """Write the first line of an execution environment."""
        if self._least <= _LEVELS["INFO"]:
            self._print({"level": "INFO", **start_fields(config)})

    def invocation(self, handler: Callable[[Event, Line], Answer]) -> Callable[[Event, object], Answer]:
        """A decorator that makes a Lambda handler and writes one line per invocation, also if it fails."""

        def invoke(event: Event, context: object) -> Answer:
            line = Line()
            self.failed.take()  # those of an invocation below the log level
            try:
                answer = handler(event, line)
            except Exception as error:
                _add_error(line, error)
                self._write(line, context)
                if isinstance(error, SmsTrackerError):
                    raise
                raise Unhandled(type(error).__name__) from None
            self._write(line, context)
            return answer

        return invoke

    def _write(self, line: Line, context: object) -> None:
        written: dict[str, object] = {}
        if _LEVELS[line.level] >= self._least or self._fraction() < self._sampled:
            written = {"level": line.level, **line.fields, **line.figures, **self._context_fields(context)}
            if failed := self.failed.take():
                written["failed_calls"] = failed
        for metrics in (line, *line.others):
            written |= self._metrics(metrics)
            if written:
                self._print(written)
            written = {}

    def _print(self, line: Mapping[str, object]) -> None:
        """Adds an RFC 3339 time. Without it Lambda ignores the level ("Log-level filtering" in AWS's documentation)."""
        at = timestamp(datetime.fromtimestamp(self._now(), UTC))
        sys.stdout.write(_encode({"timestamp": at, **line, "service": self._service}) + "\n")

    def _context_fields(self, context: object) -> dict[str, object]:
        fields: dict[str, object] = {"function_request_id": getattr(context, "aws_request_id", None)}
        if self._cold:
            fields["cold_start"], self._cold = True, False
        trace = self._environment.get("_X_AMZN_TRACE_ID", "")
        if "Sampled=1" in trace:  # X-Ray keeps no others
            fields["xray_trace_id"] = trace.partition("Root=")[2].partition(";")[0]
        return fields

    def _metrics(self, line: Line) -> dict[str, object]:
        """See "Specification: CloudWatch embedded metric format" in AWS's documentation."""
        used = {name: value for name, value in line.figures.items() if self._is_used(*line.dimensions, name)}
        if not used:
            return {}
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [["service", *line.dimensions]],
            "Metrics": [{"Name": name, "Unit": line.units.get(name, "Count")} for name in used],
        }
        embedded = {"Timestamp": int(self._now() * 1000), "CloudWatchMetrics": [directive]}
        return {"_aws": embedded, **line.dimensions, **used}

    def _is_used(self, *names: str) -> bool:
        return ".".join(names) not in self._unread


def start_fields(config: Any) -> dict[str, object]:
    """The fields of a function's first line: the version, and the names of its settings without values."""
    return {"decision": "started", "version": __version__, "settings": [name.upper() for name in vars(config)]}


def _add_error(line: Line, error: Exception) -> None:
    line.level = "ERROR"
    line.fields.setdefault("decision", "failed")
    if isinstance(error, SmsTrackerError):
        line.put(error=str(error))
    else:
        line.put(error=redacted(str(error)), exception=type(error).__name__, stack=_stack(error.__traceback__))


def _stack(trace: TracebackType | None) -> list[str]:
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames


def shortened(errors: Counter[str]) -> dict[str, int]:
    """The most frequent errors, and how many ``others`` there are."""
    most = dict(errors.most_common(_MAX_ENTRIES))
    others = errors.total() - sum(most.values())
    return {**most, "others": others} if others else most


_PERSONAL = re.compile(r"""(['"]).*\1|[0-9]{4,}""", re.DOTALL)
"""What may be private: quoted text, and numbers of four or more digits."""


def redacted(text: str) -> str:
    """An error's message without quoted text and long numbers, cut at 200 characters."""
    return _PERSONAL.sub("…", text)[:200]
