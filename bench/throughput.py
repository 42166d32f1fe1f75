"""The whole local stack under load: messages a second and times from request to answer and to the final status."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles

import httpx

from bench.case import MS, Outcome, Plan
from bench.sampling import Progress
from bench.table import Table
from local.stack import Stack

CONCURRENCY = (1, 2, 4, 8, 16)
_TO = "+31612345600"  # the simulator delivers what ends in 00
_PATIENCE = 120.0
_LOOK_EVERY = 0.1


def throughput(plan: Plan, progress: Progress) -> Outcome:
    """A curve over the number of clients; it shows the emulator's limits on this machine, not AWS's."""
    number = max(20, plan.messages // 2)
    rows = []
    with Stack(progress=progress) as stack:
        key = stack.create_key("bench", {"send", "read"})
        stack.warm_up(key)
        with httpx.Client(base_url=stack.api_url, headers={"authorization": f"Bearer {key}"}, timeout=60) as api:
            _volley(api, 4, number=8)
            for clients in CONCURRENCY:
                progress(f"{clients} clients, {number} messages")
                rows.append([clients, *_volley(api, clients, number=number)])
    columns = ("clients", "messages/s, sent", "messages/s, delivered", "answer ms, median", "answer ms, 95th", "errors")
    note = (
        f"{number} messages a row, each with an answer and its reports, through the emulator and the simulators, which"
        " share this machine's cores with the functions. No baseline runs here: the emulator would be what is compared."
    )
    named = [_named(row) for row in rows]
    return Outcome((Table(title="The whole local stack", columns=columns, rows=named, note=note),))


def _named(row: Sequence[float]) -> list[str | float | int]:
    return [str(row[0]), *row[1:]]


def _volley(api: httpx.Client, clients: int, *, number: int) -> list[float]:
    """Send, wait until all are final; sent and delivered a second, times to the answer, and what went wrong."""
    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        sent = list(pool.map(lambda _: _send(api), range(number)))
    took = time.perf_counter() - start
    times = [seconds * MS for _, seconds in sent]
    taken = [message_id for message_id, _ in sent if message_id]
    final = _wait(api, taken)
    delivered = final / (time.perf_counter() - start)
    percentiles = quantiles(times, n=20, method="inclusive")
    return [number / took, delivered, percentiles[9], percentiles[18], number - final]


def _send(api: httpx.Client) -> tuple[str | None, float]:
    start = time.perf_counter()
    answer = api.post("/messages", json={"to": _TO, "body": "Your parcel is here"})
    took = time.perf_counter() - start
    return (str(answer.json()["message_id"]) if answer.status_code == httpx.codes.ACCEPTED else None), took


def _wait(api: httpx.Client, message_ids: Sequence[str]) -> int:
    """How many came to their end in time."""
    deadline, waiting = time.monotonic() + _PATIENCE, list(message_ids)
    while waiting and time.monotonic() < deadline:
        waiting = [each for each in waiting if not api.get(f"/messages/{each}").json().get("final")]
        if waiting:
            time.sleep(_LOOK_EVERY)  # the API can only be asked
    return len(message_ids) - len(waiting)
