"""MessageBird (rest.messagebird.com): the requests that send, look up and search, and their answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import (
    Candidate,
    Fault,
    LookupFailed,
    NoSuchMessage,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
    SearchCriteria,
    SendOutcome,
)
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.status import Category, Failure, Reason
from sms_tracker.domain.text import Encoding
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.base import Credentials, Listed
from sms_tracker.providers.messagebird.report import meaning, moment, report

API_URL = "https://rest.messagebird.com"

LOOKUP = True

SENDERS = {
    **parsing.NUMBERS,
    "at most 11 letters, digits and inner spaces with at least one letter": (
        r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9 ]{0,9}[A-Za-z0-9])?"
    ),
}
"""https://developers.messagebird.com/api/sms-messaging/, ``originator``."""

VALIDITY = range(1, 36_001)
"""``validity``. MessageBird publishes no limit; ten hours are known to be accepted."""
CATEGORIES: tuple[str, ...] = ()
PRICE = True
IDEMPOTENCY = None

SEND_ERRORS: dict[str, tuple[Fault, Category, Reason]] = {
    "2": (Fault.ACCOUNT, Category.PERMANENT, Reason.ACCOUNT),
    "9": (Fault.CALLER, Category.PERMANENT, Reason.UNKNOWN),
    "10": (Fault.CALLER, Category.PERMANENT, Reason.UNKNOWN),
    "20": (Fault.ACCOUNT, Category.PERMANENT, Reason.ACCOUNT),
    "21": (Fault.CALLER, Category.PERMANENT, Reason.UNKNOWN),
    "25": (Fault.ACCOUNT, Category.TEMPORARY, Reason.ACCOUNT),
    "98": (Fault.ACCOUNT, Category.PERMANENT, Reason.ACCOUNT),
}
"""Codes of a refused request. 99 is left out: after an internal error the outcome is unknown."""

PARAMETERS: dict[str, tuple[Fault, Reason]] = {
    "originator": (Fault.SENDER, Reason.SENDER_REJECTED),
    "recipient": (Fault.CALLER, Reason.INVALID_RECIPIENT),
    "recipients": (Fault.CALLER, Reason.INVALID_RECIPIENT),
    "body": (Fault.CALLER, Reason.UNKNOWN),
    "validity": (Fault.CALLER, Reason.UNKNOWN),
}
"""The cause by ``parameter``, for a caller's error. It takes precedence over the code."""

OTHER_PARAMETER = (Fault.ACCOUNT, Reason.ACCOUNT)
"""All other parameters (``reportUrl``, ``reference``, ``datacoding`` …) are our own."""

INTERNAL_ERROR = "99"
NOT_FOUND = "20"
_DATACODING = {Encoding.GSM_7: "plain", Encoding.UCS_2: "unicode"}
_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class _Error:
    code: str | None = None
    description: str | None = None
    parameter: str | None = None


# --- sending


def send_request(message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:
    """``POST /messages``. Status reports are sent only with both a ``reference`` and a ``reportUrl``."""
    content: dict[str, object] = {
        "type": "sms",
        "originator": message.sender.removeprefix("+"),
        "recipients": [message.to.removeprefix("+")],
        "body": message.body,
        "datacoding": _DATACODING[message.encoding],
        "reference": message.reference,
        "reportUrl": callback_url,
    }
    if message.validity_seconds is not None:
        content["validity"] = message.validity_seconds
    headers = {**_headers(credentials), "content-type": "application/json"}
    return HttpRequest("POST", f"{_base(credentials)}/messages", headers, json.dumps(content).encode())


def send_outcome(result: HttpResponse | NoResponse) -> SendOutcome:
    return answers.send_outcome(result, accepted=_accepted, refused=_refused)


def _accepted(response: HttpResponse) -> SendOutcome:
    answer = parsing.json_object(response.body)
    recipient = _recipient(answer)
    word, at = parsing.text(recipient.get("status")), moment(parsing.text(recipient.get("statusDatetime")))
    code, text = (parsing.text(recipient.get(name)) for name in ("statusErrorCode", "statusReason"))
    return answers.accepted(parsing.text(answer.get("id")), word, meaning(word or "", code, text), at)


def _refused(response: HttpResponse) -> SendOutcome:
    error = _error(response)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return answers.not_processed(response, error.code)
    if error.code == INTERNAL_ERROR:
        return OutcomeUnknown(reason=f"HTTP {response.status} with an internal error")
    fault, category, reason = SEND_ERRORS.get(error.code or "", _unlisted(response))
    if fault is Fault.CALLER and error.parameter:
        fault, reason = PARAMETERS.get(parsing.parameter_name(error.parameter), OTHER_PARAMETER)
    message = parsing.masked(error.description)
    return Refused(failure=Failure(category=category, reason=reason, code=error.code, message=message), fault=fault)


def _error(response: HttpResponse) -> _Error:
    errors = parsing.json_object(response.body).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return _Error()
    return _Error(*(parsing.text(first.get(name)) for name in ("code", "description", "parameter")))


def _unlisted(response: HttpResponse) -> tuple[Fault, Category, Reason]:
    if answers.is_about_message(response):
        return Fault.CALLER, Category.UNKNOWN, Reason.UNKNOWN
    return Fault.ACCOUNT, Category.UNKNOWN, Reason.ACCOUNT


def _recipient(answer: Mapping[str, object]) -> dict[str, object]:
    """The one recipient of our message; empty if the answer has none."""
    recipients = answer.get("recipients")
    items = recipients.get("items") if isinstance(recipients, dict) else None
    first = items[0] if isinstance(items, list) and items else None
    return first if isinstance(first, dict) else {}


# --- looking up one message


def lookup_request(provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
    """``GET /messages/{id}``."""
    url = f"{_base(credentials)}/messages/{parsing.path_part(provider_message_id)}"
    return HttpRequest("GET", url, _headers(credentials))


def lookup_outcome(result: HttpResponse | NoResponse, *, received_at: str) -> Report | NoSuchMessage | LookupFailed:
    """A 404 counts only with MessageBird's own code: any proxy can answer 404."""
    if isinstance(result, HttpResponse) and (result.status, _error(result).code) == (HTTPStatus.NOT_FOUND, NOT_FOUND):
        return NoSuchMessage()
    answer = answers.json_answer(result)
    if isinstance(answer, LookupFailed):
        return answer
    message_id, recipient = parsing.text(answer.get("id")), _recipient(answer)
    if message_id is None or parsing.text(recipient.get("status")) is None:
        return LookupFailed(reason="the answer has no message id or no recipient's status")
    fields = {**parsing.flat(recipient), "id": message_id}
    return replace(report(fields, received_at=received_at), source=Source.LOOKUP)


# --- searching the list for a send with a lost answer


def search_request(criteria: SearchCriteria, *, credentials: Credentials, page: str | None) -> HttpRequest:  # noqa: ARG001 - the list has no filters
    """``GET /messages?limit=&offset=``, newest first. The list has no filters."""
    url = f"{_base(credentials)}/messages?limit={_PAGE_SIZE}&offset={page or 0}"
    return HttpRequest("GET", url, _headers(credentials))


def search_outcome(result: HttpResponse | NoResponse, *, criteria: SearchCriteria) -> Listed | LookupFailed:
    """The message with our reference; without one the next page, unless all of this page is too old."""
    answer = answers.json_answer(result)
    if isinstance(answer, LookupFailed):
        return answer
    items = answer.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return answers.NOT_A_LIST
    ours = tuple(
        Candidate(provider_message_id=provider_id, created=_created(record), certain=True)
        for record in items
        if parsing.text(record.get("reference")) in criteria.references
        and (provider_id := parsing.text(record.get("id")))
    )
    if ours or answers.are_older([_created(record) for record in items], criteria):
        return Listed(ours, None)
    offset, total = answer.get("offset"), answer.get("totalCount")
    if not isinstance(offset, int) or not isinstance(total, int):
        return answers.NOT_A_LIST
    following = offset + len(items)
    return Listed((), str(following) if items and following < total else None)


def _created(record: Mapping[str, object]) -> str | None:
    return parsing.rfc3339(parsing.text(record.get("createdDatetime")))


# --- the account


def _base(credentials: Credentials) -> str:
    return (credentials.get("api_url") or API_URL).rstrip("/")


def _headers(credentials: Credentials) -> dict[str, str]:
    key = credentials.get("access_key", "")
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise Misconfigured("messagebird: access_key is missing or malformed")
    if flaw := parsing.key_flaw(key):
        raise Misconfigured(f"messagebird: access_key {flaw}")
    return {"authorization": f"AccessKey {key}", "accept": "application/json"}
