"""The service as flows between AWS's limits, simulated event by event; no AWS.

The standard library's heap is enough: what moves are counts of messages (a month has 260 million), not customers with
a process each, as simpy would have them. Time passes in ticks, of a second near a burst and of a minute otherwise;
bursts, Lambda's pollers, the table's doubling and the reconciler's runs are events between them.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import ceil

from bench.flow import Bucket, Line
from bench.hot_item import BLOCK, ClientCounter
from bench.report import assumed

MINUTE, HALF_HOUR, DAY = 60, 1800, 86_400
SEND_UNITS = 2
"""Writes of a message before its reports: its record, the provider's answer."""
_SETTLING = 300
"""Seconds after a burst that are still simulated second by second."""
_IDLE = 600
"""Seconds after which Lambda ends an environment without requests."""
_PATIENCE = 1.5
"""Seconds for which a starting environment asks the Parameter Store again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Quotas of the account and settings of the template, as rates a second unless named otherwise."""

    send: float = 50
    webhook: float = 500
    api: float = 10_000
    concurrency: int = 1000
    scaling: float = 100
    parameters: float = 40
    put_events: float = 10_000
    table: float = 4000
    table_most: float = 40_000
    pollers: int = 1250
    batch: int = 10
    lookups: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Messages a second, always and in bursts; seconds that requests and batches take."""

    rate: float = assumed(100.0, "messages a second", most=1e6)
    burst: float = assumed(2000.0, "messages a second in a burst", most=1e6)
    burst_seconds: int = assumed(60, "seconds of a burst", least=1, most=1e6)
    bursts_a_day: int = assumed(3, "bursts a day", most=1e6)
    days: float = assumed(30.0, "days to simulate", least=0.001, most=1e6)
    callbacks: int = assumed(3, "reports of a message", least=1, most=1e6)
    published: float = assumed(0.01, "share of messages with a published event, 0 to 1", most=1)
    send_seconds: float = 0.5
    webhook_seconds: float = 0.02
    report_seconds: float = 0.006
    batch_seconds: float = 0.02


class Service:
    """A stack under a month's traffic.

    ``counts`` are what happened, ``peaks`` the most of each kind at one time: rates, environments, ages in seconds.
    """

    def __init__(self, limits: Limits, traffic: Traffic, *, seed: int = 1) -> None:
        self.limits, self.traffic, self.now = limits, traffic, 0.0
        self.counts: Counter[str] = Counter()
        self.peaks: dict[str, float] = {}
        self.clients, self.reports, self.again, self.missing, self.queue, self.stream = (Line() for _ in range(6))
        self._send = Bucket(limits.send, 2 * limits.send)
        self._webhook = Bucket(limits.webhook, 2 * limits.webhook)
        self._api = Bucket(limits.api, limits.api / 2)
        self._scaling = {name: Bucket(limits.scaling, 10 * limits.scaling) for name in ("send", "webhook")}
        self._parameters = Bucket(limits.parameters, limits.parameters * _PATIENCE)
        self._events = Bucket(limits.put_events, limits.put_events)
        self.environments = {"send": (0, 0.0), "webhook": (0, 0.0)}
        self.pollers, self.capacity = 5, limits.table
        self._counters = {"counter": (1, ClientCounter()), "counter in blocks": (BLOCK, ClientCounter())}
        self._rate, self._busy_until = traffic.rate, 0.0
        self._part = self._event_part = 0.0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        chance = random.Random(seed)  # noqa: S311  # no secret
        for _ in range(ceil(traffic.bursts_a_day * traffic.days)):
            self._at(chance.randrange(max(1, int(traffic.days * DAY) - traffic.burst_seconds)), self._burst)
        self._at(traffic.days * DAY, self._calm)
        self._at(MINUTE, self._scale_pollers)
        self._at(HALF_HOUR, self._grow_table)
        self._at(5 * MINUTE, self._reconcile)

    def run(self, progress: Callable[[float], None] = lambda _: None) -> Service:
        """Simulate the whole time and a day without new messages; returns itself. ``progress`` gets the day."""
        end, day = (self.traffic.days + 1) * DAY, 0.0
        while self.now < end:
            step = 1 if self.now < self._busy_until else MINUTE
            until = min(end, self.now + step, self._agenda[0][0] if self._agenda else end)
            if until > self.now:
                self._tick(until - self.now)
                self.now = until
            while self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[2]()
            if self.now >= day:
                progress(day / DAY)
                day += DAY
        return self

    @property
    def unaccounted(self) -> int:
        """Accepted messages' reports, and stored changes, that are nowhere: what is lost. Never anything but 0."""
        reports = self.counts["accepted"] * self.traffic.callbacks
        held = sum(line.size for line in (self.reports, self.again, self.missing, self.queue)) + self.counts["stored"]
        requests = self.counts["offered"] - self.counts["accepted"] - self.clients.size
        events = self.counts["changes"] - self.stream.size - self.counts["published"]
        return abs(reports - held) + abs(requests) + abs(events)

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (time, next(self._number), event))

    def _burst(self) -> None:
        self._rate, self._busy_until = self.traffic.burst, self.now + self.traffic.burst_seconds + _SETTLING
        self._at(self.now + self.traffic.burst_seconds, self._calm)

    def _calm(self) -> None:
        self._rate = self.traffic.rate if self.now < self.traffic.days * DAY else 0.0

    def _scale_pollers(self) -> None:
        """Lambda adds up to 300 pollers a minute while messages wait, and takes them away again."""
        waits = self.queue.age(self.now) > 1
        self.pollers = min(self.limits.pollers, self.pollers + 300) if waits else max(5, self.pollers // 2)
        self._at(self.now + MINUTE, self._scale_pollers)

    def _grow_table(self) -> None:
        """An on-demand table allows twice the highest traffic that it has had."""
        peak = self.peaks.get("write units", 0)
        self.capacity = min(self.limits.table_most, max(self.capacity, 2 * peak))
        self._at(self.now + HALF_HOUR, self._grow_table)

    def _reconcile(self) -> None:
        """Look up reports that did not come, ten minutes later."""
        found = self.missing.take(self.limits.lookups, until=self.now - 10 * MINUTE)
        for _, number in found:
            self.counts["looked up"] += number
            self.queue.add(self.now, number)
        self._at(self.now + 5 * MINUTE, self._reconcile)

    def _tick(self, seconds: float) -> None:
        arrived = self._rate * seconds + self._part
        self._part = arrived % 1
        self.counts["offered"] += int(arrived)
        self.clients.add(self.now, int(arrived))
        self._peak("sends", int(arrived) / seconds)
        requests = self._api.take(self._send.take(self.clients.size, seconds), seconds)
        due = self.reports.size + (requests * self.traffic.callbacks if seconds > 1 else 0)
        share = min(1.0, self.limits.concurrency / max(1.0, self._wanted(requests, due, seconds)))
        units = int(self.capacity * seconds)
        alive = self.environments["send"][0]
        accepted = self._accept(min(self._served("send", requests, share, seconds), units // SEND_UNITS), seconds)
        self._count(accepted / seconds, max(0, self.environments["send"][0] - alive) / seconds)
        came = [each for line in (self.reports, self.again) for each in line.take(line.size, until=self.now)]
        reports = sum(number for _, number in came)
        webhooks = self._api.take(self._webhook.take(reports, seconds), seconds)
        self._queue(came, self._served("webhook", webhooks, share, seconds))
        stored = self._store(share, units - SEND_UNITS * accepted, seconds)
        self._publish(seconds)
        self._peak("webhooks", reports / seconds)
        self._peak("requests", (requests + reports) / seconds)
        self._peak("write units", (SEND_UNITS * accepted + stored) / seconds)
        self._peak("queue age", self.queue.age(self.now))
        self._peak("stream age", self.stream.age(self.now))
        self._peak("request's wait", self.clients.age(self.now))

    def _wanted(self, requests: int, webhooks: int, seconds: float) -> float:
        """Concurrent environments that all functions could use."""
        processors = min(float(self.pollers), ceil(self.traffic.report_seconds * self.queue.size / seconds))
        busy = requests * self.traffic.send_seconds + webhooks * self.traffic.webhook_seconds
        self._peak("environments", busy / seconds + processors)
        return busy / seconds + processors

    def _served(self, name: str, wanted: int, share: float, seconds: float) -> int:
        """Requests that a function's environments take, after starting as many as the limits allow."""
        each = {"send": self.traffic.send_seconds, "webhook": self.traffic.webhook_seconds}[name]
        alive, used = self.environments[name]
        need = ceil(wanted * each / seconds)
        allowed = max(1, int(need * share)) if need else 0
        if allowed > alive:
            self._peak("starts", (allowed - alive) / seconds)
            started = self._parameters.take(self._scaling[name].take(allowed - alive, seconds), seconds)
            alive += started
            self.counts["starts"] += started
        used = self.now if 2 * need > alive else used
        if self.now - used > _IDLE:
            alive, used = max(need, alive // 2), self.now
        self.environments[name] = (alive, used)
        return min(wanted, int(min(alive, allowed) * seconds / each))

    def _accept(self, accepted: int, seconds: float) -> int:
        """Record and send so many requests; the others are the client's to repeat. Returns the number."""
        for since, number in self.clients.take(accepted):
            self.counts["late requests"] += number if self.now - since > MINUTE else 0
        self.counts["accepted"] += accepted
        self.reports.add(self.now + (1 if seconds == 1 else 0), accepted * self.traffic.callbacks)
        return accepted

    def _count(self, accepted: float, started: float) -> None:
        """Count a tick's sends a second as those of one client. Each started environment claims a block at once."""
        for name, (block, counter) in self._counters.items():
            self._peak(name, counter.second(min(accepted, accepted / block + (started if block > 1 else 0))))

    def _queue(self, came: list[tuple[float, int]], left: int) -> None:
        """Queue reports. Of those turned away, every second is sent again in a minute; the rest is looked up."""
        for since, number in came:
            taken = min(number, left)
            left -= taken
            self.queue.add(self.now, taken)
            again = (number - taken) // 2
            self.counts["turned away"] += number - taken
            self.again.add(self.now + MINUTE, again)
            self.missing.add(since, number - taken - again)

    def _store(self, share: float, units: int, seconds: float) -> int:
        """Write reports, a unit each; returns the number."""
        batch = self.traffic.batch_seconds + self.limits.batch * self.traffic.report_seconds
        most = int(max(1, self.pollers * share) * seconds / batch) * self.limits.batch
        before, done = self.counts["stored"] // self.traffic.callbacks, 0
        for since, number in self.queue.take(min(most, units)):
            done += number
            self.counts["late reports"] += number if self.now - since > MINUTE else 0
        self.counts["stored"] += done
        finals = self.counts["stored"] // self.traffic.callbacks - before
        events = finals * self.traffic.published + self._event_part
        self._event_part = events % 1
        self.counts["changes"] += int(events)
        self.stream.add(self.now, int(events))
        return done

    def _publish(self, seconds: float) -> None:
        self._peak("events", self.stream.size / seconds)
        self.counts["published"] += sum(n for _, n in self.stream.take(self._events.take(self.stream.size, seconds)))

    def _peak(self, name: str, value: float) -> None:
        self.peaks[name] = max(self.peaks.get(name, 0.0), value)
