"""The endpoint at Bird to which all reports go: registered, watched and repaired through its API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.base import Credentials
from sms_tracker.providers.bird.api import address, authorization
from sms_tracker.providers.bird.codes import error
from sms_tracker.providers.bird.webhook import REPLIES
from sms_tracker.providers.optional import Endpoint, Endpoints

SECRET, NEXT_SECRET = "webhook_secret", "next_webhook_secret"
ROTATION = timedelta(hours=24)
"""How long the old secret signs beside the new one."""
HISTORY = timedelta(days=3)
"""How far back failed deliveries can be repeated."""

_WORDS = ("accepted", "sent", "delivered", "undelivered", "failed", "rejected", "expired")
EVENTS = (*(f"sms.{word}" for word in _WORDS), *REPLIES)
"""What an endpoint subscribes to: what moves a message, and replies. Subscriptions never grow by themselves."""

_ENDPOINTS = "/v1/webhooks"
_PAUSED = "paused"
_TESTED = "sms.delivered"


def list_request(url: str | None, *, credentials: Credentials, page: str | None = None) -> HttpRequest:
    """``GET /v1/webhooks``: the endpoints at ``url``, or all of the workspace."""
    given = {"url": url, "limit": None if url else "100", "starting_after": page}
    query = urlencode({name: value for name, value in given.items() if value})
    return HttpRequest("GET", f"{address(credentials)}{_ENDPOINTS}?{query}", authorization(credentials))


def list_outcome(result: HttpResponse | NoResponse) -> Endpoints | LookupFailed:
    """One page of them. A state that is not listed delivers: only a paused endpoint gets nothing."""
    answer = answers.record(result)
    if isinstance(answer, LookupFailed):
        return _explained(result, answer)
    listed, following = answer.get("data"), answer.get("next_cursor")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return LookupFailed(reason="the answer is no list of endpoints")
    return Endpoints(tuple(map(_endpoint, listed)), parsing.text(following))


def register_request(url: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``POST /v1/webhooks``; the answer has the secret, which is shown once."""
    return _write("POST", "", {"url": url, "events": EVENTS}, credentials, key)


def enable_request(endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``PATCH /v1/webhooks/{id}``: active again, with every event that is read here."""
    return _write("PATCH", _path(endpoint_id), {"events": EVENTS, "status": "active"}, credentials, key)


def rotate_request(endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``POST …/rotate-secret``; the answer has the new secret, which is shown once."""
    return _write("POST", _path(endpoint_id, "rotate-secret"), None, credentials, key)


def test_request(endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``POST …/test``: one signed event without data, also where the endpoint is paused."""
    return _write("POST", _path(endpoint_id, "test"), {"event_type": _TESTED}, credentials, key)


def replay_request(endpoint_id: str, since: str, until: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``POST …/replay``: deliver again what was tried and failed between these times, RFC 3339."""
    return _write("POST", _path(endpoint_id, "replay"), {"since": since, "until": until}, credentials, key)


def refusal(result: HttpResponse | NoResponse) -> LookupFailed | None:
    """Why a request was not carried out; None for success."""
    if isinstance(result, HttpResponse) and HTTPStatus.OK <= result.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    failed = answers.record(result)
    return _explained(result, failed if isinstance(failed, LookupFailed) else LookupFailed(reason="no success"))


def secret(result: HttpResponse | NoResponse) -> str | LookupFailed:
    """The signing secret in the answer to a registration or a rotation."""
    found = parsing.text(_body(result).get("secret"))
    return refusal(result) or found or LookupFailed(reason="the answer has no secret")


def test_outcome(result: HttpResponse | NoResponse) -> str | LookupFailed:
    """Our status if it was a 2xx, else a failure whose reason is what Bird got instead."""
    if failed := refusal(result):
        return failed
    answer = _body(result)
    status, said = (parsing.text(answer.get(name)) for name in ("response_status_code", "error"))
    if answer.get("status") == "delivered":
        return status or "2xx"
    return LookupFailed(reason=f"the endpoint answered {status or 'nothing'}" + (f" ({said})" if said else ""))


def _endpoint(given: Mapping[str, object]) -> Endpoint:
    events, state = given.get("events"), parsing.text(given.get("status")) or "unknown"
    subscribed = set(events) if isinstance(events, list) and all(isinstance(each, str) for each in events) else set()
    return Endpoint(
        endpoint_id=parsing.text(given.get("id")) or "",
        url=parsing.text(given.get("url")) or "",
        state=state,
        delivers=state != _PAUSED,
        missing=tuple(each for each in EVENTS if each not in subscribed),
    )


def _write(
    method: str, path: str, content: Mapping[str, object] | None, credentials: Credentials, key: str
) -> HttpRequest:
    headers = {**authorization(credentials), "idempotency-key": key}
    body = b"" if content is None else json.dumps(content).encode()
    headers |= {"content-type": "application/json"} if body else {}
    return HttpRequest(method, f"{address(credentials)}{_ENDPOINTS}{path}", headers, body)


def _path(endpoint_id: str, action: str | None = None) -> str:
    return "/" + "/".join(filter(None, (parsing.path_part(endpoint_id), action)))


def _body(result: HttpResponse | NoResponse) -> dict[str, object]:
    return parsing.json_object(result.body) if isinstance(result, HttpResponse) else {}


def _explained(result: HttpResponse | NoResponse, failed: LookupFailed) -> LookupFailed:
    """With Bird's own words, where it has some."""
    answer = error(result.body) if isinstance(result, HttpResponse) else None
    said = ": ".join(filter(None, (answer.code or answer.name, parsing.masked(answer.message)))) if answer else ""
    return LookupFailed(reason=f"{failed.reason} {said}".strip(), retry_after=failed.retry_after)
