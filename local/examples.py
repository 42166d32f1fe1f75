"""Lines to paste into a shell: one for each route of the running local stack, signed callbacks among them."""

from __future__ import annotations

import hashlib
import time
from urllib.parse import urlencode

import httpx
import jwt
from twilio.request_validator import RequestValidator

from local import simulators
from local.clients import REGION, ROOT_KEY
from local.stack import Stack

_DAY = 86400
_SILENT = "+31612345608"
"""The simulated provider takes it and never reports, so the pasted callbacks are what moves it."""


def examples(stack: Stack) -> str:
    """The text that `make run` prints once the stack is up."""
    key = stack.create_key("local", {"send", "read"})
    url = stack.api_url
    auth = f"-H 'Authorization: Bearer {key}'"
    body = '\'{"to": "+31612345600", "body": "Your parcel is here", "reference": "order-42"}\''
    lines = [
        f"API   {url}",
        f"key   {key}",
        f"page  {url}/   (a browser shows the messages, with this key)",
        "",
        "# what the examples of docs/testing.md need",
        _variables(stack, key),
        "# what make smoke, api-key, forget and repair need to work on this stack, once more in that terminal",
        _operator(stack),
        "# health",
        f"curl -i {url}/health",
        "# send (the same Idempotency-Key replays the answer)",
        f"curl -i {url}/messages {auth} -H 'Content-Type: application/json' -H 'Idempotency-Key: order-42' -d {body}",
        "# list, newest first; also by to, status, provider_message_id, since, until",
        f"curl -s '{url}/messages?reference=order-42' {auth}",
        "# statistics, counted every minute here; also by hour, day, client",
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
    twilio, messagebird = (_send(url, key, provider) for provider in ("twilio", "messagebird"))
    books = "  ".join(f"{address}/_truth" for address in stack.simulator_urls.values())
    return [
        "# one message with its timeline (two were sent for you whose provider never reports)",
        f"curl -s {url}/messages/{twilio['message_id']} {auth}",
        "# Twilio says: delivered",
        _twilio_callback(url, twilio["message_id"], twilio["provider_message_id"]),
        "# MessageBird says: delivered",
        _messagebird_report(url, messagebird["message_id"], messagebird["provider_message_id"]),
        "# a callback that nobody signed",
        f"curl -i {url}/webhooks/twilio -d MessageStatus=delivered",
        "",
        f"The simulated providers' own books: {books}",
        "The recipient's last two digits choose what happens: local/simulators/scenario.py lists them.",
    ]


def _send(url: str, key: str, provider: str) -> dict[str, str]:
    message = {"to": _SILENT, "body": "Your parcel is here", "provider": provider}
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{url}/messages", json=message, headers=headers, timeout=40).raise_for_status()
    return {name: str(value) for name, value in answer.json().items()}


def _twilio_callback(url: str, message_id: str, sid: str) -> str:
    """A form post signed by Twilio's own SDK."""
    target = f"{url}/webhooks/twilio?message_id={message_id}&attempt=1"
    form = {"AccountSid": simulators.TWILIO_ACCOUNT_SID, "MessageSid": sid, "MessageStatus": "delivered"}
    signature = RequestValidator(simulators.TWILIO_AUTH_TOKEN).compute_signature(target, form)
    return f"curl -i '{target}' -H 'X-Twilio-Signature: {signature}' -d '{urlencode(form)}'"


def _messagebird_report(url: str, message_id: str, provider_id: str) -> str:
    """A GET whose JWT is good for a day."""
    fields = {"id": provider_id, "reference": message_id, "recipient": _SILENT[1:], "status": "delivered"}
    target = f"{url}/webhooks/messagebird?message_id={message_id}&attempt=1&{urlencode(fields)}"
    now = int(time.time())
    claims = {
        "iss": "MessageBird",
        "nbf": now,
        "exp": now + _DAY,
        "jti": message_id,
        "url_hash": hashlib.sha256(target.encode()).hexdigest(),
    }
    token = jwt.encode(claims, simulators.MESSAGEBIRD_SIGNING_KEY, "HS256")
    return f"curl -i '{target}' -H 'MessageBird-Signature-JWT: {token}'"
