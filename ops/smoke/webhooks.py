"""Webhooks at the public address: genuine ones are taken, whatever is in their query; forged ones are not."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

import httpx
import jwt
from twilio.request_validator import RequestValidator

from ops.smoke.accounts import Accounts
from ops.smoke.check import NOBODY, Checks, Outcome, Result, Target, check, skipped
from ops.smoke.routes import WEBHOOKS, Route
from sms_tracker import providers
from sms_tracker.domain.callback import callback_token, callback_url

QUERIES = {
    "": "",
    " with brackets and colons": "&smoke[price]=0.07,EUR&smoke[at]=12:00:00",
    " with them escaped": "&smoke%5Bprice%5D=0.07%2CEUR&smoke%5Bat%5D=12%3A00%3A00",
}
"""What a gateway may rewrite, which would break a signature over the address as the provider wrote it."""
_SID = "SM" + "0" * 32
_MINUTE = 60
_FORGED = "a-secret-that-is-not-the-accounts"

Sign = Callable[[httpx.Client, Mapping[str, str], str, str], httpx.Request]
"""Makes a webhook from a secret document, the secret to sign with, and the address with our query."""


def _twilio(http: httpx.Client, document: Mapping[str, str], secret: str, address: str) -> httpx.Request:
    """A form post, signed by Twilio's own library."""
    form = {"AccountSid": document.get("account_sid", ""), "MessageSid": _SID, "MessageStatus": "delivered"}
    request = http.build_request("POST", address, data=form)
    request.headers["x-twilio-signature"] = RequestValidator(secret).compute_signature(str(request.url), form)
    return request


def _messagebird(http: httpx.Client, _: Mapping[str, str], secret: str, address: str) -> httpx.Request:
    """A GET with a JWT over its address."""
    request = http.build_request("GET", f"{address}&id={_SID}&reference={NOBODY}&status=delivered")
    now = int(time.time())
    claims = {"iss": "MessageBird", "nbf": now, "exp": now + _MINUTE, "jti": _SID}
    url_hash = hashlib.sha256(str(request.url).encode()).hexdigest()
    request.headers["messagebird-signature-jwt"] = jwt.encode({**claims, "url_hash": url_hash}, secret, "HS256")
    return request


SIGN: Mapping[str, Sign] = {"twilio": _twilio, "messagebird": _messagebird}
ENTRIES = {"twilio": ("auth_token", "next_auth_token"), "messagebird": ("signing_key", "next_signing_key")}
"""Entries of the documents that sign; the second is there while a secret rotates."""


def webhooks(target: Target, accounts: Accounts, declared: Sequence[Route]) -> Checks:
    """Every enabled provider's; where nobody can say which are, every provider's that there is."""
    for name in providers.names():
        if accounts.enabled is None or name in accounts.enabled:
            yield from _forged(target, name, accounts, declared)
            yield from _signed(target, name, accounts)


def _forged(target: Target, name: str, accounts: Accounts, declared: Sequence[Route]) -> Checks:
    address = callback_url(target.url, name, NOBODY, 1)
    for route in declared:
        if route.path == WEBHOOKS:
            unsigned = target.http.build_request(route.method, address)
            yield check(target, f"{name} {route.method} unsigned is refused", unsigned, _shut)
    forged = SIGN[name](target.http, accounts.documents.get(name, {}), _FORGED, f"{address}&token={'A' * 43}")
    yield check(target, f"{name} signed by another is refused", forged, _shut)


def _signed(target: Target, name: str, accounts: Accounts) -> Checks:
    document = accounts.documents.get(name, {})
    if name in accounts.tokens:  # the token vouches, not the signature
        token = callback_token(accounts.service_key, name, NOBODY, 1)
        vouched = {"with our token": (_FORGED, callback_url(target.url, name, NOBODY, 1, token=token))}
    else:
        entries = [entry for entry in ENTRIES[name] if document.get(entry)]
        address = callback_url(target.url, name, NOBODY, 1)
        vouched = {f"signed by {entry}": (document[entry], address) for entry in entries}
    if not vouched:
        yield skipped(f"{name} signed is taken", f"needs {ENTRIES[name][0]}: AWS credentials, or .env")
    for by, (secret, address) in vouched.items():
        for what, query in QUERIES.items():
            request = SIGN[name](target.http, document, secret, address + query)
            yield _taken(target, f"{name} {by}{what} is taken", request)
        altered = _altered(target.http, SIGN[name](target.http, document, secret, address))
        yield check(target, f"{name} {by} and altered is refused", altered, _shut)


def _altered(http: httpx.Client, request: httpx.Request) -> httpx.Request:
    """The same signature beside another attempt and another status."""
    headers = {name: value for name, value in request.headers.items() if name not in ("content-length", "host")}
    url = str(request.url).replace("attempt=1", "attempt=2")
    content = request.content.replace(b"delivered", b"failed")
    return http.build_request(request.method, url, headers=headers, content=content or None)


def _taken(target: Target, name: str, request: httpx.Request) -> Result:
    found = check(target, name, request, _open)
    if found.outcome is Outcome.BROKEN and found.detail.startswith(str(HTTPStatus.FORBIDDEN.value)):
        hint = "the gateway changes such a query" if "%5B" in str(request.url) or "[" in str(request.url) else _HINT
        return Result(name, found.outcome, f"{found.detail}; {hint}")
    return found


_HINT = "is the secret the deployed one for six minutes, and is the address in /{stack}/public-base-urls?"


def _shut(answer: httpx.Response) -> str | None:
    """404 is the answer of a provider that is not enabled."""
    return None if answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) else "not refused"


def _open(answer: httpx.Response) -> str | None:
    return None if answer.is_success else "not taken"
