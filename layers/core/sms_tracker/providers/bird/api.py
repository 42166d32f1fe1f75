"""Bird (platform of 2026): its requests and answers. The API key contains the region, which decides the address."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from sms_tracker.domain.errors import FieldError, InvalidMessage, Misconfigured
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import (
    Candidate,
    LookupFailed,
    NoSuchMessage,
    OutboundMessage,
    OutcomeUnknown,
    SearchCriteria,
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
"""``validity_period``, a preview feature. Organizations without it get SMSUnsupportedFeature."""
PRICE = True
IDEMPOTENCY = Idempotency(seconds=3600, replayed="idempotency-replay")
"""Bird keeps a key for about three hours."""

NOT_FOUND = "not_found_error"
PAGE_SIZE = 100

_CLIENT_CLOSED_REQUEST = 499
_OUTCOME_UNKNOWN = {HTTPStatus.CONFLICT, _CLIENT_CLOSED_REQUEST}
"""Not refusals: with a conflict, the first request under this idempotency key is running or was carried out."""


def send_request(message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:  # noqa: ARG001 - see below
    """``POST /v1/sms/messages``: for one attempt always the same bytes under the same ``Idempotency-Key``.

    Reports go to the endpoint registered at Bird, not to ``callback_url``; they return id, attempt and token in
    ``metadata``. The category is the message's, else the credentials'.
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
    """As for every provider, except for one 503 with which nothing was sent."""
    if isinstance(result, HttpResponse) and result.status == HTTPStatus.SERVICE_UNAVAILABLE:
        code = error(result.body).code
        if code == KEY_STORE_DOWN:
            return answers.not_processed(result, code)
    return answers.send_outcome(result, accepted=_accepted, refused=_refused)


def _accepted(response: HttpResponse) -> SendOutcome:
    answer = parsing.json_object(response.body)
    word, last_error = parsing.text(answer.get("status")), part(answer, "last_error")
    code, text = (parsing.text(last_error.get(name)) for name in ("code", "description"))
    return answers.accepted(parsing.text(answer.get("id")), word, meaning(word or "", code, text), moment(answer))


def _refused(response: HttpResponse) -> SendOutcome:
    answer = error(response.body)
    if response.status in _OUTCOME_UNKNOWN:
        return OutcomeUnknown(reason=" ".join(filter(None, (f"HTTP {response.status}", answer.code))))
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return answers.not_processed(response, answer.code)
    return refused(response)


def lookup_request(provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
    """``GET /v1/sms/messages/{id}``."""
    url = f"{address(credentials)}{MESSAGES}/{parsing.path_part(provider_message_id)}"
    return HttpRequest("GET", url, authorization(credentials))


def lookup_outcome(result: HttpResponse | NoResponse, *, received_at: str) -> Report | NoSuchMessage | LookupFailed:
    """A 404 counts only with Bird's own error type: any proxy can answer 404."""
    if isinstance(result, HttpResponse) and (result.status, error(result.body).kind) == (
        HTTPStatus.NOT_FOUND,
        NOT_FOUND,
    ):
        return NoSuchMessage()
    answer = answers.json_answer(result)
    if isinstance(answer, LookupFailed):
        return answer
    report = record_report(answer, received_at=received_at)
    return report or LookupFailed(reason="the answer has no message id or no status")


def search_request(criteria: SearchCriteria, *, credentials: Credentials, page: str | None) -> HttpRequest:
    """``GET /v1/sms/messages``: the messages to this recipient in this time, newest first."""
    query = {
        "direction": "outbound",
        "to": criteria.to,
        "created_after": criteria.since,
        "created_before": criteria.until,
        "limit": PAGE_SIZE,
    }
    cursor = {} if page is None else {"starting_after": page}
    url = f"{address(credentials)}{MESSAGES}?{urlencode(query | cursor)}"
    return HttpRequest("GET", url, authorization(credentials))


def search_outcome(result: HttpResponse | NoResponse, *, criteria: SearchCriteria) -> Listed | LookupFailed:
    """The messages with our reference in their ``metadata``; without any, the next page."""
    answer = answers.json_answer(result)
    if isinstance(answer, LookupFailed):
        return answer
    records, following = answer.get("data"), answer.get("next_cursor", "")
    if not isinstance(records, list) or not (following is None or (isinstance(following, str) and following)):
        return answers.NOT_A_LIST
    ids = [parsing.text(record.get("id")) if isinstance(record, dict) else None for record in records]
    if None in ids:
        return answers.NOT_A_LIST
    ours = tuple(
        Candidate(provider_message_id=provider_id, created=_created(record), certain=True)
        for provider_id, record in zip(ids, records, strict=True)
        if provider_id and _reference(record) in criteria.references
    )
    return Listed(ours, None if ours else following)


def read_list(result: HttpResponse | NoResponse) -> tuple[list[dict[str, object]], str | None] | LookupFailed:
    """One page of any other list: its objects and the next cursor."""
    answer = answers.json_answer(result)
    if isinstance(answer, LookupFailed):
        return answer
    objects = answer.get("data")
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        return LookupFailed(reason="the answer is no list")
    return objects, parsing.text(answer.get("next_cursor"))


def _reference(record: Mapping[str, object]) -> str:
    metadata = part(record, "metadata")
    return reference(*(parsing.text(metadata.get(name)) or "" for name in ("message_id", "token")))


def _created(record: Mapping[str, object]) -> str | None:
    return parsing.rfc3339(parsing.text(record.get("created_at")))


def authorization(credentials: Credentials) -> dict[str, str]:
    """The headers of every request; raises ``Misconfigured`` without a usable key."""
    return {"authorization": f"Bearer {_key(credentials)}", "accept": "application/json"}


def address(credentials: Credentials) -> str:
    """The base of every URL: ``api_url``, or that of the key's region; raises ``Misconfigured``."""
    region = re.sub(KEY_FORM, r"\1", _key(credentials))
    return (setting(credentials, "api_url") or API_URL.format(region=region)).rstrip("/")


def _key(credentials: Credentials) -> str:
    key = setting(credentials, "api_key")
    if not key:
        raise Misconfigured("bird credentials lack api_key")
    if flaw := flaws({"api_key": key}).get("api_key"):
        raise Misconfigured(f"bird: api_key {flaw}")
    return key
