"""The simulated providers for tests: ledgers, scripts, and webhooks with genuine signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator

from local import simulators
from local.simulators.bird import Settings as BirdAccount
from local.simulators.messagebird import Settings as MessageBirdAccount
from local.simulators.twilio import Settings as TwilioAccount
from local.stack import SERVICE_KEY, Stack

NAMES = simulators.names()
CALLING = tuple(name for name in NAMES if simulators.load(name).signing)
"""Those that report by webhook."""
READABLE = tuple(name for name in NAMES if simulators.load(name).readable)
"""Those with an API that returns messages."""
TWILIO, MESSAGEBIRD, BIRD = TwilioAccount(), MessageBirdAccount(), BirdAccount()
_STAMP = "1700000000"
_numbers = count()


def number(digits: str) -> str:
    """A recipient that no other test uses; the last two ``digits`` choose the scenario."""
    return f"+31611{next(_numbers):04d}{digits}"


class Simulator:
    """One provider's control calls; each test uses its own recipients."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.name = name
        self._http = httpx.Client(base_url=stack.simulator_urls[name], timeout=60, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def script(self, to: str, script: object) -> None:
        """Set the script of ``to``; None removes it."""
        self._http.put("/_control/scenario", json={"to": to, "script": script}).raise_for_status()

    def reply(self, person: str, to: str, text: str, *, forged: bool = False) -> list[int]:
        """A person's message to one of our numbers; what our webhook answered to each of its notices."""
        said = {"from": person, "to": to, "text": text, "forged": forged}
        return list(self._http.post("/_control/reply", json=said).raise_for_status().json()["statuses"])

    def settings(self, **changes: str) -> None:
        self._http.put("/_control/settings", json=changes).raise_for_status()

    def idle(self) -> None:
        """Wait until every pending report was sent and answered."""
        self._http.get("/_control/idle", params={"timeout": 45}).raise_for_status()

    def posts_so_far(self) -> int:
        return len(self._ledger()["posts"])

    def wait_for_post(self, after: int) -> None:
        """Wait for one more request to send than ``after``."""
        self._http.get("/_control/seen", params={"timeout": 30, "posts": after + 1}).raise_for_status()

    def posts(self, to: str) -> list[dict[str, Any]]:
        """Every request to send to ``to``, including refused ones."""
        return [post for post in self._ledger()["posts"] if post["to"] == to]

    def taken(self, to: str) -> list[dict[str, Any]]:
        """Every taken message to ``to``."""
        return [message for message in self._ledger()["messages"] if message["to"] == to]

    def _ledger(self) -> dict[str, Any]:
        return dict(self._http.get("/_ledger").raise_for_status().json())


def callback(base: str, provider: str, message_id: str | None, attempt: int = 1) -> str:
    """The address that the service gave the provider; without a message it is one pasted into a console."""
    query = f"?message_id={message_id}&attempt={attempt}&token={_token(provider, message_id, attempt)}"
    return f"{base}/webhooks/{provider}{query if message_id else ''}"


def _token(provider: str, message_id: str | None, attempt: int, key: bytes = SERVICE_KEY) -> str:
    """What binds a message to the stack with this key, made without the service's code."""
    text = f"{provider}\x1f{message_id}\x1f{attempt}".encode()
    return base64.urlsafe_b64encode(hmac.digest(key, text, "sha256")).rstrip(b"=").decode()


def signed(provider: str, target: str, fields: Mapping[str, str]) -> httpx.Request:
    """A genuine webhook of ``provider`` to ``target``."""
    return {"bird": _bird, "messagebird": _messagebird, "twilio": _twilio}[provider](target, fields)


def _bird(target: str, fields: Mapping[str, str]) -> httpx.Request:
    """The event in ``body``; what the query of ``target`` names comes as metadata, as the URL is not signed."""
    url, _, query = target.partition("?")
    event = json.loads(fields["body"])
    body = json.dumps(event | {"data": event["data"] | {"metadata": dict(parse_qsl(query)) or None}})
    event_id, at = f"whe_{next(_numbers)}", datetime.now(UTC)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(BIRD.webhook_secret).sign(event_id, at, body),
    }
    return httpx.Request("POST", url, content=body, headers=headers)


def _twilio(target: str, fields: Mapping[str, str]) -> httpx.Request:
    form = {"AccountSid": TWILIO.account_sid, **fields}
    signature = RequestValidator(TWILIO.auth_token).compute_signature(target, form)
    return httpx.Request("POST", target, data=form, headers={"x-twilio-signature": str(signature)})


def _messagebird(target: str, fields: Mapping[str, str]) -> httpx.Request:
    mark = "&" if "?" in target else "?"
    url = f"{target}{mark}{urlencode(fields)}"
    return httpx.Request("GET", url, headers=legacy_signature(url, b""))


def legacy_signature(url: str, body: bytes) -> dict[str, str]:
    """MessageBird's oldest signature: it covers query and body, but not the address, and does not expire."""
    query = urlencode(sorted(parse_qsl(urlsplit(url).query, keep_blank_values=True), key=lambda pair: pair[0]))
    text = f"{_STAMP}\n{query}\n".encode() + hashlib.sha256(body).digest()
    signature = hmac.digest(MESSAGEBIRD.signing_key.encode(), text, "sha256")
    return {
        "messagebird-signature": base64.b64encode(signature).decode(),
        "messagebird-request-timestamp": _STAMP,
    }


def report_fields(provider: str, provider_id: str, word: str, *, occurred: str | None = None) -> dict[str, str]:
    """A report with the fewest fields."""
    if provider == "twilio":
        return {"MessageSid": provider_id, "MessageStatus": word}
    if provider == "bird":
        event = {
            "type": f"sms.{word}",
            "timestamp": occurred or "2026-01-31T12:00:00Z",
            "data": {"sms_id": provider_id},
        }
        return {"body": json.dumps(event)}
    at = {"statusDatetime": occurred} if occurred else {}
    return {"id": provider_id, "status": word, **at}


def silent(api: httpx.Client, name: str) -> dict[str, Any]:
    """A message that was taken and of which the simulated provider itself will never report."""
    message = {"to": number("08"), "body": "Hello", "provider": name}
    return dict(api.post("/messages", json=message).raise_for_status().json())


def deliver(request: httpx.Request) -> httpx.Response:
    """The answer to a provider's request."""
    with httpx.Client(trust_env=False, timeout=60) as provider_itself:
        return provider_itself.send(request)


def tell(request: httpx.Request) -> int:
    return deliver(request).status_code


def simulators_of(stack: Stack) -> Iterator[dict[str, Simulator]]:
    """All simulators by name, closed at the end; for a fixture."""
    every = {name: Simulator(stack, name) for name in NAMES}
    yield every
    for simulator in every.values():
        simulator.close()
