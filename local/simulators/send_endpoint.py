"""A provider's send endpoint: it counts a request, reads it, and answers by its script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Charge, Ledger, Message, Post
from local.simulators.network import Delivery, Network
from local.simulators.scenario import HANG, Code, Scenarios, Script, Step

LONGEST_HANG = 120.0
"""Seconds after which a hanging request is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A provider's error: HTTP status, code, text, and the wrong parameter."""

    status: int
    code: Code
    text: str
    parameter: str | None = None


class Refused(Exception):
    """Raised for a request that the provider refuses; ``control.application`` answers with ``Provider.refused``."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts behind one simulated provider."""

    ledger: Ledger
    scenarios: Scenarios
    network: Network


class Provider(Protocol):
    """One provider's account: the part that differs between providers."""

    name: str
    success: int
    """The HTTP status of an accepted request to send."""
    backend: Backend
    settings: Any

    def routes(self) -> Sequence[BaseRoute]:
        """The public routes."""
        ...

    def read(self, request: Request, body: bytes) -> list[Message]:
        """The messages of a request, one for each recipient; raises ``Refused``."""
        ...

    def refusal(self, status: int | None, code: Code | None) -> Refusal:
        """The error with that HTTP status or code."""
        ...

    def refused(self, refusal: Refusal) -> Response:
        """An error response in the provider's format."""
        ...

    def as_json(self, messages: list[Message]) -> dict[str, Any]:
        """The messages of one request as the API returns them."""
        ...

    def charge(self, message: Message) -> Charge | None:
        """The provider's charge for the message in its present state."""
        ...

    def report(self, message: Message, step: Step, forged: bool) -> list[Outgoing]:  # noqa: FBT001 - as Network calls it
        """The callbacks for a step; empty for a message without callbacks."""
        ...

    def reply(self, message: Message, *, forged: bool) -> list[Outgoing]:
        """The callbacks for ``message``, which a person sent to one of our numbers."""
        ...


async def take(provider: Provider, request: Request) -> Response:
    """Answer a request to send, counting it before it is read."""
    body = await request.body()
    post = provider.backend.ledger.post(body)
    try:
        messages = provider.read(request, body)
    except Refused as refused:
        post.answered, post.error = refused.refusal.status, refused.refusal.code
        return provider.refused(refused.refusal)
    post.to = messages[0].to
    script = messages[0].script.seen_before(post.earlier)
    answer = provider.as_json(messages)
    deliveries = _start(provider, post, messages) if script.is_taken else []
    for delivery in deliveries:
        await delivery.answerable.wait()
    return await _answer(provider, request, post, script, deliveries, answer)


def _start(provider: Provider, post: Post, messages: list[Message]) -> list[Delivery]:
    provider.backend.ledger.take(post, messages)
    return [provider.backend.network.start(message, provider.report) for message in messages]


async def _answer(
    provider: Provider, request: Request, post: Post, script: Script, deliveries: list[Delivery], taken: dict[str, Any]
) -> Response:
    def go_on() -> None:
        for delivery in deliveries:
            delivery.answered.set()

    if script.answer == HANG:
        await _client_gone(request)
        go_on()
        return Response(status_code=504)
    if script.usual:
        post.answered = provider.success
        return JSONResponse(taken, status_code=provider.success, background=BackgroundTask(go_on))
    refusal = provider.refusal(script.answer, script.error)
    post.answered, post.error = refusal.status, refusal.code
    response = provider.refused(refusal)
    if script.retry_after is not None:
        response.headers["retry-after"] = str(script.retry_after)
    response.background = BackgroundTask(go_on)
    return response


async def _client_gone(request: Request) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_HANG):
            while (await request.receive())["type"] != "http.disconnect":
                pass


def find_refusal(refusals: Sequence[Refusal], status: int | None, code: Code | None) -> Refusal:
    """The first refusal with that code, else with that status, else a made-up one. ``status`` takes precedence."""
    found = next((each for each in refusals if each.code == code), None)
    found = found or next((each for each in refusals if code is None and each.status == status), None)
    found = found or Refusal(status=status or 400, code=code or 0, text="An undocumented error.")
    return replace(found, status=status or found.status)
