"""AWS's events, published to the topic of a configuration set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import phonenumbers
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.simulators import segments
from local.simulators.callback_sender import Outgoing, RetryPolicy
from local.simulators.ledger import Charge, Message
from local.simulators.scenario import Step

FINAL = ".final"
"""The end of a final word."""
_PRICE, _FEE = Decimal("0.00581"), Decimal("0.00302")
"""US dollars for each part of a message."""
_DESCRIPTIONS = {
    "QUEUED": "Message is queued for delivery",
    "PENDING": "Message is pending delivery",
    "SUCCESSFUL": "Message has been accepted by phone carrier",
    "DELIVERED": "Message has been accepted by phone",
    "TTL_EXPIRED": "Message expired before it was handed to the carrier",
    "UNREACHABLE": "Phone is currently unreachable/unavailable",
    "CARRIER_UNREACHABLE": "Phone carrier is currently unreachable/unavailable",
    "CARRIER_BLOCKED": "Phone carrier has blocked this message",
}
_RETRY_POLICY = RetryPolicy(retries=4, retried=frozenset({"5xx", "ct", "rt"}), total=60.0)
"""How often AWS repeats a failed Publish is not documented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The account's region, and the topic of its configuration set in the AWS at ``aws_url``.

    Without a topic no event is published. ``access_key`` and ``secret_key`` sign the call that publishes one.
    """

    region: str = "eu-central-1"
    aws_url: str = ""
    topic_arn: str = ""
    access_key: str = "test"
    secret_key: str = "test"  # noqa: S105 - the emulator's root user

    def __post_init__(self) -> None:
        if not self.region or bool(self.aws_url) != bool(self.topic_arn):
            raise ValueError("region cannot be empty, and aws_url and topic_arn go together")


def report(settings: Settings, message: Message, step: Step, *, forged: bool) -> list[Outgoing]:
    """The call that publishes the event of a step; empty without a topic, and for a forged one, which AWS refuses."""
    return [] if forged else _published(settings, event(message, step))


def charge(message: Message) -> Charge:
    """Price and carrier fee of all parts, as in every event."""
    return Charge(segments.count(message.body) * (_PRICE + _FEE), "USD")


def reply(settings: Settings, message: Message, *, forged: bool) -> list[Outgoing]:
    """The call that publishes a text to one of our numbers; empty in the same cases."""
    received = {
        "originationNumber": message.sender,
        "destinationNumber": message.to,
        "messageKeyword": "KEYWORD_" + message.to.lstrip("+"),
        "messageBody": message.body,
        "inboundMessageId": message.id,
    }
    return [] if forged else _published(settings, received)


def _published(settings: Settings, message: Mapping[str, Any]) -> list[Outgoing]:
    if not settings.topic_arn:
        return []
    call = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": settings.topic_arn}
    body = urlencode(call | {"Message": json.dumps(message)})
    url = f"{settings.aws_url.rstrip('/')}/"
    form = {"content-type": "application/x-www-form-urlencoded"}
    request = AWSRequest(method="POST", url=url, headers=form, data=body)
    SigV4Auth(Credentials(settings.access_key, settings.secret_key), "sns", settings.region).add_auth(request)
    signed = {name.lower(): str(value) for name, value in request.headers.items()}
    return [Outgoing(method="POST", url=url, headers=signed, body=body.encode(), retry_policy=_RETRY_POLICY)]


def event(message: Message, step: Step) -> dict[str, Any]:
    """One event, as a configuration set publishes it."""
    parts, word = segments.count(message.body), step.word.removesuffix(FINAL)
    return {
        "eventType": f"TEXT_{word}",
        "eventVersion": "1.0",
        "eventTimestamp": int(message.step_at.timestamp() * 1000),
        "isFinal": step.word.endswith(FINAL),
        "originationPhoneNumber": message.sender,
        "destinationPhoneNumber": message.to,
        "isoCountryCode": phonenumbers.region_code_for_number(phonenumbers.parse(message.to)) or "",
        "isInternationalSend": False,
        "mcc": "204",
        "mnc": "08",
        "carrierName": "Simulator",
        "messageId": message.id,
        "messageRequestTimestamp": int(message.taken_at.timestamp() * 1000),
        "messageEncoding": "GSM" if segments.plain(message.body) else "Unicode",
        "messageType": message.extra["message_type"],
        "messageStatus": word,
        "messageStatusDescription": _DESCRIPTIONS.get(word, "Message has an undocumented status"),
        "context": message.extra["context"],
        "totalMessageParts": parts,
        "totalMessagePrice": float(parts * _PRICE),
        "totalCarrierFee": float(parts * _FEE),
        **message.script.fields,
    }
