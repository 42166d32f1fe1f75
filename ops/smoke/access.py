"""Access checks: health, keys on every route, and no access without TLS."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import httpx

from ops.smoke.target import REFUSED, WEBHOOKS, Checks, Outcome, Result, Route, Target, check, skipped

_NO_SUCH_KEY = "smst_a-key-that-nobody-was-given"
_PROBLEM = "application/problem+json"


def health(target: Target) -> Checks:
    """Check that table and queue answer."""
    yield check(target, "health", target.request("GET", "/health"), _healthy)


def _healthy(answer: httpx.Response) -> str | None:
    try:
        document = answer.json()
    except ValueError:
        return "not an answer of this service"
    return None if answer.is_success and document.get("status") == "ok" else f"table or queue do not answer: {document}"


def encrypted(target: Target) -> Checks:
    """Check that plain HTTP gets a redirect to https, a refusal or a closed port."""
    name = "plain http is not served"
    if not target.url.startswith("https://"):
        yield skipped(name, "the address itself is plain http")
        return
    request = target.http.build_request("GET", f"http://{target.url.removeprefix('https://')}/health", timeout=5)
    try:
        answer = target.http.send(request)
    except httpx.TransportError as error:
        yield Result(name, Outcome.OK, type(error).__name__)
        return
    away = answer.headers.get("location", "https://").startswith("https://")
    good = (answer.is_redirect and away) or answer.is_client_error
    yield Result(name, Outcome.OK if good else Outcome.BROKEN, f"{answer.status_code}")


def routes(target: Target, declared: Sequence[Route]) -> Checks:
    """Check each route with the right key, a wrong one, one of another scope and none; webhooks are separate."""
    for route in declared:
        if route.guarded:
            yield from _guarded(target, route)
        elif route.path != WEBHOOKS:
            yield check(target, f"{route} is open", target.request(route.method, route.example), _answered)


def _guarded(target: Target, route: Route) -> Checks:
    # An empty message is refused before anything is sent.
    body: dict[str, str] | None = None if route.method == "GET" else {}
    tries = {"without a key is refused": None, "with a wrong key is refused": _NO_SUCH_KEY}
    for what, key in tries.items():
        yield check(
            target, f"{route} {what}", target.request(route.method, route.example, key=key, json=body), _refused
        )
    name = f"{route} with a key lacking {route.scope} is refused"
    others = [key for scope, key in target.scoped.items() if scope != route.scope]
    if others:
        request = target.request(route.method, route.example, key=others[0], json=body)
        yield check(target, name, request, _forbidden)
    else:
        yield skipped(name, f"needs {'READ_KEY' if route.scope == 'send' else 'SEND_KEY'}")
    request = target.request(route.method, route.example, key=target.key, json=body)
    yield check(target, f"{route} with the key is answered", request, _answered)


def _refused(answer: httpx.Response) -> str | None:
    return None if answer.status_code in REFUSED else "not refused"


def _forbidden(answer: httpx.Response) -> str | None:
    return None if answer.status_code == HTTPStatus.FORBIDDEN else "not refused"


def _answered(answer: httpx.Response) -> str | None:
    """The fault unless the function itself answered; API Gateway sends no problem documents."""
    if answer.status_code in REFUSED:
        hint = "; does the key have the scopes send and read?" if "authorization" in answer.request.headers else ""
        return f"refused{hint}"
    ours = answer.is_success or answer.headers.get("content-type", "").startswith(_PROBLEM)
    if answer.status_code == HTTPStatus.NOT_FOUND and not ours:
        return "no such route; is this version deployed?"
    return None if ours and not answer.is_server_error else "not answered"
