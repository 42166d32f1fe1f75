"""Bird's SMS API on its platform of 2026: send, read, list; bearer key, idempotency keys, errors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from secrets import compare_digest
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulators.bird import report
from local.simulators.bird.endpoint import Endpoints
from local.simulators.bird.errors import ERRORS, envelope, error_named, fault
from local.simulators.bird.idempotency import IdempotencyKeys
from local.simulators.bird.opt_outs import OptOuts
from local.simulators.bird.report import Settings, zulu
from local.simulators.bird.webhook_routes import Act, WebhookRoutes, page, page_ids, read_json
from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Charge, Message
from local.simulators.scenario import Code, Step
from local.simulators.send_endpoint import Backend, Refusal, Refused, find_refusal, take

_PAGING = {"limit", "starting_after", "ending_before", "created_after", "created_before"}
_FILTERS = {"direction", "status", "error_code", "category", "to", "from", "country", "tag"}
_SAFE = {"GET", "HEAD"}


class Bird:
    """One workspace."""

    name = "bird"
    success = 202

    def __init__(self, settings: Settings, backend: Backend) -> None:
        self.backend = backend
        self.endpoints = Endpoints()
        self._settings = settings
        self._keys = IdempotencyKeys()
        self._opt_outs = OptOuts(lambda: self._settings, self._guarded)
        self.endpoints.apply_settings(settings)

    @property
    def settings(self) -> Settings:
        return self._settings

    @settings.setter
    def settings(self, changed: Settings) -> None:
        self.endpoints.apply_settings(changed, before=self._settings)
        self._settings = changed

    def routes(self) -> Sequence[Route]:
        messages = "/v1/sms/messages"
        return [
            Route(messages, self.create, methods=["POST"]),
            Route(messages, self._guarded(self.search)),
            Route(messages + "/{id}", self._guarded(self.view)),
            *WebhookRoutes(self.endpoints, self.backend.network, self._guarded).routes,
            *self._opt_outs.routes,
        ]

    def _guarded(self, act: Act) -> Act:
        """``act`` for requests with our key, once for each idempotency key."""

        async def finished(request: Request) -> tuple[Response, Response | None]:
            return await act(request), None

        async def answer(request: Request) -> Response:
            self._authenticate(request)
            return await (act(request) if request.method in _SAFE else self._keys.once(request, finished))

        return answer

    def _has_key(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").encode()
        return compare_digest(given, f"Bearer {self.settings.api_key}".encode())

    def _authenticate(self, request: Request) -> None:
        if not self._has_key(request):
            raise Refused(error_named("Unauthorized"))

    async def create(self, request: Request) -> Response:
        """POST /v1/sms/messages, once for each idempotency key; without our API key it is segments_json and refused."""
        if not self._has_key(request):
            return await take(self, request)
        return await self._keys.once(request, self._take)

    async def _take(self, request: Request) -> tuple[Response, Response | None]:
        """The answer, and the one to store under the key if an accepted message was left without an answer."""
        response = await take(self, request)
        fingerprint = hashlib.sha256(await request.body()).hexdigest()
        post = next(each for each in reversed(self.backend.ledger.posts) if each.fingerprint == fingerprint)
        if not post.taken or post.answered is not None:
            return response, None
        messages = self.backend.ledger.messages[post.taken[0]]
        return response, JSONResponse(self.as_json(messages, at_first=True), status_code=self.success)

    async def view(self, request: Request) -> Response:
        """GET /v1/sms/messages/{id}."""
        return JSONResponse(self.as_json(self._named(request)))

    async def search(self, request: Request) -> Response:
        """GET /v1/sms/messages: newest first; a cursor is the id after which the page begins."""
        query = request.query_params
        if unknown := set(query) - _PAGING - _FILTERS:
            raise Refused(error_named("UnknownQueryParameter", min(unknown)))
        found = {each.id: each for each in self.backend.ledger.newest_first() if _fits(each, query)}
        shown, following = page_ids(query, list(found))
        return JSONResponse(page([self.as_json([found[each]]) for each in shown], following))

    def _named(self, request: Request) -> Sequence[Message]:
        if found := self.backend.ledger.messages.get(request.path_params["id"]):
            return found
        raise Refused(error_named("NotFound"))

    def read(self, request: Request, body: bytes) -> list[Message]:
        self._authenticate(request)
        given = read_json(body)
        if refusal := fault(given):
            raise Refused(refusal)
        message = Message(
            id=report.new_id("sms"),
            to=given["to"],
            sender=given["from"],
            body=given["text"],
            callback_url=None,
            reference=None,
            script=self.backend.scenarios.script(given["to"], given["from"]),
            step=Step("accepted"),
            extra={name: given.get(name) for name in ("category", "tags", "metadata")},
        )
        return [message]

    def refusal(self, status: int | None, code: Code | None) -> Refusal:
        return find_refusal(ERRORS, status, code)

    def refused(self, refusal: Refusal) -> Response:
        return JSONResponse(envelope(refusal), status_code=refusal.status)

    def as_json(self, messages: Sequence[Message], *, at_first: bool = False) -> dict[str, Any]:
        """The message object; with ``at_first`` in its first status."""
        message, extra = messages[0], messages[0].extra
        step = Step("accepted") if at_first else message.step
        late = step.word in {"sent", "delivered"}
        shown = {
            "id": message.id,
            "direction": "outbound",
            "status": step.word,
            "to": message.to,
            "from": message.sender,
            "text": "**REDACTED**" if extra["category"] == "authentication" else message.body,
            "category": extra["category"],
            "requested_language": None,
            "resolved_language": None,
            "template_id": None,
            "template_version_id": None,
            "template_content_hash": None,
            "segments": report.segments_json(message.body),
            "cost": report.cost(message, step.word),
            "tags": extra["tags"],
            "metadata": extra["metadata"],
            "created_at": zulu(message.taken_at),
            "sent_at": zulu(message.step_at) if late else None,
            "delivered_at": zulu(message.step_at) if step.word == "delivered" else None,
        }
        failed = {"last_error": report.error(message, step, report.error_text(step.code))}
        return shown | ({"mcc_mnc": "20408"} if late else {}) | (failed if step.word in report.FAILED else {})

    def charge(self, message: Message) -> Charge | None:
        """The cost at the message's present status."""
        return report.charge(message, message.step.word)

    def report(self, message: Message, step: Step, forged: bool) -> list[Outgoing]:  # noqa: FBT001 - as Network calls it
        event = report.event(message, step, report.error_text(step.code))
        return self.endpoints.send(event, message, step, forged=forged)

    def reply(self, message: Message, *, forged: bool) -> list[Outgoing]:
        """The event of the message and, for a STOP, of the new suppression."""
        suppression = self._opt_outs.note_reply(message, forged=forged)
        events = [report.received(message), *([report.suppression(suppression)] if suppression else [])]
        return [each for event in events for each in self.endpoints.send(event, message, message.step, forged=forged)]


def _fits(message: Message, query: QueryParams) -> bool:
    """Whether a message matches a list's filters; ``created_after`` is inclusive, ``created_before`` exclusive."""
    created = message.taken_at
    after, before = (query.get(name) for name in ("created_after", "created_before"))
    wanted = {"direction": "outbound", "to": message.to, "from": message.sender, "category": message.extra["category"]}
    tags = [f"{tag['name']}:{tag['value']}" for tag in message.extra["tags"] or ()]
    return (
        all(query.get(name, value) == value for name, value in wanted.items())
        and (not query.getlist("status") or message.step.word in query.getlist("status"))
        and all(any(tag in (each, each.partition(":")[0]) for each in tags) for tag in query.getlist("tag"))
        and (after is None or created >= datetime.fromisoformat(after))
        and (before is None or created < datetime.fromisoformat(before))
    )
