"""That the enforced policies are the template's: a statement taken out of it is missed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from local.stack import Stack
from local.template import Template


def _without(role: str, sid: str) -> Callable[[Template], Template]:
    def transform(template: Template) -> Template:
        (policy,) = template["Resources"][role]["Properties"]["Policies"]
        statements = policy["PolicyDocument"]["Statement"]
        kept = [statement for statement in statements if statement.get("Sid") != sid]
        assert len(kept) == len(statements) - 1
        policy["PolicyDocument"]["Statement"] = kept
        return template

    return transform


def test_a_send_that_may_not_write_its_record_sends_nothing(tmp_path: Path) -> None:
    with Stack(auth=True, transform=_without("SendRole", "KeepRecords"), log_dir=tmp_path) as stack:
        refused = _send(stack)
        truth = httpx.get(f"{stack.simulator_urls['twilio']}/_truth", trust_env=False).json()

        assert refused.status_code == 503, refused.text
        assert truth["posts"] == []


def test_a_webhook_that_may_not_queue_asks_the_provider_to_come_again(tmp_path: Path) -> None:
    with Stack(auth=True, transform=_without("WebhookRole", "QueueReports"), log_dir=tmp_path) as stack:
        sent = _send(stack).json()
        answers = _answers(f"{stack.simulator_urls['twilio']}/_truth/{sent['provider_message_id']}")

    assert answers == {503}


def _answers(truth: str) -> set[int]:
    """What the provider's callbacks were answered, once one was."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        callbacks = httpx.get(truth, trust_env=False).json()["callbacks"]
        answers = {each["status"] for callback in callbacks for each in callback["attempts"]} - {None}
        if answers:
            return answers
        time.sleep(0.1)  # the simulator can only be asked
    return set()


def _send(stack: Stack) -> httpx.Response:
    key = stack.create_key("permissions", {"send"})
    return httpx.post(
        f"{stack.api_url}/messages",
        json={"to": "+31612345600", "body": "Hello", "provider": "twilio"},
        headers={"authorization": f"Bearer {key}"},
        timeout=40,
        trust_env=False,
    )
