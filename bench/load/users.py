"""Locust's file: each user sends a message, is its provider for three reports, and begins anew.

Started by `make load` as a process of its own, for gevent changes the standard library beneath it.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, events, task

from bench.load.signed import Request, reports, send
from bench.load.target import Target

PROGRESS_EVERY = 5.0
_PLAN = json.loads(os.environ["LOAD"])
_TARGET = Target(**_PLAN["target"])
_numbers = itertools.count(1)
_journal = Path(_PLAN["journal"]).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115  # as long as the process


class Handset(FastHttpUser):
    """A client, a provider and a handset in one."""

    network_timeout = connection_timeout = 40.0

    @task
    def message(self) -> None:
        """One message with all its reports; those that were accepted are written down."""
        number = next(_numbers)
        answer = self._request(send(_TARGET, number, run=_PLAN["run"]), {HTTPStatus.ACCEPTED})
        if answer is None or answer.get("provider_message_id") is None:
            return
        _note(answer["message_id"], None, answer["created_at"])
        for report in reports(_TARGET, number, answer):
            if self._request(report, {HTTPStatus.OK, HTTPStatus.NO_CONTENT}) is not None:
                _note(answer["message_id"], report.word, answer["created_at"])

    def _request(self, one: Request, wanted: set[HTTPStatus]) -> dict[str, Any] | None:
        """The answer's JSON, empty where it has none; None where it is not what is wanted."""
        with self.client.request(
            one.method, one.url, name=one.name, headers=dict(one.headers), data=one.body, catch_response=True
        ) as answer:
            if answer.status_code not in wanted:
                answer.failure(f"{answer.status_code}: {(answer.text or str(answer.error))[:100]}")
                return None
            answer.success()
            return dict(json.loads(answer.text)) if answer.text else {}


def _note(message_id: str, word: str | None, created_at: str) -> None:
    _journal.write(json.dumps({"message_id": message_id, "word": word, "created_at": created_at}) + "\n")


def _show_progress(environment: Any, **_: object) -> None:
    gevent.spawn(_progress, environment, time.monotonic())


def _progress(environment: Any, start: float) -> None:
    while True:
        gevent.sleep(PROGRESS_EVERY)
        total = environment.stats.total
        rate, users = total.current_rps or 0.0, environment.runner.user_count
        print(
            f"  {time.monotonic() - start:4.0f} s  {users} users  {total.num_requests} requests  {rate:.0f}/s"
            f"  {total.num_failures} failed",
            flush=True,
        )


events.test_start.add_listener(_show_progress)  # type: ignore[no-untyped-call]  # Locust types it not
