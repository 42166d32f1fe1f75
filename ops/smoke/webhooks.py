"""Webhook checks at the public address: genuine ones are accepted with any query; forged ones are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from local import simulators
from local.simulators.base import Reported, Signing
from ops.smoke.target import NOBODY, WEBHOOKS, Accounts, Checks, Outcome, Result, Route, Target, check, skipped
from sms_tracker import providers
from sms_tracker.domain.callback import callback_token, callback_url

QUERIES = {
    "": "",
    " with brackets and colons": "&smoke[price]=0.07,EUR&smoke[at]=12:00:00",
    " with them escaped": "&smoke%5Bprice%5D=0.07%2CEUR&smoke%5Bat%5D=12%3A00%3A00",
}
"""Queries that a gateway may rewrite, which would break a signature over the address."""
_HANDSET, NO_MESSAGE = "+12025550100", "0" * 32
_HINT = "was the secret deployed at least six minutes ago, and is the address in /{stack}/public-base-urls?"
_FORGED = "a-secret-that-is-not-the-accounts"


def webhooks(target: Target, accounts: Accounts, declared: Sequence[Route]) -> Checks:
    """Check each enabled provider's webhooks, or every provider's if the enabled ones are unknown."""
    for name in providers.names():
        if accounts.enabled is None or name in accounts.enabled:
            yield from _unsigned(target, name, declared)
            if signing := simulators.load(name).signing:
                signer = Signer(target.http, name, signing, accounts.documents.get(name, {}))
                yield from _forged(target, signer)
                yield from _signed(target, accounts, signer)


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes a provider's report about ``NOBODY``, signed with a secret, to an address with our query."""

    http: httpx.Client
    provider: str
    signing: Signing
    document: Mapping[str, str] = field(repr=False)

    def __call__(self, secret: str, address: str) -> httpx.Request:
        word = simulators.load(self.provider).courses["delivered"].split()[-1]
        url = str(httpx.URL(address))  # signed as httpx sends it, which may escape brackets
        delivery = Reported(word=word, message_id=NOBODY, provider_id=NO_MESSAGE, callback_url=url, to=_HANDSET)
        made = self.signing.sign({**self.document, self.signing.entry: secret}, delivery)
        return self.http.build_request(made.method, made.url, headers=made.headers, content=made.body or None)


def _unsigned(target: Target, name: str, declared: Sequence[Route]) -> Checks:
    for route in declared:
        if route.path == WEBHOOKS:
            unsigned = target.http.build_request(route.method, callback_url(target.url, name, NOBODY, 1))
            yield check(target, f"{name} {route.method} unsigned is refused", unsigned, _refused)


def _forged(target: Target, signer: Signer) -> Checks:
    forged = signer(_FORGED, f"{callback_url(target.url, signer.provider, NOBODY, 1)}&token={'A' * 43}")
    yield check(target, f"{signer.provider} signed by another is refused", forged, _refused)


def _signed(target: Target, accounts: Accounts, signer: Signer) -> Checks:
    name, entry = signer.provider, signer.signing.entry
    genuine = _genuine(target, accounts, signer)
    if not genuine:
        yield skipped(f"{name} signed is taken", f"needs {entry}: AWS credentials, or .env")
    for by, (secret, address) in genuine.items():
        for what, query in QUERIES.items():
            yield _check_genuine(target, f"{name} {by}{what} is taken", signer(secret, address + query), query)
        altered = _altered(target.http, signer(secret, address))
        yield check(target, f"{name} {by} and altered is refused", altered, _refused)


def _genuine(target: Target, accounts: Accounts, signer: Signer) -> dict[str, tuple[str, str]]:
    """Secret and address of each kind of genuine report: signed with an accepted secret, or with our token."""
    name, entry, key = signer.provider, signer.signing.entry, accounts.service_key
    token = callback_token(key, name, NOBODY, 1) if key else None
    address = callback_url(target.url, name, NOBODY, 1, token=token)
    if name in accounts.tokens:
        return {"with our token": (_FORGED, address)}
    accepted = [each for each in (entry, f"next_{entry}") if signer.document.get(each)]
    return {f"signed by {each}": (signer.document[each], address) for each in accepted}


def _altered(http: httpx.Client, request: httpx.Request) -> httpx.Request:
    """The same signature with another attempt and status."""
    headers = {name: value for name, value in request.headers.items() if name not in ("content-length", "host")}
    url = str(request.url).replace("attempt=1", "attempt=2")
    content = request.content.replace(b"delivered", b"failed")
    return http.build_request(request.method, url, headers=headers, content=content or None)


def _check_genuine(target: Target, name: str, request: httpx.Request, query: str) -> Result:
    found = check(target, name, request, _accepted)
    if found.outcome is Outcome.BROKEN and found.detail.startswith(str(HTTPStatus.FORBIDDEN.value)):
        hint = "the gateway rewrites such a query" if query else _HINT
        return Result(name, found.outcome, f"{found.detail}; {hint}")
    return found


def _refused(answer: httpx.Response) -> str | None:
    """A disabled provider is answered with 404."""
    return None if answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) else "not refused"


def _accepted(answer: httpx.Response) -> str | None:
    return None if answer.is_success else "not taken"
