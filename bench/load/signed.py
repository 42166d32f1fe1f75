"""Requests as clients and providers send them, signed: for `make load`, and as a data file for other tools."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import httpx

from bench.load.target import Target
from local import simulators
from local.simulators.base import Reported

_ONE_FAILS_IN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; ``name`` is its kind in the statistics, ``word`` the reported status."""

    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    word: str | None = None


def send(target: Target, number: int, *, run: str) -> Request:
    """POST /messages, the ``number``-th of a ``run``; the providers alternate."""
    provider = target.providers[number % len(target.providers)]
    text = {"to": target.to, "body": "Your parcel is here", "provider": provider, "reference": f"{run}-{number}"}
    headers = {
        "authorization": f"Bearer {target.key}",
        "content-type": "application/json",
        "idempotency-key": f"{run}-{number}",
    }
    return Request(name="send", method="POST", url=f"{target.url}/messages", headers=headers, body=json.dumps(text))


def reports(target: Target, number: int, sent: Mapping[str, str]) -> Iterator[Request]:
    """The provider's reports about a message, in order; ``sent`` is the answer to its send."""
    provider = sent["provider"]
    signing, words = simulators.load(provider).signing, _words(provider, fails=number % _ONE_FAILS_IN == 0)
    if signing is None:
        raise ValueError(f"{provider} makes no webhooks")
    for place, word in enumerate(words):
        # Distinct times, none equal to the answer's: an equal time and word would be the same report.
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
    """Three words; the first of a longer course repeats the answer's word."""
    courses = simulators.load(provider).courses
    words = courses["long-way"].split()[-3:]
    return [*words[:-1], courses["undelivered"].split()[-1]] if fails else words


def data_file(target: Target, messages: int) -> str:
    """Send so many messages; returns their reports as a JSON array of requests, for other load tools."""
    run = f"load-{uuid.uuid4().hex[:8]}"
    made: list[Request] = []
    with httpx.Client(timeout=40) as api:
        for number in range(messages):
            one = send(target, number, run=run)
            answer = api.request(one.method, one.url, headers=dict(one.headers), content=one.body).raise_for_status()
            made += reports(target, number, answer.json())
    return json.dumps([asdict(each) for each in made], indent=1)
