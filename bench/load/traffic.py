"""The target of a load test, and the requests to it, signed as clients and providers sign them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx

from local import simulators
from local.process import LOCALHOST, StackError
from local.simulators.base import Reported
from ops.accounts import documents

ONE_FAILS_IN = 100
SILENT = "+31612345608"
"""The simulated providers take messages to this number and never report, so that all reports are ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployed stack, local or on AWS. ``accounts`` are the secret documents of the providers to use."""

    url: str
    key: str
    accounts: Mapping[str, Mapping[str, str]]
    to: str

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers to use, sorted."""
        return tuple(sorted(self.accounts))


def simulated(url: str, key: str) -> Target:
    """A local stack with the simulated providers."""
    accounts = {name: simulators.load(name).credentials("") for name in simulators.names() if _signs(name)}
    return Target(url=url.rstrip("/"), key=key, accounts=accounts, to=SILENT)


def given(environment: Mapping[str, str], to: str | None) -> Target:
    """The stack of URL and KEY, signed with the accounts in .env unless its providers are simulated.

    Raises ``StackError`` if something is missing.
    """
    url, key = environment.get("URL", "").rstrip("/"), environment.get("KEY", "")
    if not url or not key:
        raise StackError("set URL and KEY: the stack's address and an API key with scopes send and read")
    if urlsplit(url).hostname == LOCALHOST and environment.get("PROVIDERS") != "live":
        return simulated(url, key)
    accounts = {name: one for name, one in documents(environment).items() if _signs(name) in one}
    if not accounts or not to:
        raise StackError(f"{url} needs --to, and in .env an account that signs callbacks")
    return Target(url=url, key=key, accounts=accounts, to=to)


def _signs(provider: str) -> str | None:
    """The entry of the provider's document with the signing secret."""
    signing = simulators.load(provider).signing
    return None if signing is None else signing.entry


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


def reports(target: Target, number: int, sent: Mapping[str, str], callback_url: str = "") -> Iterator[Request]:
    """The provider's reports about a message, in order; ``sent`` is the answer to its send.

    Without its callback URL they go to one without the stack's token, and cost the processor a read each.
    """
    provider = sent["provider"]
    url = callback_url or f"{target.url}/webhooks/{provider}?message_id={sent['message_id']}&attempt=1"
    simulator = simulators.load(provider)
    if simulator.signing is None:
        raise ValueError(f"{provider} makes no webhooks")
    words = simulator.courses["long-way"].split()[-3:]  # the first of a longer course repeats the answer's word
    if number % ONE_FAILS_IN == 0:
        words[-1] = simulator.courses["undelivered"].split()[-1]
    for place, word in enumerate(words):
        # Distinct times, none equal to the answer's: an equal time and word would be the same report.
        at = datetime.now(UTC) - timedelta(seconds=10 * (len(words) - place))
        report = Reported(
            word=word,
            message_id=sent["message_id"],
            provider_id=sent["provider_message_id"],
            callback_url=url,
            to=target.to,
            at=at,
        )
        made = simulator.signing.sign(target.accounts[provider], report)
        yield Request(
            name=f"report, {provider}",
            method=made.method,
            url=made.url,
            headers=dict(made.headers),
            body=made.body.decode(),
            word=report.message.step.word,
        )


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
