"""AWS End User Messaging SMS (``pinpoint-sms-voice-v2``): the request that sends, and its answers."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse, SigningScope
from sms_tracker.domain.outbound import OutboundMessage, OutcomeUnknown, Refused, SendOutcome
from sms_tracker.domain.status import Failure, Status
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.aws.codes import NOT_PROCESSED, cause_of
from sms_tracker.providers.aws.webhook import flaws
from sms_tracker.providers.base import Credentials

VALIDITY = range(5, 259_201)
"""``TimeToLive``, in seconds."""
LOOKUP = False
"""AWS has no operation that reads or lists messages."""
CATEGORIES: tuple[str, ...] = ()
PRICE = True
IDEMPOTENCY = None

SERVICE, TARGET = "sms-voice", "PinpointSMSVoiceV2.SendTextMessage"
DEFAULT_TYPE = "TRANSACTIONAL"

_ID = "[0-9a-f]{32}"
_NAME = "[A-Za-z0-9_-]"
SENDERS = {
    **parsing.NUMBERS,
    "at most 11 of A-Z a-z 0-9 _ - with at least one letter": rf"(?=[^A-Za-z]*[A-Za-z]){_NAME}{{1,11}}",
    "the id of a phone number or a pool (phone-… or pool-… and 32 hexadecimal digits)": f"(phone|pool)-{_ID}",
    "the ARN of a phone number, a pool or a sender id": (
        "arn:aws[a-z-]*:sms-voice:[a-z0-9-]+:[0-9]{12}:"
        rf"(phone-number/phone-{_ID}|pool/pool-{_ID}|sender-id/{_NAME}{{1,11}}/[A-Z]{{2}})"
    ),
}
"""``OriginationIdentity`` and ``SenderId`` in the service model; the ids as the API reference shows them."""


def send_request(message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:  # noqa: ARG001 - see below
    """An unsigned POST to ``/``, with ``sign_for``.

    ``credentials`` are settings from the template without secrets. The configuration set decides where events go, not
    ``callback_url``; they return id, attempt, token and ``carrier_accepted`` in their ``context``.
    """
    for name, flaw in flaws(credentials).items():
        raise Misconfigured(f"aws: {name} {flaw}")
    region = _setting(credentials, "sms_region", "[a-z0-9-]+")
    context = {"message_id": message.message_id, "attempt": str(message.attempt), "token": message.token}
    if countries := credentials.get("carrier_accepted"):
        context["carrier_accepted"] = countries
    content: dict[str, object] = {
        "DestinationPhoneNumber": message.to,
        "OriginationIdentity": message.sender,
        "MessageBody": message.body,
        "MessageType": credentials.get("message_type") or DEFAULT_TYPE,
        "ConfigurationSetName": _setting(credentials, "configuration_set", "[A-Za-z0-9_:/-]{1,256}"),
        "Context": context,
    }
    if message.validity_seconds is not None:
        content["TimeToLive"] = message.validity_seconds
    base = (credentials.get("api_url") or f"https://{SERVICE}.{region}.amazonaws.com").rstrip("/")
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": TARGET}
    return HttpRequest("POST", f"{base}/", headers, json.dumps(content).encode(), SigningScope(region, SERVICE))


def _setting(credentials: Credentials, name: str, form: str) -> str:
    value = credentials.get(name, "")
    if not re.fullmatch(form, value):
        raise Misconfigured(f"aws: {name} is missing or malformed")
    return value


def send_outcome(result: HttpResponse | NoResponse) -> SendOutcome:
    """As for every provider, except that a 400 may be a throttled request or an internal error."""
    return answers.send_outcome(result, accepted=_accepted, refused=_refused)


def _accepted(response: HttpResponse) -> SendOutcome:
    """The answer has only an id."""
    message_id = parsing.text(parsing.json_object(response.body).get("MessageId"))
    return answers.accepted(message_id, "ACCEPTED", (Status.ACCEPTED, None), None)


def _refused(response: HttpResponse) -> SendOutcome:
    """The code is the ``Reason``, or without one the exception."""
    answer = parsing.json_object(response.body)
    exception = (parsing.text(answer.get("__type")) or "").rpartition("#")[2].partition(":")[0]
    reason = parsing.text(answer.get("Reason"))
    code = reason or exception or None
    if exception == "InternalServerException":
        return OutcomeUnknown(reason=f"HTTP {response.status} with an internal error")
    if exception in NOT_PROCESSED or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return answers.not_processed(response, code, soon=NOT_PROCESSED.get(exception, True))
    resource = parsing.text(answer.get("ResourceType"))
    fault, category, cause = cause_of(exception, reason, field=_field(answer.get("Fields")), resource=resource)
    message = parsing.text(answer.get("Message")) or parsing.text(answer.get("message"))
    failure = Failure(category=category, reason=cause, code=code, message=parsing.masked(message))
    return Refused(failure=failure, fault=fault)


def _field(fields: object) -> str | None:
    first = fields[0] if isinstance(fields, list) and fields else None
    return parsing.text(first.get("Name")) if isinstance(first, dict) else None
