"""One JSON line an invocation, its metrics in it (CloudWatch's embedded metric format): what the hot functions log.

The names are Powertools', which the other functions use: same namespace, dimensions, levels, variables.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeVar

from sms_tracker import __version__
from sms_tracker.chance import chance
from sms_tracker.domain.errors import SmsTrackerError

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
_UNSAFE = re.compile(r"""(['"]).*\1|[0-9]{4,}""", re.DOTALL)
_SHORT, _MOST = 6, 20
"""Characters of a code that hold no phone number; kinds of failed tries that one line tells of."""
_encode = json.JSONEncoder(separators=(",", ":"), default=str).encode
Event = dict[str, Any]
Answer = TypeVar("Answer")


class Unhandled(Exception):
    """Names what nobody expected. Lambda logs what it is told, so it is not told the message."""


class Line:
    """What one invocation has to tell: no number, no text, no secret."""

    __slots__ = ("calls", "dimensions", "fields", "figures", "level", "others", "units")

    def __init__(self) -> None:
        self.level = "INFO"
        self.fields: dict[str, object] = {}
        self.figures: dict[str, float | list[float]] = {}
        self.units: dict[str, str] = {}
        self.dimensions: dict[str, str] = {}
        self.others: list[Line] = []
        self.calls: list[str] = []

    def put(self, **fields: object) -> None:
        """Add fields; those that are None, empty or False say nothing."""
        self.fields.update((name, value) for name, value in fields.items() if value)

    def count(self, metric: str, value: int = 1) -> None:
        """Add to a metric. None of a thing is not told: a metric costs by the hour in which it is there."""
        if value:
            known = self.figures.get(metric, 0)
            self.figures[metric] = value if isinstance(known, list) else known + value

    def measure(self, metric: str, value: float | list[float] | None, unit: str) -> None:
        """Set a metric in CloudWatch's ``unit``; a list is one value each, at most 100 of them. None says nothing."""
        if value is not None and value != []:
            self.figures[metric] = value
            self.units[metric] = unit

    def apart(self, **dimensions: str) -> Line:
        """Metrics with dimensions of their own, written as a line of their own."""
        other = Line()
        other.dimensions.update(dimensions)
        self.others.append(other)
        return other


class FailedCalls:
    """The tries that came to nothing, until a line tells of them: a :class:`sms_tracker.domain.ports.CallFailed`."""

    def __init__(self) -> None:
        self._tries: list[tuple[tuple[str, object], ...]] = []

    def __call__(self, call: str, *, attempt: int, code: str | None, status: int | None, again: bool) -> None:
        """See :class:`sms_tracker.domain.ports.CallFailed`."""
        named = masked(code) if code and len(code) > _SHORT else code
        then = "retried" if again else "given-up"
        told = {"call": call, "attempt": attempt, "code": named, "status": status, "then": then}
        self._tries.append(tuple((name, value) for name, value in told.items() if value))  # safe among threads

    def take(self) -> list[dict[str, object]]:
        """Those since the last time, for a log: those alike as one, and no more of them than a line can hold."""
        tries, self._tries = self._tries, []
        times: dict[tuple[tuple[str, object], ...], int] = {}
        for each in tries:
            times[each] = times.get(each, 0) + 1
        return [{**dict(each), **({"times": many} if many > 1 else {})} for each, many in list(times.items())[:_MOST]]


class Log:
    """A function's log. ``environment`` is Lambda's, with Powertools' variables in it."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        now: Callable[[], float] = time.time,
        fraction: Callable[[], float] = chance,
    ) -> None:
        self._environment = environment
        self._service = environment.get("POWERTOOLS_SERVICE_NAME", "service_undefined")
        self._namespace = environment.get("POWERTOOLS_METRICS_NAMESPACE", "")
        self._least = _LEVELS.get(environment.get("POWERTOOLS_LOG_LEVEL", "INFO").upper(), _LEVELS["INFO"])
        self._sampled = float(environment.get("POWERTOOLS_LOGGER_SAMPLE_RATE") or 0)
        self._now, self._fraction = now, fraction
        self._cold = True
        self._line = Line()
        self._debugs = False
        self.failed = FailedCalls()

    def started(self, config: Any) -> None:
        """The first line of an environment."""
        if self._least <= _LEVELS["INFO"]:
            self._print({"level": "INFO", **start(config)})

    def called(self, operation: str, attempt: int, seconds: float) -> None:
        """Note one try of a call to AWS, for a line that is to tell all."""
        if self._debugs:
            self._line.calls.append(f"{operation} {attempt}: {seconds * 1000:.1f} ms")

    def lines(self, handler: Callable[[Event, Line], Answer]) -> Callable[[Event, object], Answer]:
        """Make a Lambda handler of ``handler``: one line for each invocation, also for one that fails."""

        def invoke(event: Event, context: object) -> Answer:
            line, began = self._begin(), self._now()
            try:
                answer = handler(event, line)
            except Exception as error:
                self._failed(line, error)
                self._write(line, context, began)
                if isinstance(error, SmsTrackerError):
                    raise
                raise Unhandled(type(error).__name__) from None
            self._write(line, context, began)
            return answer

        return invoke

    def _begin(self) -> Line:
        self._line = Line()
        self.failed.take()
        sampled = self._sampled > 0 and self._fraction() < self._sampled
        self._debugs = sampled or self._least <= _LEVELS["DEBUG"]
        return self._line

    def _failed(self, line: Line, error: Exception) -> None:
        line.level = "ERROR"
        line.fields.setdefault("decision", "failed")
        if isinstance(error, SmsTrackerError):
            line.put(error=str(error))
        else:
            line.put(error=masked(str(error)), exception=type(error).__name__, stack=_stack(error.__traceback__))

    def _write(self, line: Line, context: object, began: float) -> None:
        told: dict[str, object] = {}
        if self._debugs or _LEVELS[line.level] >= self._least:
            told = {"level": line.level, **line.fields, **self._about(context)}
            if failed := self.failed.take():
                told["failed_calls"] = failed
            self._cold = False
            if self._debugs:
                told |= {"duration_ms": round((self._now() - began) * 1000, 1)}
                told |= {"calls": line.calls} if line.calls else {}
        for each in (line, *line.others):
            if each.figures:
                told |= {"_aws": self._metrics(each), **each.dimensions, **each.figures}
            if told:
                self._print(told)
            told = {}

    def _print(self, line: Mapping[str, object]) -> None:
        """With RFC 3339's time, beside which alone Lambda's JSON format reads the level: see "Log-level filtering"."""
        at = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        sys.stdout.write(_encode({"timestamp": at, **line, "service": self._service}) + "\n")

    def _about(self, context: object) -> dict[str, object]:
        about: dict[str, object] = {"function_request_id": getattr(context, "aws_request_id", None)}
        if self._cold:
            about["cold_start"] = True
        trace = self._environment.get("_X_AMZN_TRACE_ID", "")
        if "Sampled=1" in trace:  # any other leads nowhere
            about["xray_trace_id"] = trace.partition("Root=")[2].partition(";")[0]
        return about

    def _metrics(self, line: Line) -> dict[str, object]:
        """See "Specification: CloudWatch embedded metric format" in AWS's documentation."""
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [["service"], ["service", *line.dimensions]] if line.dimensions else [["service"]],
            "Metrics": [{"Name": name, "Unit": line.units.get(name, "Count")} for name in line.figures],
        }
        return {"Timestamp": int(self._now() * 1000), "CloudWatchMetrics": [directive]}


def start(config: Any) -> dict[str, object]:
    """What a function says when it starts: its version, and its settings by name, never by value."""
    return {"decision": "started", "version": __version__, "settings": [each.name.upper() for each in fields(config)]}


def masked(text: str) -> str:
    """A foreign message without what it quotes and without long numbers, cut at 200 characters."""
    return _UNSAFE.sub("…", text)[:200]


def _stack(trace: TracebackType | None) -> list[str]:
    frames = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames
