"""Requests as clients and providers make them, signed: for `make load`, and for any other tool as a data file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.load.target import Target
from local.simulators import messagebird_report, twilio_callback
from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Message
from local.simulators.scenario import Script, Step

_SUCCESS = {"twilio": ("sending", "sent", "delivered"), "messagebird": ("sent", "buffered", "delivered")}
_FAILURE = {
    "twilio": ("sending", "sent", "undelivered:30003"),
    "messagebird": ("sent", "buffered", "delivery_failed:1"),
}
_ONE_FAILS_IN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; ``name`` is what its kind is called in statistics, ``word`` what a provider reports by it."""

    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    word: str | None = None


def send(target: Target, number: int, *, run: str) -> Request:
    """POST /messages, the ``number``-th of a ``run``, through one provider after the other."""
    provider = target.providers[number % len(target.providers)]
    text = {"to": target.to, "body": "Your parcel is here", "provider": provider, "reference": f"{run}-{number}"}
    headers = {
        "authorization": f"Bearer {target.key}",
        "content-type": "application/json",
        "idempotency-key": f"{run}-{number}",
    }
    return Request(name="send", method="POST", url=f"{target.url}/messages", headers=headers, body=json.dumps(text))


def reports(target: Target, number: int, sent: Mapping[str, str]) -> Iterator[Request]:
    """All that its provider reports about a message, in order; ``sent`` is what the send was answered."""
    provider = sent["provider"]
    words = (_SUCCESS if number % _ONE_FAILS_IN else _FAILURE)[provider]
    for place, text in enumerate(words):
        step = Step.read(text)
        made = _signed(target, provider, _message(target, sent, step, back=len(words) - place), step)
        yield Request(
            name=f"report, {provider}",
            method=made.method,
            url=made.url,
            headers=dict(made.headers),
            body=made.body.decode(),
            word=step.word,
        )


def _message(target: Target, sent: Mapping[str, str], step: Step, *, back: int) -> Message:
    """Each report at a time of its own, and none at that of the answer: it would be the same report again."""
    return Message(
        id=sent["provider_message_id"],
        to=target.to,
        sender="+15557654321",
        body="Your parcel is here",
        callback_url=f"{target.url}/webhooks/{sent['provider']}?message_id={sent['message_id']}&attempt=1",
        reference=sent["message_id"],
        script=Script(),
        step=step,
        step_at=datetime.now(UTC) - timedelta(seconds=10 * back),
    )


def _signed(target: Target, provider: str, message: Message, step: Step) -> Outgoing:
    account = target.accounts[provider]
    made = None
    if provider == "twilio":
        twilio = twilio_callback.Settings(account_sid=account["account_sid"], auth_token=account["auth_token"])
        made = twilio_callback.callback(twilio, message, step, text=None, forged=False)
    else:  # the oldest signature does not expire, so that a data file can be used later
        bird = messagebird_report.Settings(signing_key=account["signing_key"], signature="legacy")
        made = messagebird_report.report(bird, message, step, text=None, forged=False)
    if made is None:
        raise ValueError(f"{provider} makes no report without a callback URL")
    return made
