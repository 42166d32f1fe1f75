"""MessageBird's status reports: query or JSON, and its three generations of signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit
from uuid import uuid4

import jwt

from local.simulators import segments
from local.simulators.base import Document, Reported
from local.simulators.callback_sender import ALL, Outgoing, RetryPolicy
from local.simulators.ledger import Charge, Message
from local.simulators.scenario import Step

_CHOICES = {
    "signature": {"jwt", "legacy", "bird"},
    "algorithm": {"HS256", "HS384", "HS512"},
    "method": {"GET", "POST"},
}
_JWT_SECONDS, _DAY = 60, 86400
_PRICE, _CURRENCY = Decimal("0.07"), "EUR"
_RETRY_POLICY = RetryPolicy(retries=4, retried=ALL, total=60.0)
"""Retries after every answer but 2xx; MessageBird does not document their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The account's keys (made up) and the form of reports: signature generation, JWT algorithm, GET or POST.

    ``inbound_url`` is where a flow forwards replies.
    """

    access_key: str = "local-simulator-messagebird-access-key"
    signing_key: str = "local-simulator-messagebird-signing-key"
    signature: str = "jwt"
    algorithm: str = "HS256"
    method: str = "GET"
    inbound_url: str = ""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(sorted(choices))}")
        if not self.access_key or not self.signing_key:
            raise ValueError("access_key and signing_key cannot be empty")


def report(settings: Settings, message: Message, step: Step, *, text: str | None, forged: bool) -> list[Outgoing]:
    """The report for a step; empty for a message without reference or report URL."""
    if message.callback_url is None or message.reference is None:
        return []
    due = charge(message)
    price = {"price[amount]": str(due.amount), "price[currency]": due.currency}
    fields = _fields(message, step, text) | price | dict(message.script.fields)
    return [_signed(_with_key(settings, forged=forged), message.callback_url, fields)]


def charge(message: Message) -> Charge:
    """The same for each segment, regardless of the status."""
    return Charge(_PRICE * segments.count(message.body), _CURRENCY)


def reply(settings: Settings, message: Message, *, forged: bool) -> Outgoing:
    """A person's message to one of our numbers, as a flow forwards it."""
    at = message.taken_at.isoformat(timespec="milliseconds")  # of a STOP and a START in one second the STOP would win
    fields = {
        "id": message.id,
        "message_id": message.id,
        "originator": message.sender.removeprefix("+"),
        "recipient": message.to.removeprefix("+"),
        "payload": message.body,
        "createdDatetime": at,
        "receivedSMSDateTime": at,
    }
    return _signed(_with_key(settings, forged=forged), settings.inbound_url, fields)


def _with_key(settings: Settings, *, forged: bool) -> Settings:
    forger = "a forger's guess of at least 64 bytes, so that PyJWT does not warn"
    return replace(settings, signing_key=forger) if forged else settings


def signed(document: Document, reported: Reported) -> Outgoing:
    """A genuine report from the account of a secret document, valid for a day.

    It has no price, and a time only if one is given: only these need escaping in the address.
    """
    message = reported.message
    fields = _fields(message, message.step, None)
    if reported.at is None:
        del fields["statusDatetime"]
    return _signed(Settings(signing_key=document["signing_key"]), reported.callback_url, fields, seconds=_DAY)


def _signed(settings: Settings, to: str, fields: dict[str, str], *, seconds: int = _JWT_SECONDS) -> Outgoing:
    url, body = urldefrag(to).url, b""
    if settings.method == "GET":
        url = f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"
    else:
        body = json.dumps(_nested(fields)).encode()
    headers = {"user-agent": "MessageBird/Status-Reports", "accept": "*/*"}
    if body:
        headers["content-type"] = "application/json"
    return Outgoing(
        method=settings.method,
        url=url,
        headers=headers | _signature(settings, url, body, seconds),
        body=body,
        retry_policy=_RETRY_POLICY,
    )


def _fields(message: Message, step: Step, text: str | None) -> dict[str, str]:
    fields = {
        "id": message.id,
        "reference": message.reference or "",
        "recipient": message.to.removeprefix("+"),
        "status": step.word,
        "statusDatetime": message.step_at.isoformat(timespec="seconds"),
        "statusReason": text or "successfully delivered",
        "messageLength": str(len(message.body)),
        "messagePartCount": str(segments.count(message.body)),
        "datacoding": "plain" if segments.plain(message.body) else "unicode",
        "mccmnc": "20408",
        "ported": "0",
    }
    return fields | ({} if step.code is None else {"statusErrorCode": str(step.code)})


def _nested(fields: dict[str, str]) -> dict[str, Any]:
    flat: dict[str, Any] = {name: value for name, value in fields.items() if not name.startswith("price[")}
    price = {name[6:-1]: value for name, value in fields.items() if name.startswith("price[")}
    return flat | ({"price": price} if price else {})


def _signature(settings: Settings, url: str, body: bytes, seconds: int) -> dict[str, str]:
    if settings.signature == "jwt":
        return {"messagebird-signature-jwt": _jwt(settings, url, body, seconds)}
    at = str(int(time.time()))
    covered = _sorted_query(url) if settings.signature == "legacy" else url
    payload = f"{at}\n{covered}\n".encode() + hashlib.sha256(body).digest()
    signature = base64.b64encode(hmac.digest(settings.signing_key.encode(), payload, "sha256")).decode()
    return {"messagebird-signature": signature, "messagebird-request-timestamp": at}


def _jwt(settings: Settings, url: str, body: bytes, seconds: int) -> str:
    at = int(time.time())
    claims = {
        "iss": "MessageBird",
        "nbf": at,
        "exp": at + seconds,
        "jti": str(uuid4()),
        "url_hash": hashlib.sha256(url.encode()).hexdigest(),
    }
    if body:
        claims["payload_hash"] = hashlib.sha256(body).hexdigest()
    return jwt.encode(claims, settings.signing_key.encode(), algorithm=settings.algorithm)


def _sorted_query(url: str) -> str:
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return urlencode(sorted(pairs, key=lambda pair: pair[0]))
