"""The control routes of every simulator: ledger, scenarios, settings, replies, and waiting until nothing is pending."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, cast
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulators.ledger import Message
from local.simulators.scenario import TABLE, Scenario, Script, Step
from local.simulators.send_endpoint import Provider, Refused

_LONGEST_WAIT = 300.0


def application(provider: Provider) -> Starlette:
    """A provider's own routes and the control routes:

    GET /_ledger, GET /_ledger/{id}         the ledger; of a message to several recipients, the first or ``?to=``
    DELETE /_ledger                         clear it and cancel every pending callback
    GET /_control/idle?timeout=30&taken=0   200 once nothing is pending and that many were taken, else 503
    GET /_control/seen?posts=1&timeout=30   200 once that many requests to send arrived, else 503
    GET /_control/scenarios                 the table, with each row's script at this provider
    PUT /_control/scenario                  {"to": "+…" | "*", "script": {…} | "name" | null}
    DELETE /_control/scenario               remove every set script
    GET, PUT /_control/settings             keys and signatures; PUT changes the given ones
    POST /_control/reply                    {"from": "+…", "to": ours, "text": "STOP"}: a person writes to our number;
                                            optional: "forged", "copies", "delay" in seconds
    """
    control = _Control(provider)

    async def refused(_: Request, error: Exception) -> Response:
        return provider.refused(cast("Refused", error).refusal)

    return Starlette(
        exception_handlers={Refused: refused},
        routes=[
            *provider.routes(),
            Route("/_ledger", control.ledger),
            Route("/_ledger", control.clear, methods=["DELETE"]),
            Route("/_ledger/{id}", control.message),
            Route("/_control/idle", control.idle),
            Route("/_control/seen", control.seen),
            Route("/_control/scenarios", control.scenarios),
            Route("/_control/scenario", control.put_scenario, methods=["PUT"]),
            Route("/_control/scenario", control.clear_scenarios, methods=["DELETE"]),
            Route("/_control/settings", control.settings),
            Route("/_control/settings", control.put_settings, methods=["PUT"]),
            Route("/_control/reply", control.reply, methods=["POST"]),
        ],
    )


class _Control:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._backend = provider.backend

    async def ledger(self, _: Request) -> Response:
        pending = self._backend.network.pending
        replies, scenarios = self._backend.ledger.replies, self._backend.scenarios
        pairs = sorted(
            {(reply.sender, reply.to) for reply in replies if scenarios.has_opted_out(reply.sender, reply.to)}
        )
        known = {"provider": self._provider.name, "pending": pending, "opted_out": pairs}
        books = self._backend.ledger.as_json(self._provider.charge)
        return JSONResponse(known | books)

    async def message(self, request: Request) -> Response:
        group = self._backend.ledger.messages.get(request.path_params["id"], [])
        to = request.query_params.get("to")
        found = next((each for each in group if to in (None, each.to)), None)
        if found is None:
            return _problem(404, "no such message")
        return JSONResponse(self._backend.ledger.message_json(found))

    async def clear(self, _: Request) -> Response:
        self._backend.network.stop()
        self._backend.ledger.clear()
        return Response(status_code=204)

    async def idle(self, request: Request) -> Response:
        ledger, network, taken = self._backend.ledger, self._backend.network, _number(request, "taken", 0)
        return await self._when(request, lambda: network.pending == 0 and ledger.count >= taken)

    async def seen(self, request: Request) -> Response:
        posts = _number(request, "posts", 1)
        return await self._when(request, lambda: len(self._backend.ledger.posts) >= posts)

    async def _when(self, request: Request, true: Callable[[], bool]) -> Response:
        ledger, network = self._backend.ledger, self._backend.network
        reached = await ledger.until(true, min(_number(request, "timeout", 30), _LONGEST_WAIT))
        answer = {"idle": network.pending == 0, "pending": network.pending, "taken": ledger.count}
        return JSONResponse(answer | {"posts": len(ledger.posts)}, status_code=200 if reached else 503)

    async def scenarios(self, _: Request) -> Response:
        return JSONResponse([_row_json(scenario, self._backend.scenarios.courses) for scenario in TABLE])

    async def put_scenario(self, request: Request) -> Response:
        try:
            given = _object(await request.body())
            script = self._backend.scenarios.put(str(given["to"]), given["script"])
        except (ValueError, TypeError, AttributeError) as error:
            return _problem(400, str(error))
        except KeyError as missing:
            return _problem(400, f"{missing} is missing")
        return JSONResponse(script and asdict(script))

    async def clear_scenarios(self, _: Request) -> Response:
        self._backend.scenarios.clear()
        return Response(status_code=204)

    async def settings(self, _: Request) -> Response:
        return JSONResponse(asdict(self._provider.settings))

    async def put_settings(self, request: Request) -> Response:
        try:
            changes = _object(await request.body())
            if not all(isinstance(value, str) for value in changes.values()):
                return _problem(400, "settings are strings")
            self._provider.settings = replace(self._provider.settings, **changes)
        except (ValueError, TypeError) as error:
            return _problem(400, str(error))
        return await self.settings(request)

    async def reply(self, request: Request) -> Response:
        """Deliver a person's reply; returns the webhook's answers."""
        try:
            given = _object(await request.body())
            person, number, text = (str(given[name]) for name in ("from", "to", "text"))
            copies, delay = int(given.get("copies", 1)), float(given.get("delay", 0))
        except (ValueError, TypeError, KeyError) as error:
            return _problem(400, f"from, to and text are needed: {error}")
        forged = bool(given.get("forged"))
        if not forged:
            self._backend.scenarios.note_reply(person, number, text)
        message = Message(
            id=uuid4().hex,
            to=number,
            sender=person,
            body=text,
            callback_url=None,
            reference=None,
            script=Script(),
            step=Step("received"),
            extra={"forged": forged},
        )
        outgoing = self._provider.reply(message, forged=forged)
        statuses = await self._backend.network.reply(message, outgoing, copies=copies, delay=delay)
        return JSONResponse({"statuses": statuses})


def _row_json(scenario: Scenario, courses: Mapping[str, str]) -> dict[str, Any]:
    row = {"digits": scenario.digits, "name": scenario.name, "about": scenario.about}
    return row | {"script": asdict(scenario.script(courses))}


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - answered as 400, like the rest
    return value


def _number(request: Request, name: str, usual: float) -> float:
    try:
        return float(request.query_params.get(name, usual))
    except ValueError:
        raise HTTPException(400, f"{name} is a number") from None


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"status": status, "detail": detail}, status_code=status)
