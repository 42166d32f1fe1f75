"""Bird (platform of 2026): its requests and its answers. The key names the region, and with it the address."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from sms_tracker.domain.errors import FieldError, InvalidMessage, Misconfigured
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.matching import Candidate, Sought
from sms_tracker.domain.outbound import (
    LookupFailed,
    NoSuchMessage,
    OutboundMessage,
    OutcomeUnknown,
    SendOutcome,
    reference,
)
from sms_tracker.domain.report import Report
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.base import Credentials, Idempotency, Listed
from sms_tracker.providers.bird.codes import KEY_STORE_DOWN, error, refused
from sms_tracker.providers.bird.report import meaning, moment, record_report
from sms_tracker.providers.bird.webhook import CATEGORIES, KEY_FORM, flaws, part, setting

API_URL = "https://{region}.platform.bird.com"
MESSAGES = "/v1/sms/messages"

LOOKUP = True

SENDERS = {
    **parsing.NUMBERS,
    "3 to 11 letters, digits and inner spaces, hyphens, underscores and dots with at least one letter": (
        r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 _.-]{1,9}[A-Za-z0-9]"
    ),
}
"""``from`` of the send request: a number, a short code or an alphanumeric sender that the workspace holds."""

VALIDITY = range(60, 172_801)
"""``validity_period``, a preview: an organization outside it is refused (SMSUnsupportedFeature)."""
PRICE = True
IDEMPOTENCY = Idempotency(seconds=3600, replayed="idempotency-replay")
"""Bird keeps a key for about three hours."""

NOT_FOUND = "not_found_error"
PAGE_SIZE = 100

_CLIENT_CLOSED_REQUEST = 499
_NO_REFUSAL = {HTTPStatus.CONFLICT, _CLIENT_CLOSED_REQUEST}
"""A conflict is no refusal: the first request under this idempotency key may be running, or was carried out."""


def send_request(message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:  # noqa: ARG001 - see below
    """``POST /v1/sms/messages``: for one attempt always the same bytes under the same ``Idempotency-Key``.

    Reports go to the endpoint that is registered at Bird, not to ``callback_url``: id, attempt and token come back in
    ``metadata``. The category is the message's, else the credentials'; it is never guessed.
    """
    url, headers = f"{address(credentials)}{MESSAGES}", authorization(credentials)
    content: dict[str, object] = {
        "to": message.to,
        "from": message.sender,
        "text": message.body,
        "category": _category(message, credentials),
        "metadata": {"message_id": message.message_id, "attempt": message.attempt, "token": message.token},
    }
    if message.validity_seconds is not None:
        content["validity_period"] = message.validity_seconds
    headers |= {"content-type": "application/json", "idempotency-key": message.token}
    return HttpRequest("POST", url, headers, json.dumps(content).encode())


def _category(message: OutboundMessage, credentials: Credentials) -> str:
    category = message.category or setting(credentials, "category")
    if not category:
        raise InvalidMessage([FieldError("category", "is required: bird has no default category here")])
    if category not in CATEGORIES:
        raise Misconfigured(f"bird: category is none of {', '.join(CATEGORIES)}")
    return category


def send_outcome(result: HttpResponse | NoResponse) -> SendOutcome:
    """Bird's one 5xx that promises that nothing was sent, else as for every provider."""
    if isinstance(result, HttpResponse) and result.status == HTTPStatus.SERVICE_UNAVAILABLE:
        code = error(result.body).code
        if code == KEY_STORE_DOWN:
            return answers.not_processed(result, code)
    return answers.send_outcome(result, accepted=_accepted, refused=_refused)


def _accepted(response: HttpResponse) -> SendOutcome:
    """A status of failure beside the id is Bird's word, and is kept as such."""
    answer = parsing.json_object(response.body)
    word, cause = parsing.text(answer.get("status")), part(answer, "last_error")
    code, text = (parsing.text(cause.get(name)) for name in ("code", "description"))
    found = meaning(word or "", code, text)
    return answers.accepted(parsing.text(answer.get("id")), word, found, moment(answer))


def _refused(response: HttpResponse) -> SendOutcome:
    answer = error(response.body)
    if response.status in _NO_REFUSAL:
        return OutcomeUnknown(reason=" ".join(filter(None, (f"HTTP {response.status}", answer.code))))
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return answers.not_processed(response, answer.code)
    return refused(response.status, answer)


def lookup_request(provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
    """``GET /v1/sms/messages/{id}``."""
    url = f"{address(credentials)}{MESSAGES}/{parsing.path_part(provider_message_id)}"
    return HttpRequest("GET", url, authorization(credentials))


def lookup_outcome(result: HttpResponse | NoResponse, *, received_at: str) -> Report | NoSuchMessage | LookupFailed:
    """Only Bird's own *not found* counts as one: any proxy can answer 404."""
    if isinstance(result, HttpResponse) and (result.status, error(result.body).kind) == (
        HTTPStatus.NOT_FOUND,
        NOT_FOUND,
    ):
        return NoSuchMessage()
    answer = answers.record(result)
    if isinstance(answer, LookupFailed):
        return answer
    report = record_report(answer, received_at=received_at)
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
    url = f"{address(credentials)}{MESSAGES}?{urlencode(query | cursor)}"
    return HttpRequest("GET", url, authorization(credentials))


def search_outcome(result: HttpResponse | NoResponse, *, sought: Sought) -> Listed | LookupFailed:
    """The messages with our id and token in their ``metadata``; else the next cursor."""
    answer = answers.record(result)
    if isinstance(answer, LookupFailed):
        return answer
    records, following = answer.get("data"), answer.get("next_cursor", "")
    if not isinstance(records, list) or not (following is None or (isinstance(following, str) and following)):
        return answers.NOT_A_LIST
    ids = [parsing.text(record.get("id")) if isinstance(record, dict) else None for record in records]
    if None in ids:
        return answers.NOT_A_LIST
    ours = tuple(
        Candidate(provider_message_id=known, created=_created(record), certain=True)
        for known, record in zip(ids, records, strict=True)
        if known and _reference(record) in sought.references
    )
    return Listed(ours, None if ours else following)


def _reference(record: Mapping[str, object]) -> str:
    metadata = part(record, "metadata")
    return reference(*(parsing.text(metadata.get(name)) or "" for name in ("message_id", "token")))


def _created(record: Mapping[str, object]) -> str | None:
    return parsing.rfc3339(parsing.text(record.get("created_at")))


def authorization(credentials: Credentials) -> dict[str, str]:
    """The headers of every request; raises ``Misconfigured`` without a usable key."""
    return {"authorization": f"Bearer {_key(credentials)}", "accept": "application/json"}


def address(credentials: Credentials) -> str:
    """The base of every URL: ``api_url``, or the region's; raises ``Misconfigured`` as above."""
    region = re.sub(KEY_FORM, r"\1", _key(credentials))
    return (setting(credentials, "api_url") or API_URL.format(region=region)).rstrip("/")


def _key(credentials: Credentials) -> str:
    key = setting(credentials, "api_key")
    if not key:
        raise Misconfigured("bird credentials lack api_key")
    if flaw := flaws({"api_key": key}).get("api_key"):
        raise Misconfigured(f"bird: api_key {flaw}")
    return key
