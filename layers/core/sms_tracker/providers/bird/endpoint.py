"""The endpoint registered at Bird for all reports: the API calls that register, check and repair it."""

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
from sms_tracker.providers.bird.api import address, authorization, read_list
from sms_tracker.providers.bird.codes import error
from sms_tracker.providers.bird.webhook import REPLIES
from sms_tracker.providers.optional import Endpoint, Endpoints

SECRET, NEXT_SECRET = "webhook_secret", "next_webhook_secret"
ROTATION = timedelta(hours=24)
"""How long both the old and the new secret sign."""
HISTORY = timedelta(days=3)
"""How far back failed deliveries can be repeated."""

_WORDS = ("accepted", "sent", "delivered", "undelivered", "failed", "rejected", "expired")
EVENTS = (*(f"sms.{word}" for word in _WORDS), *REPLIES)
"""The events to subscribe to: those that change a status, and replies. Bird never adds events by itself."""

_ENDPOINTS = "/v1/webhooks"
_PAUSED = "paused"
_TESTED = "sms.delivered"


def list_request(url: str | None, *, credentials: Credentials, page: str | None = None) -> HttpRequest:
    """``GET /v1/webhooks``: the endpoints at ``url``, or all of the workspace."""
    parameters = {"url": url, "limit": None if url else "100", "starting_after": page}
    query = urlencode({name: value for name, value in parameters.items() if value})
    return HttpRequest("GET", f"{address(credentials)}{_ENDPOINTS}?{query}", authorization(credentials))


def list_outcome(result: HttpResponse | NoResponse) -> Endpoints | LookupFailed:
    """One page of endpoints."""
    page = read_list(result)
    if isinstance(page, LookupFailed):
        return _explained(result, page)
    return Endpoints(tuple(map(_endpoint, page[0])), page[1])


def register_request(url: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``POST /v1/webhooks``; the answer has the secret, which is shown once."""
    return _write("POST", "", {"url": url, "events": EVENTS}, credentials, key)


def enable_request(endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``PATCH /v1/webhooks/{id}``: active again, with all of ``EVENTS``."""
    return _write("PATCH", _path(endpoint_id), {"events": EVENTS, "status": "active"}, credentials, key)


def rotate_request(endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``POST …/rotate-secret``; the answer has the new secret, which is shown once."""
    return _write("POST", _path(endpoint_id, "rotate-secret"), None, credentials, key)


def test_request(endpoint_id: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``POST …/test``: one signed event without data, even if the endpoint is paused."""
    return _write("POST", _path(endpoint_id, "test"), {"event_type": _TESTED}, credentials, key)


def replay_request(endpoint_id: str, since: str, until: str, *, credentials: Credentials, key: str) -> HttpRequest:
    """``POST …/replay``: repeats the deliveries that failed between these times (RFC 3339)."""
    return _write("POST", _path(endpoint_id, "replay"), {"since": since, "until": until}, credentials, key)


def refusal(result: HttpResponse | NoResponse) -> LookupFailed | None:
    """Why a request failed; None for success."""
    if isinstance(result, HttpResponse) and HTTPStatus.OK <= result.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    failed = answers.json_answer(result)
    return _explained(result, failed if isinstance(failed, LookupFailed) else LookupFailed(reason="no success"))


def secret(result: HttpResponse | NoResponse) -> str | LookupFailed:
    """The signing secret in the answer to a registration or a rotation."""
    value = parsing.text(_body(result).get("secret"))
    return refusal(result) or value or LookupFailed(reason="the answer has no secret")


def test_outcome(result: HttpResponse | NoResponse) -> str | LookupFailed:
    """The status of our answer if it was a 2xx, else a failure with what Bird received."""
    if failed := refusal(result):
        return failed
    answer = _body(result)
    status, error_text = (parsing.text(answer.get(name)) for name in ("response_status_code", "error"))
    if answer.get("status") == "delivered":
        return status or "2xx"
    reason = f"the endpoint answered {status or 'nothing'}"
    return LookupFailed(reason=f"{reason} ({error_text})" if error_text else reason)


def _endpoint(item: Mapping[str, object]) -> Endpoint:
    """Only a paused endpoint gets nothing; unfamiliar states deliver."""
    events, state = item.get("events"), parsing.text(item.get("status")) or "unknown"
    subscribed = set(events) if isinstance(events, list) and all(isinstance(each, str) for each in events) else set()
    return Endpoint(
        endpoint_id=parsing.text(item.get("id")) or "",
        url=parsing.text(item.get("url")) or "",
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
    """The failure with Bird's own error added, if there is one."""
    if not isinstance(result, HttpResponse):
        return failed
    answer = error(result.body)
    details = ": ".join(filter(None, (answer.code or answer.name, parsing.masked(answer.message))))
    return LookupFailed(reason=f"{failed.reason} {details}".strip(), retry_after=failed.retry_after)
