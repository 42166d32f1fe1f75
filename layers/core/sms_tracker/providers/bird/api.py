"""Bird (platform of 2026): its requests and its answers. The key names the region, and with it the address."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from urllib.parse import quote, urlencode

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.matching import Candidate, Sought
from sms_tracker.domain.outbound import (
    Accepted,
    LookupFailed,
    NoSuchMessage,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    SendOutcome,
)
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Status
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Listed
from sms_tracker.providers.bird.codes import KEY_STORE_DOWN, error, refused
from sms_tracker.providers.bird.report import record_report
from sms_tracker.providers.bird.webhook import CATEGORIES, KEY_FORM, flaws, part, setting

API_URL = "https://{region}.platform.bird.com"

SENDERS = {
    **parsing.NUMBERS,
    "3 to 11 letters, digits and inner spaces, hyphens, underscores and dots with at least one letter": (
        r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 _.-]{1,9}[A-Za-z0-9]"
    ),
}
"""``from`` of the send request: a number, a short code or an alphanumeric sender that the workspace holds."""

NOT_FOUND = "not_found_error"
PAGE_SIZE = 100

_NO_LIST = LookupFailed(reason="the answer is no list of messages")

_SUCCESS = range(200, 300)
_CLIENT_CLOSED_REQUEST = 499
_REFUSAL = frozenset(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, _CLIENT_CLOSED_REQUEST}
"""A conflict is no refusal: the first request under this idempotency key may be running, or was carried out."""


def send_request(message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:  # noqa: ARG001 - see below
    """``POST /v1/sms/messages``: for one attempt always the same bytes under the same ``Idempotency-Key``.

    Reports go to the endpoint that is registered at Bird, not to ``callback_url``: id, attempt and token come back in
    ``metadata``. ``validity_period`` is a preview; an organization outside it is refused (SMSUnsupportedFeature).
    Raises ``Misconfigured`` also where neither message nor credentials name a category: it is never guessed.
    """
    category = message.category or setting(credentials, "category")
    if not category:
        raise Misconfigured(f"bird: no category is set, one of {', '.join(CATEGORIES)}")
    content: dict[str, object] = {
        "to": message.to,
        "from": message.sender,
        "text": message.body,
        "category": category,
        "metadata": _metadata(message),
    }
    if message.validity_seconds is not None:
        content["validity_period"] = message.validity_seconds
    headers = {
        **_headers(credentials),
        "content-type": "application/json",
        "idempotency-key": message.token or f"{message.message_id}.{message.attempt}",
    }
    return HttpRequest("POST", _url(credentials), headers, json.dumps(content).encode())


def send_outcome(result: HttpResponse | NoResponse) -> SendOutcome:
    """Only a listed 4xx is a no. A redirect, 408, 409, 499 or 5xx may hide a message that was sent."""
    if isinstance(result, NoResponse):
        return OutcomeUnknown(reason=result.reason) if result.written else NotProcessed(reason=result.reason)
    if result.status in _SUCCESS:
        return _accepted(result)
    answer, reason = error(result.body), f"HTTP {result.status}"
    key_store_down = result.status == HTTPStatus.SERVICE_UNAVAILABLE and answer.code == KEY_STORE_DOWN
    if key_store_down or result.status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotProcessed(reason=reason, code=answer.code, retry_after=parsing.seconds(result.headers))
    if result.status in _REFUSAL:
        return refused(result.status, answer)
    return OutcomeUnknown(reason=f"{reason} {answer.code}" if answer.code else reason)


def lookup_request(provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
    """``GET /v1/sms/messages/{id}``."""
    path = quote(provider_message_id, safe="", errors="replace").replace(".", "%2E")  # none is a ``..``
    return HttpRequest("GET", f"{_url(credentials)}/{path}", _headers(credentials))


def lookup_outcome(result: HttpResponse | NoResponse, *, received_at: str) -> Report | NoSuchMessage | LookupFailed:
    """Only Bird's own *not found* counts as one: any proxy can answer 404."""
    if isinstance(result, NoResponse):
        return LookupFailed(reason=result.reason)
    if result.status == HTTPStatus.NOT_FOUND and error(result.body).kind == NOT_FOUND:
        return NoSuchMessage()
    if result.status != HTTPStatus.OK:
        return _failed(result)
    report = record_report(parsing.json_object(result.body), received_at=received_at)
    return report or LookupFailed(reason="the answer names no message or no status")


def search_request(sought: Sought, *, credentials: Credentials, page: str | None) -> HttpRequest:
    """``GET /v1/sms/messages``: what went to this recipient in this time, newest first."""
    query = {
        "direction": "outbound",
        "to": sought.to,
        "created_after": sought.since,
        "created_before": sought.until,
        "limit": PAGE_SIZE,
    }
    cursor = {} if page is None else {"starting_after": page}
    return HttpRequest("GET", f"{_url(credentials)}?{urlencode(query | cursor)}", _headers(credentials))


def search_outcome(result: HttpResponse | NoResponse, *, sought: Sought) -> Listed | LookupFailed:
    """What carries our id in its ``metadata``.

    What cannot be read to its end is no list: it would prove an absence that is not known.
    """
    if isinstance(result, NoResponse):
        return LookupFailed(reason=result.reason)
    if result.status != HTTPStatus.OK:
        return _failed(result)
    answer = parsing.json_object(result.body)
    records, following = answer.get("data"), answer.get("next_cursor", "")
    if not isinstance(records, list) or not (following is None or (isinstance(following, str) and following)):
        return _NO_LIST
    listed = [_candidate(record) for record in records]
    candidates = [each for each in listed if each is not None]
    if len(candidates) < len(listed):
        return _NO_LIST
    ours = tuple(each for each, message_id in candidates if message_id == sought.message_id)
    return Listed(ours, None if ours else following)


def _metadata(message: OutboundMessage) -> dict[str, object]:
    named = {"message_id": message.message_id, "attempt": message.attempt, "token": message.token}
    return {name: value for name, value in named.items() if value is not None}


def _candidate(record: object) -> tuple[Candidate, object] | None:
    """A record of the list and the id of ours that it carries; None where it cannot be read."""
    if not isinstance(record, dict) or (known := parsing.text(record.get("id"))) is None:
        return None
    created = parsing.rfc3339(parsing.text(record.get("created_at")))
    candidate = Candidate(provider_message_id=known, created=created, certain=True)
    return candidate, part(record, "metadata").get("message_id")


def _accepted(result: HttpResponse) -> Accepted | OutcomeUnknown:
    """An id is an acceptance. A status of failure beside it is Bird's word, and is kept as such."""
    answer = parsing.json_object(result.body)
    message_id = parsing.text(answer.get("id"))
    if message_id is None:
        return OutcomeUnknown(reason=f"HTTP {result.status} without a message id")
    report = record_report(answer, received_at="")
    return Accepted(
        provider_message_id=message_id,
        word=report.word if report else "accepted",
        status=(report.status if report else None) or Status.ACCEPTED,
        failure=report.failure if report else None,
        occurred=report.occurred if report else None,
        warning=None if report and report.status else "the answer has no known status of an outbound message",
    )


def _failed(result: HttpResponse) -> LookupFailed:
    return LookupFailed(reason=f"HTTP {result.status}", retry_after=parsing.seconds(result.headers))


def _headers(credentials: Credentials) -> dict[str, str]:
    return {"authorization": f"Bearer {_key(credentials)}", "accept": "application/json"}


def _url(credentials: Credentials) -> str:
    region = re.sub(KEY_FORM, r"\1", _key(credentials))
    base = setting(credentials, "api_url") or API_URL.format(region=region)
    return f"{base.rstrip('/')}/v1/sms/messages"


def _key(credentials: Credentials) -> str:
    key = setting(credentials, "api_key")
    if not key:
        raise Misconfigured("bird credentials lack api_key")
    if flaw := flaws({"api_key": key}).get("api_key"):
        raise Misconfigured(f"bird: api_key {flaw}")
    return key
