"""Requests as clients and providers make them, signed: for `make load`, and for any other tool as a data file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.load.target import Target
from local import simulators
from local.simulators.base import Reported

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
    signing, words = simulators.load(provider).signing, _words(provider, fails=number % _ONE_FAILS_IN == 0)
    if signing is None:
        raise ValueError(f"{provider} makes no webhooks")
    for place, word in enumerate(words):
        # Each report at a time of its own, and none at that of the answer: it would be the same report again.
        at = datetime.now(UTC) - timedelta(seconds=10 * (len(words) - place))
        report = Reported(
            word=word,
            message_id=sent["message_id"],
            provider_id=sent["provider_message_id"],
            callback_url=f"{target.url}/webhooks/{provider}?message_id={sent['message_id']}&attempt=1",
            to=target.to,
            at=at,
        )
        made = signing.sign(target.accounts[provider], report)
        yield Request(
            name=f"report, {provider}",
            method=made.method,
            url=made.url,
            headers=dict(made.headers),
            body=made.body.decode(),
            word=report.message.step.word,
        )


def _words(provider: str, *, fails: bool) -> list[str]:
    """Three reports. What a longer way begins with is the answer's word, and would be the same report again."""
    courses = simulators.load(provider).courses
    words = courses["long-way"].split()[-3:]
    return [*words[:-1], courses["undelivered"].split()[-1]] if fails else words
