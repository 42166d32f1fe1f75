"""Twilio's status callbacks: form, signature, and the connection overrides in the callback URL's fragment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urlencode
from uuid import uuid4

from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator

from local.simulators.base import Document, Reported
from local.simulators.callback_sender import ALL, Outgoing, RetryPolicy
from local.simulators.ledger import Message, now
from local.simulators.scenario import Step

API_VERSION = "2010-04-01"
RECEIVED = "received"
FINAL = frozenset({"delivered", "undelivered", "failed", "read", "canceled", "partially_delivered"})
_MOST_RETRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The account's keys (made up). ``auth_token`` signs; ``secondary_auth_token`` only authenticates.

    With ``shared_key_id`` and ``shared_key_secret`` callbacks carry the settings header and HMAC-SHA256.
    ``inbound_url`` is the webhook of our numbers. ``late_prices`` is the number of look-ups of a message
    before its record has a price.
    """

    account_sid: str = "AC" + "0" * 28 + "face"
    auth_token: str = "local-simulator-twilio-auth-token"  # noqa: S105 - opens nothing but the simulator
    secondary_auth_token: str = ""
    api_key_sid: str = "SK" + "0" * 28 + "face"
    api_key_secret: str = "local-simulator-twilio-api-key-secret"  # noqa: S105 - opens nothing but the simulator
    shared_key_id: str = ""
    shared_key_secret: str = ""
    inbound_url: str = ""
    late_prices: str = "0"

    def __post_init__(self) -> None:
        if not self.account_sid or not self.auth_token:
            raise ValueError("account_sid and auth_token cannot be empty")
        if not self.late_prices.isdecimal():
            raise ValueError("late_prices is a number")


def report(settings: Settings, message: Message, step: Step, *, text: str | None, forged: bool) -> list[Outgoing]:
    """The callback for a step; empty for a message without callback URL. ``text`` explains the step's code."""
    if message.callback_url is None:
        return []
    form = _form(settings, message, step, text) | dict(message.script.fields)
    return [_callback(settings, message.callback_url, form, forged=forged)]


def reply(settings: Settings, message: Message, *, forged: bool) -> Outgoing:
    """A person's message to one of our numbers."""
    form = {
        "ApiVersion": API_VERSION,
        "AccountSid": settings.account_sid,
        "From": message.sender,
        "To": message.to,
        "SmsMessageSid": reply_sid(message),
        "SmsSid": reply_sid(message),
        "MessageSid": reply_sid(message),
        "SmsStatus": RECEIVED,
        "Body": message.body,
        "NumMedia": "0",
        "NumSegments": "1",
        "FromCountry": "NL",
    }
    return _callback(settings, settings.inbound_url, form, forged=forged)


def reply_sid(message: Message) -> str:
    """The SID of a person's message."""
    return f"SM{message.id}"


def signed(document: Document, reported: Reported) -> Outgoing:
    """A genuine callback from the account of a secret document."""
    given = {entry: document[entry] for entry in ("account_sid", "auth_token") if document.get(entry)}
    settings, message = Settings(**given), reported.message
    form = _form(settings, message, message.step, None)
    return _callback(settings, reported.callback_url, form, forged=False)


def _callback(settings: Settings, to: str, form: Mapping[str, str], *, forged: bool) -> Outgoing:
    url, fragment = urldefrag(to)
    return Outgoing(
        method="POST",
        url=url,
        headers={
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "user-agent": "TwilioProxy/1.1",
            "accept": "*/*",
            "i-twilio-idempotency-token": str(uuid4()),
        }
        | _signature(settings, url, form, forged=forged),
        body=urlencode(form).encode(),
        retry_policy=retry_policy(fragment),
    )


def _form(settings: Settings, message: Message, step: Step, text: str | None) -> dict[str, str]:
    form = {
        "ApiVersion": API_VERSION,
        "AccountSid": settings.account_sid,
        "From": message.sender,
        "To": message.to,
        "SmsSid": message.id,
        "MessageSid": message.id,
        "SmsStatus": step.word,
        "MessageStatus": step.word,
    }
    if service := message.extra.get("messaging_service_sid"):
        form["MessagingServiceSid"] = service
    if step.code is not None:
        form |= {"ErrorCode": str(step.code), "ErrorMessage": text or ""}
    if step.word in FINAL:
        form["RawDlrDoneDate"] = now().strftime("%y%m%d%H%M")
    return form


def _signature(settings: Settings, url: str, form: Mapping[str, str], *, forged: bool) -> dict[str, str]:
    shared = bool(settings.shared_key_id)
    key = settings.shared_key_secret if shared else settings.auth_token
    signer = RequestValidator("a forger's guess" if forged else key)
    signature = str(signer.compute_signature(url, form, HMAC_SHA256 if shared else HMAC_SHA1))
    headers = {"x-twilio-signature": signature}
    if shared:
        headers["x-twilio-webhooks-signature-settings"] = f"key={settings.shared_key_id},algorithm={HMAC_SHA256}"
    return headers


def retry_policy(fragment: str) -> RetryPolicy:
    """From connection overrides, else defaults: rc (0 to 5 retries), rp (retried failures), ct, rt, tt (milliseconds).

    By default only a failed connection is retried, once: a 5xx answer or a time-out loses the report.
    """
    given = dict(parse_qsl(fragment))
    retried = frozenset(given.get("rp", "ct").split(","))
    return RetryPolicy(
        retries=min(int(_number(given.get("rc"), 1)), _MOST_RETRIES),
        retried=ALL if "all" in retried else retried & ALL,
        connect=_seconds(given.get("ct"), 5_000, most=10_000),
        read=_seconds(given.get("rt"), 15_000, most=15_000),
        total=_seconds(given.get("tt"), 15_000, most=15_000),
    )


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default


def _seconds(text: str | None, default: int, *, most: int) -> float:
    return min(max(_number(text, default), 100), most) / 1000
