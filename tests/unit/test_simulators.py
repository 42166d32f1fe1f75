"""A provider's folder is all that the local stack needs: each states everything, and a new one is found by itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from local import demo, examples, ledger, simulation, simulators
from local.chaos.incidents import Rotation
from local.chaos.plan import plan
from local.run import sender_variables
from local.simulators.base import Destination, Reported
from local.simulators.scenario import COURSES, TABLE, Scenarios, Step
from local.stack import Stack
from ops.accounts import ENTRIES
from sms_tracker import providers
from sms_tracker.domain.http import HttpRequest

URL, ID = "http://127.0.0.1:1", "11111111-1111-4111-8111-111111111111"
DELIVERY = Reported(
    word="delivered",
    message_id=ID,
    provider_id="1",
    callback_url=f"https://sms.example.com/webhooks/acme?message_id={ID}&attempt=1",
    to="+12025550100",
)
each_provider = pytest.mark.parametrize("provider", simulators.names())


def test_every_adapter_has_a_simulator() -> None:
    assert simulators.names() == providers.names()


@each_provider
def test_a_provider_has_words_for_every_course_and_its_adapter_knows_the_last(provider: str) -> None:
    courses = simulators.load(provider).courses
    last = {course: Step.read(words.split()[-1]).word for course, words in courses.items() if words[0] != "!"}

    assert courses.keys() == COURSES
    assert [course for course, word in last.items() if not providers.load(provider).knows(word)] == []
    assert all(row.script(courses).reports or row.script(courses).error for row in TABLE)


@each_provider
def test_its_credentials_are_entries_that_the_adapter_reads(provider: str) -> None:
    simulator, known = simulators.load(provider), ENTRIES[provider].keys()
    if not known:
        pytest.skip("the template writes them")

    assert simulator.credentials(URL).keys() <= known
    assert set(simulator.test_entries) <= known
    if simulator.signing:
        assert {simulator.signing.entry, f"next_{simulator.signing.entry}"} <= known


@each_provider
def test_its_signed_report_is_genuine_also_when_it_is_pasted_some_time_later(provider: str) -> None:
    simulator, adapter = simulators.load(provider), providers.load(provider)
    if simulator.signing is None:
        pytest.skip("no webhook")
    document = simulator.credentials(URL)
    made = simulator.signing.sign(document, DELIVERY)
    request = HttpRequest(made.method, made.url, made.headers, made.body)

    adapter.verify(request, secrets=adapter.keys(document), now=datetime.fromtimestamp(_in_an_hour(), UTC))
    assert str(adapter.report(adapter.fields(request), received_at="2026-01-31T12:00:00.000Z").status) == "delivered"


def _in_an_hour() -> float:
    return datetime.now(UTC).timestamp() + 3600


def test_what_chaos_plans_is_a_script_at_each_provider() -> None:
    for message in plan(300, seed=1):
        script = Scenarios(simulators.load(message.provider).courses).read(message.script)
        expected = simulators.load(message.provider).status(script.reports[-1].word, None) if script.reports else None

        assert script.name == message.way
        assert (script.error is not None) == (message.end == "refused")
        assert not (script.forge and expected == "delivered")  # accepting the forgery must show


def test_an_end_is_judged_by_word_and_code_before_the_word_alone() -> None:
    ends = {
        ("undelivered", 30036): "expired",
        ("undelivered", 30003): "undelivered",
        ("teleported", None): "teleported",
    }
    assert {end: simulators.load("twilio").status(*end) for end in ends} == ends


def test_a_code_is_a_number_or_a_word() -> None:
    codes = {"sent": None, "failed:30008": 30008, "failed:E01001": "E01001"}
    assert {text: Step.read(text).code for text in codes} == codes


ACME = """
from local.simulators import twilio
from dataclasses import replace

SIMULATOR = replace(
    twilio.SIMULATOR,
    title="Acme",
    credentials=lambda url: {"api_url": url},
    parameters={"AcmeFrom": "Acme"},
    statuses={"delivered": "unknown"},
    signing=None,
    message_id=lambda entry: entry["extra"]["context"],
    reports_to=lambda stack: {"auth_token": f"{stack.base_url} {stack.aws_url} {stack.outputs['ReportsQueueUrl']}"},
)
"""
"""A provider with one address for all reports, none of which is a webhook."""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "__init__.py").write_text(ACME)
    monkeypatch.setattr(simulators, "__path__", [*simulators.__path__, str(tmp_path)])
    yield "acme"
    sys.modules.pop("local.simulators.acme", None)


def test_a_new_folder_takes_part_in_everything(acme: str) -> None:
    entry = {"id": "A1", "extra": {"context": ID}, "times_taken": 1, "handset": {"word": "delivered", "code": None}}
    parameters = {"AcmeFrom": "Acme", "Providers": "acme,aws,bird,messagebird,twilio"}
    taken = ledger.taken_message(acme, entry)

    assert acme in simulators.names()
    assert parameters.items() <= simulation.parameters().items()
    assert simulation.secrets({acme: 1}) == {acme: {"api_url": URL}}
    assert sender_variables(acme) == {"AcmeFrom": "ACME_FROM"}
    assert {case.provider for case in demo.cases(simulators.names())} == set(simulators.names())
    assert {message.provider for message in plan(100, seed=1)} == set(simulators.names())
    assert (taken.message_id, taken.expected) == (ID, "unknown")


def test_without_a_webhook_there_is_nothing_to_paste_and_no_secret_to_rotate(acme: str) -> None:
    stack = cast("Stack", SimpleNamespace(simulator_urls={acme: URL}, api_url=URL))

    Rotation(stack).rotate()  # would ask the simulator, which does not run

    assert examples.report(stack, acme, {"message_id": ID, "provider_message_id": "A1"}) == []


def test_a_simulator_with_one_address_for_all_reports_is_given_it(acme: str) -> None:
    seen: list[tuple[str, bytes]] = []

    class Control(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            seen.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Control) as server:
        serving = Thread(target=server.handle_request)
        serving.start()
        destination = Destination("http://api", "http://aws", {"ReportsQueueUrl": "http://queue"})
        simulation.register_stack(destination, {acme: server.server_port})
        serving.join()

    assert seen == [("/_control/settings", b'{"auth_token":"http://api http://aws http://queue"}')]
