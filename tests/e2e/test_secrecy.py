"""That no function's log names anybody, repeats a text, or gives away a secret, whatever went wrong."""

from __future__ import annotations

import re

import httpx
import pytest

from local import simulators
from local.stack import Stack
from tests.e2e import watch
from tests.e2e.provider import CALLING, NAMES, Simulator, callback, number, report_fields, signed, tell

FUNCTIONS = ("send", "webhook", "processor", "publisher", "digest", "query", "authorizer", "reconciler", "inbound")
TEXT = "Meet me at the old mill"
REFERENCE = "a-reference"
PUBLIC = {"account_sid", "api_url"}
SECRETS = tuple(
    value for name in CALLING for entry, value in simulators.load(name).credentials("").items() if entry not in PUBLIC
)
_NUMBER = re.compile(r"(?<![0-9a-fA-F.-])(\+|00|%2B)?31[ -]?6[0-9]{8}(?![0-9a-fA-F])")
_BEARER = re.compile(r"(?i)bearer|smst_")


@pytest.fixture(scope="module")
def logs(stack: Stack, api: httpx.Client, simulators: dict[str, Simulator]) -> dict[str, list[str]]:
    """Every line of every function, after all that is likely to be logged has happened; earlier tests' lines too."""
    sent = [
        api.post("/messages", json={"to": number(digits), "body": TEXT, "provider": name, "reference": REFERENCE})
        for digits in ("01", "09", "13", "15", "17", "23")
        for name in NAMES
    ]
    ids = [answer.json()["message_id"] for answer in sent if answer.status_code == 202]
    api.post("/messages", json={"to": number("00")[:8], "body": TEXT, number("00"): TEXT})
    api.get("/messages", params={"to": number("00"), number("00"): TEXT})
    api.get(f"/messages/{number('00')}")
    for name in CALLING:
        fields = {**report_fields(name, "1", "delivered"), "To": number("00"), "recipient": number("00")}
        request = signed(name, callback(stack.api_url, name, "00000000-0000-4000-8000-000000000004"), fields)
        for each in (request, httpx.Request("POST", request.url, content=f"To={number('00')}&Body={TEXT}")):
            tell(each)
    simulators["twilio"].reply(number("00"), "+15550001111", TEXT)
    poison = f'{{"to":"{number("00")}","body":"{TEXT}"}}'
    stack.clients.sqs.send_message(QueueUrl=stack.deployment.outputs["ReportsQueueUrl"], MessageBody=poison)
    for message_id in ids:
        watch.final(api, message_id)
    watch.drained(stack)
    watch.reconciled(stack)
    watch.eventually(lambda: all(says(stack.logs(each)) for each in FUNCTIONS), "not every function said what it did")
    return {function: stack.logs(function) for function in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_says_what_it_did(function: str, logs: dict[str, list[str]]) -> None:
    assert says(logs[function])


def says(lines: list[str]) -> bool:
    return any('"decision"' in line and '"started"' not in line for line in lines)


def test_a_provider_s_failures_are_told_of_too(logs: dict[str, list[str]]) -> None:
    assert any('"failed_calls"' in line for line in logs["send"])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_log_names_a_number_or_repeats_a_text(function: str, logs: dict[str, list[str]]) -> None:
    assert [line for line in logs[function] if _NUMBER.search(line)] == []
    assert [line for line in logs[function] if TEXT in line or REFERENCE in line] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_log_gives_away_a_key(function: str, logs: dict[str, list[str]], api_key: str) -> None:
    secrets = (*SECRETS, api_key)

    assert [line for line in logs[function] if any(secret in line for secret in secrets)] == []
    assert [line for line in logs[function] if _BEARER.search(line)] == []


@pytest.mark.parametrize("text", ["+31611000100", "31611000100", "%2B31611000100", "0031611000100", "to=31611000100&"])
def test_a_number_would_be_noticed(text: str) -> None:
    assert _NUMBER.search(f'{{"decision":"sent","x":"{text}"}}')
