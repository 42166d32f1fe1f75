"""Locust's file: each user sends a message, then its provider's three reports, and repeats.

`make load` starts it as a separate process, because gevent patches the standard library.
"""

from __future__ import annotations

import itertools
import json
import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

from locust import FastHttpUser, task

from bench.load.traffic import Request, Target, reports, send

_PLAN = json.loads(os.environ["LOAD"])
_TARGET = Target(**_PLAN["target"])
_numbers = itertools.count(1)
_journal = Path(_PLAN["journal"]).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115  # as long as the process


class User(FastHttpUser):
    """A client and its provider."""

    network_timeout = connection_timeout = 40.0

    @task
    def message(self) -> None:
        """One message with all its reports; accepted ones are written to the journal."""
        number = next(_numbers)
        answer = self._request(send(_TARGET, number, run=_PLAN["run"]), {HTTPStatus.ACCEPTED})
        if answer is None or answer.get("provider_message_id") is None:
            return
        _note(answer["message_id"], None, answer["created_at"])
        for report in reports(_TARGET, number, answer):
            if self._request(report, {HTTPStatus.OK, HTTPStatus.NO_CONTENT}) is not None:
                _note(answer["message_id"], report.word, answer["created_at"])

    def _request(self, one: Request, wanted: set[HTTPStatus]) -> dict[str, Any] | None:
        """The answer's JSON, or an empty object; None for an unexpected status."""
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
