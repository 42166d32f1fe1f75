"""MessageBird's status reports: query or JSON, and its three generations of signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit
from uuid import uuid4

import jwt

from local.simulators import MESSAGEBIRD_ACCESS_KEY, MESSAGEBIRD_SIGNING_KEY, segments
from local.simulators.callback_sender import ALL, Outgoing, Patience
from local.simulators.ledger import Message
from local.simulators.scenario import Step

_CHOICES = {
    "signature": {"jwt", "legacy", "bird"},
    "algorithm": {"HS256", "HS384", "HS512"},
    "method": {"GET", "POST"},
}
_JWT_SECONDS = 60
PATIENCE = Patience(retries=4, retried=ALL, total=60.0)
"""Every answer but a 2xx is tried again; how often MessageBird does is not documented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Keys of the account, and how its reports are sent: generation of signature, JWT algorithm, GET or POST."""

    access_key: str = MESSAGEBIRD_ACCESS_KEY
    signing_key: str = MESSAGEBIRD_SIGNING_KEY
    signature: str = "jwt"
    algorithm: str = "HS256"
    method: str = "GET"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(sorted(choices))}")
        if not self.access_key or not self.signing_key:
            raise ValueError("access_key and signing_key cannot be empty")


def report(settings: Settings, message: Message, step: Step, *, text: str | None, forged: bool) -> Outgoing | None:
    """The report for a step; None unless the message has both a reference and a report URL."""
    if message.callback_url is None or message.reference is None:
        return None
    url, fields = urldefrag(message.callback_url).url, _fields(message, step, text) | dict(message.script.fields)
    body = b""
    if settings.method == "GET":
        url = f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"
    else:
        body = json.dumps(_nested(fields)).encode()
    headers = {"user-agent": "MessageBird/Status-Reports", "accept": "*/*"}
    if body:
        headers["content-type"] = "application/json"
    key = "a forger's guess of at least 64 bytes, so that PyJWT does not warn" if forged else settings.signing_key
    return Outgoing(
        method=settings.method,
        url=url,
        headers=headers | _signature(settings, key.encode(), url, body),
        body=body,
        patience=PATIENCE,
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
        "price[amount]": "0.07",
        "price[currency]": "EUR",
    }
    return fields | ({} if step.code is None else {"statusErrorCode": str(step.code)})


def _nested(fields: dict[str, str]) -> dict[str, Any]:
    flat: dict[str, Any] = {name: value for name, value in fields.items() if not name.startswith("price[")}
    price = {name[6:-1]: value for name, value in fields.items() if name.startswith("price[")}
    return flat | ({"price": price} if price else {})


def _signature(settings: Settings, key: bytes, url: str, body: bytes) -> dict[str, str]:
    if settings.signature == "jwt":
        return {"messagebird-signature-jwt": _jwt(settings.algorithm, key, url, body)}
    at = str(int(time.time()))
    covered = _sorted_query(url) if settings.signature == "legacy" else url
    payload = f"{at}\n{covered}\n".encode() + hashlib.sha256(body).digest()
    signature = base64.b64encode(hmac.digest(key, payload, "sha256")).decode()
    return {"messagebird-signature": signature, "messagebird-request-timestamp": at}


def _jwt(algorithm: str, key: bytes, url: str, body: bytes) -> str:
    at = int(time.time())
    claims = {
        "iss": "MessageBird",
        "nbf": at,
        "exp": at + _JWT_SECONDS,
        "jti": str(uuid4()),
        "url_hash": hashlib.sha256(url.encode()).hexdigest(),
    }
    if body:
        claims["payload_hash"] = hashlib.sha256(body).hexdigest()
    return jwt.encode(claims, key, algorithm=algorithm)


def _sorted_query(url: str) -> str:
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return urlencode(sorted(pairs, key=lambda pair: pair[0]))
