"""``/v1/webhooks``: the API by which a workspace manages its endpoints."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulators.bird.endpoint import EVENTS, Delivery, Endpoint, Endpoints
from local.simulators.bird.errors import error_named
from local.simulators.bird.report import new_id, signed_request, zulu
from local.simulators.callback_sender import CallbackSender, Outgoing, RetryPolicy
from local.simulators.ledger import Callback, Message, now
from local.simulators.network import Network
from local.simulators.scenario import Script, Step
from local.simulators.send_endpoint import Refused

Act = Callable[[Request], Awaitable[Response]]

HISTORY, DAY = timedelta(days=3), timedelta(days=1)
"""How long attempts are stored, and the span of a replay without times."""

_PAGE, _LARGEST_PAGE = 25, 100

_TEST = RetryPolicy(retries=0, retried=frozenset(), connect=10.0, read=10.0, total=10.0)


class WebhookRoutes:
    """The routes; ``guarded`` checks the key and writes refusals."""

    def __init__(self, endpoints: Endpoints, network: Network, guarded: Callable[[Act], Act]) -> None:
        self._endpoints = endpoints
        self._network = network
        one = "/v1/webhooks/{id}"
        self.routes = [
            Route("/v1/webhooks", guarded(self.create), methods=["POST"]),
            Route("/v1/webhooks", guarded(self.list)),
            Route(one, guarded(self.view)),
            Route(one, guarded(self.update), methods=["PATCH"]),
            Route(one, guarded(self.delete), methods=["DELETE"]),
            Route(one + "/rotate-secret", guarded(self.rotate), methods=["POST"]),
            Route(one + "/test", guarded(self.test), methods=["POST"]),
            Route(one + "/attempts", guarded(self.attempts)),
            Route(one + "/replay", guarded(self.replay), methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """Only this answer shows the secret."""
        endpoint = self._endpoints.create(read_json(await request.body()))
        return JSONResponse(endpoint.as_json() | {"secret": endpoint.secrets[0][0], "next": []}, status_code=201)

    async def list(self, request: Request) -> Response:
        """Newest first, perhaps filtered by URL; a cursor is the id after which the page begins."""
        query = request.query_params
        found = {
            each.id: each.as_json()
            for each in reversed(self._endpoints.known.values())
            if query.get("url") in (None, each.url)
        }
        shown, following = page_ids(query, list(found))
        return JSONResponse(page([found[each] for each in shown], following))

    async def view(self, request: Request) -> Response:
        return JSONResponse(self._named(request).as_json())

    async def update(self, request: Request) -> Response:
        endpoint = self._named(request)
        self._endpoints.update(endpoint, read_json(await request.body()))
        return JSONResponse(endpoint.as_json())

    async def delete(self, request: Request) -> Response:
        del self._endpoints.known[self._named(request).id]
        return Response(status_code=204)

    async def rotate(self, request: Request) -> Response:
        return JSONResponse({"secret": self._endpoints.rotate(self._named(request))})

    async def test(self, request: Request) -> Response:
        """Deliver a stub and return the result."""
        kind = read_json(await request.body()).get("event_type")
        return JSONResponse(await _tested(self._named(request), kind))

    async def attempts(self, request: Request) -> Response:
        return JSONResponse({"data": self._endpoints.attempts(self._named(request))})

    async def replay(self, request: Request) -> Response:
        """Repeat the failed deliveries of a span with their first ids; the answer comes first."""
        endpoint, given = self._named(request), read_json(await request.body())
        if endpoint.status == "paused":
            raise Refused(error_named("ValidationError", "status"))
        since = max(_moment(given, "since", now() - DAY), now() - HISTORY)
        for delivery in self._endpoints.failed(endpoint, since, _moment(given, "until", now())):
            self._redeliver(delivery)
        return Response(status_code=202)

    def _redeliver(self, delivery: Delivery) -> None:
        """Run a script of one step beside the message's own; the callbacks are the message's."""

        def sign_again(*_: object) -> list[Outgoing]:
            return [self._endpoints.request(delivery)]

        script = Script(reports=(delivery.step,))
        message: Message = replace(delivery.message, script=script, callbacks=delivery.message.callbacks)
        self._network.start(message, sign_again).answered.set()

    def _named(self, request: Request) -> Endpoint:
        return self._endpoints.get(request.path_params["id"])


async def _tested(endpoint: Endpoint, kind: str | None) -> dict[str, Any]:
    """Send a stub with a type alone and wait for its answer; a paused endpoint receives it too."""
    kind = kind or endpoint.events[0]
    if kind not in EVENTS:
        raise Refused(error_named("ValidationError", "event_type"))
    event = {"type": kind, "timestamp": zulu(now()), "data": {}}
    outgoing = signed_request(endpoint.url, event, endpoint.valid_secrets(), event_id=new_id("whe"))
    callback, sender = Callback(step=Step("test"), url=endpoint.url, forged=False), CallbackSender(retry_pause=0)
    started = now()
    await sender.send(replace(outgoing, retry_policy=_TEST), callback)
    await sender.close()
    last = callback.tries[-1]
    result = {
        "status": "delivered" if last.kind == "ok" else "failed",
        "response_status_code": last.status,
        "response_duration_ms": int((now() - started).total_seconds() * 1000),
    }
    return result if last.error is None else result | {"error": last.error}


def page_ids(query: QueryParams, ids: Sequence[str]) -> tuple[Sequence[str], str | None]:
    """The ids on the requested page, and the next cursor; raises ``Refused``."""
    limit, cursor = query.get("limit", str(_PAGE)), query.get("starting_after")
    if not limit.isdecimal() or not 1 <= int(limit) <= _LARGEST_PAGE:
        raise Refused(error_named("ValidationError", "limit"))
    if cursor is not None and cursor not in ids:
        raise Refused(error_named("InvalidCursor", "starting_after"))
    start = 0 if cursor is None else ids.index(cursor) + 1
    shown = ids[start : start + int(limit)]
    return shown, shown[-1] if shown and start + len(shown) < len(ids) else None


def page(found: Sequence[Mapping[str, Any]], following: str | None = None) -> dict[str, Any]:
    return {"data": found, "next_cursor": following, "prev_cursor": None, "refresh_cursor": None}


def read_json(body: bytes) -> dict[str, Any]:
    """A request's JSON object, empty for an empty body; raises ``Refused``."""
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused(error_named("InvalidRequest"))
    return given


def _moment(given: Mapping[str, Any], name: str, usual: datetime) -> datetime:
    try:
        return datetime.fromisoformat(given[name]) if given.get(name) else usual
    except (ValueError, TypeError):
        raise Refused(error_named("ValidationError", name)) from None
