"""Load's requests are what the service believes, and what did not arrive is found out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.load import arrival
from bench.load.traffic import SILENT, given, reports, send, simulated
from local import simulators
from local.process import StackError
from sms_tracker import providers
from sms_tracker.domain.http import HttpRequest

TARGET = simulated("http://127.0.0.1:8080/", "example-key")
SENT = {
    name: {"message_id": "0b0e9f0a-53cf-4f13-9f0c-000000000000", "provider": name, "provider_message_id": f"{name}-1"}
    for name in providers.names()
}
each_provider = pytest.mark.parametrize("provider", [each for each in SENT if simulators.load(each).signing])


@each_provider
def test_reports_are_signed_as_the_provider_signs_and_differ_and_the_last_is_final(provider: str) -> None:
    adapter, now = providers.load(provider), "2026-01-31T12:00:00.000Z"
    made = []
    for request in reports(TARGET, 1, SENT[provider]):
        got = HttpRequest(request.method, request.url, request.headers, request.body.encode())
        adapter.verify(got, secrets=adapter.keys(TARGET.accounts[provider]), now=datetime.now(UTC))
        made.append(adapter.report(adapter.fields(got), received_at=now))

    assert len({(one.word, one.occurred) for one in made}) == 3
    assert [one.status is not None and one.status.final for one in made] == [False, False, True]


@each_provider
def test_one_message_in_a_hundred_is_not_delivered(provider: str) -> None:
    last = [[request.word for request in reports(TARGET, number, SENT[provider])][-1] for number in range(1, 201)]

    assert last.count("delivered") == 198
    assert last[99] == last[199] != "delivered"


def test_sends_go_through_every_provider_in_turn_under_keys_of_their_own() -> None:
    signing = [name for name in simulators.names() if simulators.load(name).signing]
    made = [send(TARGET, number, run="run") for number in range(2 * len(signing))]

    assert [json.loads(one.body)["provider"] for one in made] == signing * 2
    assert len({one.headers["idempotency-key"] for one in made}) == len(made)
    assert {json.loads(one.body)["to"] for one in made} == {SILENT}


def test_a_deployed_stack_is_loaded_with_the_accounts_of_the_environment_that_can_sign() -> None:
    secrets = {"TWILIO_AUTH_TOKEN": "example-token", "MESSAGEBIRD_ACCESS_KEY": "example-key"}
    environment = {"URL": "https://sms.example.com/", "KEY": "k", "TWILIO_ACCOUNT_SID": "AC1", **secrets}

    target = given(environment, "+15005550006")

    assert (target.url, target.to) == ("https://sms.example.com", "+15005550006")
    assert target.providers == ("twilio",)
    local = {"URL": "http://127.0.0.1:8080", "KEY": "k", "TWILIO_AUTH_TOKEN": "example-token"}
    assert given(local, None).to == SILENT, "a local stack is loaded with the simulators' keys"


@pytest.mark.parametrize(
    ("environment", "to"),
    [
        ({"URL": "http://127.0.0.1:8080"}, None),
        ({"KEY": "k"}, None),
        ({"URL": "https://sms.example.com", "KEY": "k"}, "+15005550006"),
        ({"URL": "https://sms.example.com", "KEY": "k", "MESSAGEBIRD_SIGNING_KEY": "example"}, None),
        ({"URL": "http://127.0.0.1:8080", "KEY": "k", "PROVIDERS": "live"}, None),
    ],
)
def test_what_cannot_be_loaded_is_said_before_anything_is_sent(environment: Mapping[str, str], to: str | None) -> None:
    with pytest.raises(StackError):
        given(environment, to)


class Api:
    """GET /messages of a stack whose table grows by what is in ``pages``, one for each look; the last one stays."""

    def __init__(self, *looks: Sequence[Mapping[str, Any]]) -> None:
        self._looks = list(looks)
        self.client = httpx.Client(base_url="http://stack", transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        """Two pages: all but the last record, then that."""
        look = self._looks[0]
        if "cursor" in request.url.params:
            if len(self._looks) > 1:
                self._looks.pop(0)
            return httpx.Response(200, json={"messages": look[-1:], "cursor": None})
        return httpx.Response(200, json={"messages": look[:-1], "cursor": "next"})


def record(message_id: str, *words: str) -> dict[str, Any]:
    reported = [{"provider_status": word, "source": "callback"} for word in words]
    return {"message_id": message_id, "reports": [{"provider_status": "queued", "source": "answer"}, *reported]}


@pytest.mark.parametrize(
    ("looks", "wanted", "left"),
    [
        ([[record("a", "sent"), record("b", "sent", "delivered")]], {"a": {"sent"}, "b": {"delivered"}}, {}),
        (
            [[record("a", "sent"), record("b")]],
            {"a": {"sent", "delivered"}, "b": {"queued"}, "c": set[str]()},
            {"a": {"delivered"}, "b": {"queued"}, "c": set()},
        ),
    ],
    ids=["everything came, on two pages", "a report does not come, and a record is not there"],
)
def test_what_did_not_come_is_missing(looks: Any, wanted: Mapping[str, set[str]], left: Mapping[str, set[str]]) -> None:
    assert arrival.missing(Api(*looks).client, wanted, "", print, patience=0) == left


def test_reports_still_in_the_queue_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "_LOOK_EVERY", 0.0)
    api = Api([record("a"), record("b")], [record("a", "sent"), record("b")])
    shown: list[str] = []

    assert arrival.missing(api.client, {"a": {"sent"}}, "", shown.append) == {}
    assert shown == ["1 of 1 reports still pending"]


def test_what_was_accepted_is_read_from_the_journal(tmp_path: Path) -> None:
    lines = [
        {"message_id": "a", "word": None, "created_at": "2026-01-31T12:00:02.000Z"},
        {"message_id": "a", "word": "sent", "created_at": "2026-01-31T12:00:02.000Z"},
        {"message_id": "b", "word": None, "created_at": "2026-01-31T12:00:01.000Z"},
    ]
    (tmp_path / "journal").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    assert arrival.accepted(tmp_path / "journal") == ({"a": {"sent"}, "b": set()}, "2026-01-31T12:00:01.000Z")
