"""Shell lines for each route of the running local stack, including signed callbacks."""

from __future__ import annotations

import shlex

import httpx

from local import simulators
from local.clients import REGION, ROOT_KEY
from local.simulators.base import Reported
from local.simulators.callback_sender import Outgoing
from local.stack import SERVICE_KEY, Stack
from sms_tracker.domain.callback import callback_token, callback_url

_SILENT = "+31612345608"
"""The simulators accept messages to this number and never report; the examples contain the reports."""


def examples(stack: Stack) -> str:
    """The text that `make run` prints once the stack runs. It sends one message through each simulator."""
    key = stack.create_key("local", {"send", "read"})
    url = stack.api_url
    auth = f"-H 'Authorization: Bearer {key}'"
    body = '\'{"to": "+31612345600", "body": "Your parcel is here", "reference": "order-42"}\''
    lines = [
        f"API   {url}",
        f"key   {key}",
        f"page  {url}/   (open it in a browser, with this key)",
        "",
        "# variables of the examples in docs/testing.md",
        _variables(stack, key),
        "# variables of make smoke, api-key, forget and repair for this stack, for another terminal",
        _operator(stack),
        "# health",
        f"curl -i {url}/health",
        "# send (a repeated Idempotency-Key replays the answer)",
        f"curl -i {url}/messages {auth} -H 'Content-Type: application/json' -H 'Idempotency-Key: order-42' -d {body}",
        "# list, newest first; also by to, status, outcome, reason, provider, since …",
        f"curl -s '{url}/messages?reference=order-42' {auth}",
        "# statistics, updated every minute here; also by hour, day, client",
        f"curl -s '{url}/stats?by=provider' {auth}",
    ]
    if stack.simulator_urls:
        lines += _simulated(stack, key, auth)
    return "\n".join([*lines, "", "Ctrl-C ends it."])


def _variables(stack: Stack, key: str) -> str:
    keys = {"KEY": key} | {f"{scope.upper()}_KEY": stack.create_key("local", {scope}) for scope in ("read", "send")}
    keys["ADMIN_KEY"] = stack.create_key("support", {"admin"})
    values = {"URL": stack.api_url, **keys} | {name.upper(): url for name, url in stack.simulator_urls.items()}
    return "export " + " ".join(f"{name}={value}" for name, value in values.items())


def _operator(stack: Stack) -> str:
    values = {
        "AWS_ENDPOINT_URL": stack.clients.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
    }
    return "export " + " ".join(f"{name}={value}" for name, value in values.items())


def _simulated(stack: Stack, key: str, auth: str) -> list[str]:
    url = stack.api_url
    sent = {name: _send(url, key, name) for name in stack.simulator_urls}
    message = next(iter(sent.values()))
    webhook = next(name for name in sent if simulators.load(name).signing)
    ledgers = "  ".join(f"{address}/_ledger" for address in stack.simulator_urls.values())
    return [
        "# one message with its timeline (the simulated providers never report on these messages)",
        f"curl -s {url}/messages/{message['message_id']} {auth}",
        *(line for name, message in sent.items() for line in report(stack, name, message)),
        "# a report without a signature",
        f"curl -i {url}/webhooks/{webhook} -d status=delivered",
        "# the providers' official SDKs, pointed at the simulators; what they send is not in this service's records",
        *_sdks(stack),
        "",
        f"The simulated providers' ledgers: {ledgers}",
        "The recipient's last two digits choose the scenario: docs/testing.md lists them.",
    ]


def _send(url: str, key: str, provider: str) -> dict[str, str]:
    message = {"to": _SILENT, "body": "Your parcel is here", "provider": provider}
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{url}/messages", json=message, headers=headers, timeout=40).raise_for_status()
    return {name: str(value) for name, value in answer.json().items()}


def report(stack: Stack, provider: str, sent: dict[str, str]) -> list[str]:
    """Lines with the provider's signed report of a delivery; empty if its reports do not come by webhook."""
    simulator = simulators.load(provider)
    if simulator.signing is None:
        return []
    message_id = sent["message_id"]
    token = callback_token(SERVICE_KEY, provider, message_id, 1)  # without it the provider's id alone matches a report
    delivery = Reported(
        word=simulator.courses["delivered"].split()[-1],
        message_id=message_id,
        provider_id=sent["provider_message_id"],
        callback_url=callback_url(stack.api_url, provider, message_id, 1, token=token),
        to=_SILENT,
    )
    made = simulator.signing.sign(simulator.credentials(stack.simulator_urls[provider]), delivery)
    return [f"# {simulator.title} reports: delivered", _curl(made)]


def _sdks(stack: Stack) -> list[str]:
    known = [(simulators.load(name).sdk, url) for name, url in stack.simulator_urls.items()]
    return [shlex.join([".venv/bin/python", "-W", "ignore", "-c", sdk(url)]) for sdk, url in known if sdk]


def _curl(made: Outgoing) -> str:
    headers = [part for name, value in made.headers.items() for part in ("-H", f"{name}: {value}")]
    body = ["-d", made.body.decode()] if made.body else []
    return shlex.join(["curl", "-i", made.url, *headers, *body])
