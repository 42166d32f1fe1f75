"""MessageBird (rest.messagebird.com): its words, its error codes, its requests and its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import quote

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.matching import Sought
from sms_tracker.domain.outbound import (
    Accepted,
    Fault,
    LookupFailed,
    NoSuchMessage,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
    SendOutcome,
)
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.segments import Encoding
from sms_tracker.domain.status import Status
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Listed
from sms_tracker.providers.messagebird import report as messagebird_report
from sms_tracker.providers.messagebird import search as messagebird_list
from sms_tracker.providers.messagebird.webhook import MessageBirdWebhooks

API_URL = "https://rest.messagebird.com"
DELIVERY_ERRORS_PAGE = (
    "https://docs.bird.com/api/channels-api/message-status-and-interactions"
    "/message-failure-sources/sms-platform-extended-error-codes"
)

SEND_ERRORS: dict[str, tuple[Fault, Category, Reason]] = {
    "2": (Fault.ACCOUNT, Category.PERMANENT, Reason.ACCOUNT),
    "9": (Fault.CALLER, Category.PERMANENT, Reason.UNKNOWN),
    "10": (Fault.CALLER, Category.PERMANENT, Reason.UNKNOWN),
    "20": (Fault.ACCOUNT, Category.PERMANENT, Reason.ACCOUNT),
    "21": (Fault.CALLER, Category.PERMANENT, Reason.UNKNOWN),
    "25": (Fault.ACCOUNT, Category.TEMPORARY, Reason.ACCOUNT),
    "98": (Fault.ACCOUNT, Category.PERMANENT, Reason.ACCOUNT),
}
"""Codes of a refused request. 99 is not here: an internal error says nothing about what was done."""

SENDERS = {
    **parsing.NUMBERS,
    "at most 11 letters, digits and inner spaces with at least one letter": (
        r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9 ]{0,9}[A-Za-z0-9])?"
    ),
}
"""https://developers.messagebird.com/api/sms-messaging/, ``originator``."""

PARAMETERS: dict[str, tuple[Fault, Reason]] = {
    "originator": (Fault.SENDER, Reason.SENDER_REJECTED),
    "recipient": (Fault.CALLER, Reason.INVALID_RECIPIENT),
    "recipients": (Fault.CALLER, Reason.INVALID_RECIPIENT),
    "body": (Fault.CALLER, Reason.UNKNOWN),
    "validity": (Fault.CALLER, Reason.UNKNOWN),
}
"""The ``parameter`` that a caller's error names, where it says more than the code: what the caller supplies."""

OTHER_PARAMETER = (Fault.ACCOUNT, Reason.ACCOUNT)
"""Every other parameter (``reportUrl``, ``reference``, ``datacoding`` …) is our own."""

INTERNAL_ERROR = "99"
NOT_FOUND = "20"
_SUCCESS = range(200, 300)
_REFUSAL = frozenset(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_ABOUT_THE_MESSAGE = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_DATACODING = {Encoding.GSM_7: "plain", Encoding.UCS_2: "unicode"}


@dataclass(frozen=True, slots=True)
class _Error:
    code: str | None = None
    description: str | None = None
    parameter: str | None = None


class MessageBird(MessageBirdWebhooks):
    """The adapter; see docs/providers/messagebird.md for what each table's line rests on."""

    senders = SENDERS

    def report(self, fields: Mapping[str, str], *, received_at: str) -> Report:
        """See :mod:`sms_tracker.providers.messagebird.report`."""
        return messagebird_report.read(fields, provider=self.name, received_at=received_at)

    def status(self, word: str, code: str | None) -> Status | None:  # noqa: ARG002  # codes never change a status here
        return messagebird_report.STATUSES.get(word)

    def knows(self, word: str) -> bool:
        return word in messagebird_report.STATUSES

    def page(self, code: str, status: Status) -> str | None:  # noqa: ARG002  # one page lists them all
        """Only codes of delivery have one: those of a refused request are others under the same numbers."""
        return DELIVERY_ERRORS_PAGE if status in messagebird_report.FAILED_STATUSES else None

    def meaning(self, word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
        fields = {"status": word, "statusErrorCode": code or "", "statusReason": text or ""}
        report = self.report(fields, received_at="")
        return report.status, report.failure

    def send_request(self, message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:
        """Status reports are only sent for a message with both a ``reference`` and a ``reportUrl``."""
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

    def send_outcome(self, result: HttpResponse | NoResponse) -> SendOutcome:
        """Only a 4xx is a no. A redirect (303 means done), a 408 or a 5xx may hide a message that was sent."""
        if isinstance(result, NoResponse):
            return OutcomeUnknown(reason=result.reason) if result.written else NotProcessed(reason=result.reason)
        if result.status in _SUCCESS:
            return _accepted(result)
        if result.status in _REFUSAL:
            return _refused(result)
        if result.status == HTTPStatus.TOO_MANY_REQUESTS:
            return NotProcessed(
                reason="HTTP 429", code=_error(result.body).code, retry_after=parsing.seconds(result.headers)
            )
        return OutcomeUnknown(reason=f"HTTP {result.status}")

    def lookup_request(self, provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
        """``GET /messages/{id}``."""
        path = quote(provider_message_id, safe="", errors="replace").replace(".", "%2E")  # none is a ``..``
        return HttpRequest("GET", f"{_base(credentials)}/messages/{path}", _headers(credentials))

    def search_request(self, sought: Sought, *, credentials: Credentials, page: str | None) -> HttpRequest:  # noqa: ARG002 - see messagebird_list
        """``GET /messages?limit=&offset=``: the newest first, whoever they are for."""
        query = f"limit={messagebird_list.PAGE_SIZE}&offset={page or 0}"
        return HttpRequest("GET", f"{_base(credentials)}/messages?{query}", _headers(credentials))

    def search_outcome(self, result: HttpResponse | NoResponse, *, sought: Sought) -> Listed | LookupFailed:
        """What carries one of our references."""
        if isinstance(result, NoResponse):
            return LookupFailed(reason=result.reason)
        if result.status != HTTPStatus.OK:
            return LookupFailed(reason=f"HTTP {result.status}", retry_after=parsing.seconds(result.headers))
        return messagebird_list.read(parsing.json_object(result.body), sought)

    def lookup_outcome(
        self, result: HttpResponse | NoResponse, *, received_at: str
    ) -> Report | NoSuchMessage | LookupFailed:
        """Only MessageBird's own *not found* counts as one: any proxy can answer 404."""
        if isinstance(result, NoResponse):
            return LookupFailed(reason=result.reason)
        if result.status == HTTPStatus.NOT_FOUND and _error(result.body).code == NOT_FOUND:
            return NoSuchMessage()
        if result.status != HTTPStatus.OK:
            return LookupFailed(reason=f"HTTP {result.status}", retry_after=parsing.seconds(result.headers))
        answer = parsing.json_object(result.body)
        message_id, recipient = parsing.text(answer.get("id")), _recipient(answer)
        if message_id is None or parsing.text(recipient.get("status")) is None:
            return LookupFailed(reason="the answer names no message or no recipient's status")
        fields = {**parsing.flat(recipient), "id": message_id}
        return replace(self.report(fields, received_at=received_at), source=Source.LOOKUP)


def _accepted(result: HttpResponse) -> Accepted | OutcomeUnknown:
    """An id is an acceptance. A status of failure beside it is the provider's word, and is kept as such."""
    answer = parsing.json_object(result.body)
    message_id, recipient = parsing.text(answer.get("id")), _recipient(answer)
    if message_id is None:
        return OutcomeUnknown(reason=f"HTTP {result.status} without a message id")
    word = parsing.text(recipient.get("status"))
    code, text = (parsing.text(recipient.get(name)) for name in ("statusErrorCode", "statusReason"))
    status, failure = ADAPTER.meaning(word or "", code, text)
    return Accepted(
        provider_message_id=message_id,
        word=word or "accepted",
        status=status or Status.ACCEPTED,
        failure=failure,
        occurred=messagebird_report.moment(parsing.text(recipient.get("statusDatetime"))),
        warning=None if status else "the answer has no known status for the recipient",
    )


def _refused(result: HttpResponse) -> Refused | OutcomeUnknown:
    error = _error(result.body)
    if error.code == INTERNAL_ERROR:
        return OutcomeUnknown(reason=f"HTTP {result.status} with an internal error")
    fault, category, reason = SEND_ERRORS.get(error.code or "", _unlisted(result.status))
    if fault is Fault.CALLER and error.parameter:
        fault, reason = PARAMETERS.get(_plain(error.parameter), OTHER_PARAMETER)
    return Refused(
        failure=Failure(category=category, reason=reason, code=error.code, message=parsing.masked(error.description)),
        fault=fault,
    )


def _plain(parameter: str) -> str:
    """A parameter's name without case and place: ``Recipients[0]`` is ``recipients``."""
    return re.split(r"[.\[]", parameter, maxsplit=1)[0].strip().lower()


def _unlisted(status: int) -> tuple[Fault, Category, Reason]:
    """400 and 422 judge the message; every other refusal is about who asks, or about whom (a wrong ``api_url``)."""
    if status in _ABOUT_THE_MESSAGE:
        return Fault.CALLER, Category.UNKNOWN, Reason.UNKNOWN
    return Fault.ACCOUNT, Category.UNKNOWN, Reason.ACCOUNT


def _error(body: bytes) -> _Error:
    errors = parsing.json_object(body).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return _Error()
    return _Error(*(parsing.text(first.get(name)) for name in ("code", "description", "parameter")))


def _recipient(answer: Mapping[str, object]) -> dict[str, object]:
    """The one recipient that a message of ours has, or an empty one where the answer names none."""
    recipients = answer.get("recipients")
    items = recipients.get("items") if isinstance(recipients, dict) else None
    first = items[0] if isinstance(items, list) and items else None
    return first if isinstance(first, dict) else {}


def _base(credentials: Credentials) -> str:
    return (credentials.get("api_url") or API_URL).rstrip("/")


def _headers(credentials: Credentials) -> dict[str, str]:
    key = credentials.get("access_key", "")
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise Misconfigured("messagebird: access_key is missing or malformed")
    if flaw := parsing.key_flaw(key):
        raise Misconfigured(f"messagebird: access_key {flaw}")
    return {"authorization": f"AccessKey {key}", "accept": "application/json"}


ADAPTER = MessageBird()
