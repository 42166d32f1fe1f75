"""That the enforced policies are the template's: a statement taken out of it is missed."""

from __future__ import annotations

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
        sent = _send(stack)
        twilio = stack.simulator_urls["twilio"]
        httpx.get(f"{twilio}/_control/idle?timeout=60&taken=1", timeout=70, trust_env=False)
        truth = httpx.get(f"{twilio}/_truth/{sent.json()['provider_message_id']}", trust_env=False).json()

        statuses = {tried["status"] for callback in truth["callbacks"] for tried in callback["tries"]}
        assert statuses == {503}


def _send(stack: Stack) -> httpx.Response:
    key = stack.create_key("permissions", {"send"})
    return httpx.post(
        f"{stack.api_url}/messages",
        json={"to": "+31612345600", "body": "Hello", "provider": "twilio"},
        headers={"authorization": f"Bearer {key}"},
        timeout=40,
        trust_env=False,
    )
