"""The built-in provider: the request that sends, and its answers. ``numbers.py`` answers inside the service."""

from __future__ import annotations

import json
from http import HTTPStatus

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import Fault, NotProcessed, OutboundMessage, OutcomeUnknown, Refused, SendOutcome
from sms_tracker.domain.status import Category, Failure, Reason
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.base import Credentials
from sms_tracker.providers.test.report import failure, meaning

URL = "https://test.invalid/messages"
"""``.invalid`` is never in the DNS (RFC 2606), so the request cannot reach anybody."""

SENDERS = {
    **parsing.NUMBERS,
    "any provider's name or id: at most 128 of A-Z a-z 0-9 . _ + & : / - and inner spaces, with a letter": (
        r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+_&-]([A-Za-z0-9 ._+&:/-]{0,126}[A-Za-z0-9._+&-])?"
    ),
}
"""The forms of all providers, so that a test can use the real sender."""

VALIDITY = range(1, 259_201)
CATEGORIES = ("transactional", "marketing", "authentication", "service")
PRICE = False
LOOKUP = False
"""It stores nothing, so a message without a final report ends as ``unknown``."""
IDEMPOTENCY = None

UNAVAILABLE = "unavailable"
"""The code of a temporary refusal."""


def send_request(message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:  # noqa: ARG001 - see below
    """A POST that this service answers itself, without credentials. Its events return id, attempt and token."""
    content = {
        "to": message.to,
        "from": message.sender,
        "body": message.body,
        "validity_seconds": message.validity_seconds,
        "category": message.category,
        "context": {"message_id": message.message_id, "attempt": message.attempt, "token": message.token},
    }
    return HttpRequest("POST", URL, {"content-type": "application/json"}, json.dumps(content).encode())


def send_outcome(result: HttpResponse | NoResponse) -> SendOutcome:
    """As for every provider."""
    return answers.send_outcome(result, accepted=_accepted, refused=_refused)


def _accepted(response: HttpResponse) -> SendOutcome:
    content = parsing.json_object(response.body)
    provider_id, word = parsing.text(content.get("id")), parsing.text(content.get("status"))
    return answers.accepted(provider_id, word, meaning(word or "", None, None), None)


def _refused(response: HttpResponse) -> Refused | NotProcessed | OutcomeUnknown:
    content = parsing.json_object(response.body)
    code, text = parsing.text(content.get("code")), parsing.text(content.get("message"))
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:  # the same for each try of an attempt
        return answers.not_processed(response, code, soon=code != UNAVAILABLE)
    if answers.is_about_message(response):
        return Refused(failure=failure(code, text), fault=Fault.CALLER)
    account = Failure(category=Category.PERMANENT, reason=Reason.ACCOUNT, code=code, message=parsing.masked(text))
    return Refused(failure=account, fault=Fault.ACCOUNT)
