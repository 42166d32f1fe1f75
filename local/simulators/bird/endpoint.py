"""The endpoints that a workspace has registered for its events: managed by API, paused, tested, and replayed to."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from os import urandom
from typing import Any
from urllib.parse import urlsplit

from local.simulators.bird.errors import error_named
from local.simulators.bird.report import Settings, forged_request, new_id, signed_request, zulu
from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Callback, Message, now
from local.simulators.scenario import Step
from local.simulators.send_endpoint import Refused

_WORDS = ("accepted", "sent", "delivered", "undelivered", "failed", "rejected", "expired", "received")
EVENTS = (*(f"sms.{word}" for word in _WORDS), "sms_suppression.created")
"""The events about messages to which an endpoint can subscribe."""

MOST_SECRETS, MOST_EVENTS, LONGEST_URL = 5, 100, 2048
ROTATION = timedelta(hours=24)


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """One endpoint. ``secrets`` are newest first, each with the end of its validity (None: no end)."""

    url: str
    events: tuple[str, ...] = EVENTS
    description: str | None = None
    status: str = "active"
    id: str = field(default_factory=lambda: new_id("whk"))
    secrets: list[tuple[str, datetime | None]] = field(default_factory=lambda: [(new_secret(), None)])
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    def valid_secrets(self) -> list[str]:
        return [secret for secret, until in self.secrets if until is None or until > now()]

    def takes(self, kind: str) -> bool:
        """Whether it receives events of that type; an unknown type goes to every active endpoint."""
        return self.status != "paused" and (kind in self.events or kind not in EVENTS)

    def as_json(self) -> dict[str, Any]:
        """The API's object, which has no secrets."""
        return {
            "id": self.id,
            "url": self.url,
            "description": self.description,
            "filter": None,
            "events": list(self.events),
            "status": self.status,
            "created_at": zulu(self.created_at),
            "updated_at": zulu(self.updated_at),
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event sent to an endpoint; its tries are among the callbacks of ``message``."""

    endpoint: str
    event_id: str
    event: Mapping[str, Any]
    message: Message
    step: Step

    def callbacks(self, url: str) -> list[Callback]:
        return [each for each in self.message.callbacks if each.step is self.step and each.url == url]


def new_secret() -> str:
    """24 random octets, as Bird makes them."""
    return "whsec_" + base64.b64encode(urandom(24)).decode()


class Endpoints:
    """All endpoints of a workspace, and their deliveries."""

    def __init__(self) -> None:
        self.known: dict[str, Endpoint] = {}
        self.deliveries: list[Delivery] = []

    def apply_settings(self, settings: Settings, before: Settings | None = None) -> None:
        """Register, move or re-key the endpoint of the settings as they change."""
        if before and (settings.webhook_url, settings.webhook_secret) == (before.webhook_url, before.webhook_secret):
            return
        old = before and next((each for each in self.known.values() if each.url == before.webhook_url), None)
        if old:
            del self.known[old.id]
        if settings.webhook_url:
            new = replace(old, url=settings.webhook_url) if old else Endpoint(url=settings.webhook_url)
            new.secrets = [(settings.webhook_secret, None)]
            self.known[new.id] = new

    def get(self, endpoint_id: str) -> Endpoint:
        """The endpoint of that id; raises ``Refused``."""
        if endpoint_id not in self.known:
            raise Refused(error_named("NotFound"))
        return self.known[endpoint_id]

    def create(self, given: Mapping[str, Any]) -> Endpoint:
        """Raises ``Refused``."""
        _check(given, {"url", "events", "description", "filter", "destination"})
        for name in ("url", "events"):
            if name not in given:
                raise Refused(error_named("ValidationError", name))
        endpoint = Endpoint(url=given["url"], events=tuple(given["events"]), description=given.get("description"))
        self.known[endpoint.id] = endpoint
        return endpoint

    def update(self, endpoint: Endpoint, given: Mapping[str, Any]) -> None:
        """Change the given fields; raises ``Refused``."""
        _check(given, {"url", "events", "description", "status", "filter", "destination"})
        endpoint.url = given.get("url", endpoint.url)
        endpoint.events = tuple(given.get("events", endpoint.events))
        endpoint.description = given.get("description", endpoint.description)
        endpoint.status = given.get("status", endpoint.status)
        endpoint.updated_at = now()

    def rotate(self, endpoint: Endpoint) -> str:
        """A new secret; earlier ones sign for another day. Raises ``Refused`` while five are valid."""
        if len(endpoint.valid_secrets()) >= MOST_SECRETS:
            raise Refused(error_named("TooManySecrets"))
        until = now() + ROTATION
        endpoint.secrets = [(new_secret(), None), *((secret, old or until) for secret, old in endpoint.secrets)]
        return endpoint.secrets[0][0]

    def send(self, event: Mapping[str, Any], message: Message, step: Step, *, forged: bool) -> list[Outgoing]:
        """The requests of an event, one for each subscribed endpoint; a paused endpoint never receives it."""
        endpoints = [each for each in self.known.values() if each.takes(str(event["type"]))]
        if forged:
            return [forged_request(each.url, event) for each in endpoints]
        made = [Delivery(each.id, new_id("whe"), event, message, step) for each in endpoints]
        self.deliveries += made
        return [self.request(delivery) for delivery in made]

    def request(self, delivery: Delivery) -> Outgoing:
        """The request of a delivery, signed now."""
        endpoint = self.known[delivery.endpoint]
        secrets = endpoint.valid_secrets()
        return signed_request(endpoint.url, delivery.event, secrets, event_id=delivery.event_id)

    def failed(self, endpoint: Endpoint, since: datetime, until: datetime) -> list[Delivery]:
        """Deliveries tried in this span that never got a 2xx answer."""
        return [each for each in self._of(endpoint) if _failed(each.callbacks(endpoint.url), since, until)]

    def attempts(self, endpoint: Endpoint) -> list[dict[str, Any]]:
        """Every try of every delivery, newest first."""
        made = [entry for each in self._of(endpoint) for entry in _attempts(each, endpoint.url)]
        return sorted(made, key=lambda entry: str(entry["attempted_at"]), reverse=True)

    def _of(self, endpoint: Endpoint) -> Iterator[Delivery]:
        return (each for each in self.deliveries if each.endpoint == endpoint.id)


def _check(given: Mapping[str, Any], known: set[str]) -> None:
    url, events = given.get("url", "https://example.com"), given.get("events", EVENTS)
    right = {
        "url": isinstance(url, str) and len(url) <= LONGEST_URL and _is_public(url),
        "events": _is_list(events) and 1 <= len(events) <= MOST_EVENTS and all(each in EVENTS for each in events),
        "status": given.get("status", "active") in ("active", "paused"),
    }
    if wrong := next((name for name in given if name not in known or not right.get(name, True)), None):
        raise Refused(error_named("ValidationError", wrong))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_public(url: str) -> bool:
    """HTTPS with a public host, as Bird demands; the loopback is also allowed, with HTTP, for local stacks."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return (parts.scheme == "https" and "." in host) or host == "127.0.0.1" or host.endswith(".localhost")


def _failed(callbacks: Sequence[Callback], since: datetime, until: datetime) -> bool:
    tries = [each for callback in callbacks for each in callback.tries]
    is_over = all(callback.over for callback in callbacks)
    return is_over and any(since <= each.at <= until for each in tries) and all(each.kind != "ok" for each in tries)


def _attempts(delivery: Delivery, url: str) -> Iterator[dict[str, Any]]:
    for callback in delivery.callbacks(url):
        for each in callback.tries:
            yield {
                "id": f"msgatt_{each.at.timestamp():.6f}".replace(".", ""),
                "event_id": delivery.event_id,
                "event_type": delivery.event["type"],
                "status": "delivered" if each.kind == "ok" else "failed",
                "url": url,
                "response_status_code": each.status,
                "response_duration_ms": 0,
                "attempted_at": zulu(each.at),
            }
