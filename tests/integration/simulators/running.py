"""Simulators in a process of their own, a receiver for their callbacks, and the official SDKs as judges."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import messagebird
from messagebird.error import ValidationError
from messagebird.http_client import HttpClient
from messagebird.request_validator import RequestValidator as MessageBirdValidator
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator as TwilioValidator
from twilio.request_validator import get_signature_algorithm
from twilio.rest import Client

from local.simulators import messagebird as bird_simulator
from local.simulators import twilio as twilio_simulator
from local.simulators.scenario import TABLE

TO = "+31612345600"
TWILIO = twilio_simulator.Settings()
BIRD = bird_simulator.Settings()
FROM = twilio_simulator.SIMULATOR.parameters["TwilioFrom"]


@dataclass(frozen=True)
class Received:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


@dataclass
class Receiver:
    """Keeps every request that reaches it, raw, and answers ``answers`` in turn, then 204."""

    url: str
    requests: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def take(self, request: Received) -> int:
        with self.lock:
            self.requests.append(request)
            return self.answers.pop(0) if self.answers else 204

    @property
    def words(self) -> list[str]:
        return [request.form.get("MessageStatus") or request.query["status"] for request in self.requests]


@contextmanager
def process(*flags: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "local.simulators", "--die-with-stdin", *flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def ready(running: subprocess.Popen[str]) -> dict[str, Any]:
    assert running.stdout
    answer: dict[str, Any] = json.loads(running.stdout.readline())
    return answer


@dataclass(frozen=True)
class Simulator:
    http: httpx.Client

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def idle(self, taken: int = 0) -> dict[str, Any]:
        answer = self.http.get("/_control/idle", params={"timeout": 20, "taken": taken})
        assert answer.status_code == 200, answer.text
        return self.ledger()

    def ledger(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get("/_ledger").json()
        return answer

    def script(self, to: str, script: object) -> None:
        self.http.put("/_control/scenario", json={"to": to, "script": script}).raise_for_status()

    def forget_endpoints(self, api_key: str) -> None:
        """Delete every endpoint that is registered at Bird."""
        headers = {"authorization": f"Bearer {api_key}"}
        while found := self.http.get("/v1/webhooks", headers=headers).json()["data"]:
            for each in found:
                self.http.delete(f"/v1/webhooks/{each['id']}", headers=headers).raise_for_status()

    def settings(self, **changes: str) -> None:
        self.http.put("/_control/settings", json=changes).raise_for_status()


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30, trust_env=False, verify=False) as http:
        yield http


class Elsewhere(TwilioHttpClient):  # type: ignore[misc] # the SDK ships no types
    """The SDK's own HTTP client, sent to the simulator instead of api.twilio.com."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._url), *args, **kwargs)


@contextmanager
def twilio_sdk(
    simulator: Simulator, user: str = TWILIO.account_sid, password: str = TWILIO.auth_token, timeout: float = 20
) -> Iterator[Any]:
    client = Elsewhere(simulator.url, timeout)
    yield Client(user, password, TWILIO.account_sid, http_client=client).messages
    client.session.close()


def bird_client(bird: Simulator, key: str) -> Any:
    return messagebird.Client(key, http_client=HttpClient(bird.url, key, "test"))


def number(scenario: str) -> str:
    return "+316123456" + next(row.digits for row in TABLE if row.name == scenario)


def twilio_vouches(request: Received, key: str = TWILIO.auth_token) -> bool:
    algorithm = get_signature_algorithm(request.headers.get("x-twilio-webhooks-signature-settings"))
    signature = request.headers["x-twilio-signature"]
    return bool(TwilioValidator(key).validate(request.url, request.form, signature, algorithm))


def bird_vouches(request: Received, key: str = BIRD.signing_key) -> bool:
    try:
        MessageBirdValidator(key).validate_signature(
            request.headers["messagebird-signature-jwt"], request.url, request.body
        )
    except ValidationError:
        return False
    return True


def post(twilio: Simulator, form: dict[str, str], **how: Any) -> httpx.Response:
    path = f"/2010-04-01/Accounts/{TWILIO.account_sid}/Messages.json"
    auth = (TWILIO.account_sid, TWILIO.auth_token)
    return twilio.http.post(path, data=form, auth=auth, **how)
