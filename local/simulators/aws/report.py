"""AWS's events: what SNS delivers raw to a queue, put there by SQS's own API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import phonenumbers
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.simulators import segments
from local.simulators.callback_sender import Outgoing, Patience
from local.simulators.ledger import Message
from local.simulators.scenario import Step

FINAL = ".final"
"""What the word of a step ends with after which there is no other."""
_PRICE, _FEE = 0.00581, 0.00302
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
PATIENCE = Patience(retries=4, retried=frozenset({"5xx", "ct", "rt"}), total=60.0)
"""SNS goes on for weeks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The account's region, and where its events go: a queue and the AWS that has it. Without a queue there are none.

    ``access_key`` and ``secret_key`` sign the call that puts an event there.
    """

    region: str = "eu-central-1"
    aws_url: str = ""
    queue_url: str = ""
    access_key: str = "test"
    secret_key: str = "test"  # noqa: S105 - the emulator's root user

    def __post_init__(self) -> None:
        if not self.region or bool(self.aws_url) != bool(self.queue_url):
            raise ValueError("region cannot be empty, and aws_url and queue_url go together")


def report(settings: Settings, message: Message, step: Step, *, forged: bool) -> Outgoing | None:
    """The event of a step on its way; None without a queue, and for a forged one, which the queue's policy refuses."""
    if forged or not settings.queue_url:
        return None
    body = json.dumps({"QueueUrl": settings.queue_url, "MessageBody": json.dumps(event(message, step))})
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessage"}
    url = f"{settings.aws_url.rstrip('/')}/"
    request = AWSRequest(method="POST", url=url, headers=headers, data=body)
    SigV4Auth(Credentials(settings.access_key, settings.secret_key), "sqs", settings.region).add_auth(request)
    signed = {name.lower(): str(value) for name, value in request.headers.items()}
    return Outgoing(method="POST", url=url, headers=signed, body=body.encode(), patience=PATIENCE)


def event(message: Message, step: Step) -> dict[str, Any]:
    """The JSON of one event, as SNS carries it."""
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
        "messageStatusDescription": _DESCRIPTIONS.get(word, "Message has a status that no documentation has"),
        "context": message.extra["context"],
        "totalMessageParts": parts,
        "totalMessagePrice": round(parts * _PRICE, 5),
        "totalCarrierFee": round(parts * _FEE, 5),
        **message.script.fields,
    }
