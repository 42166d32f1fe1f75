"""MessageBird's SMS API: create, view, list; access key, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from secrets import compare_digest
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulators import segments
from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Charge, Message
from local.simulators.messagebird import report
from local.simulators.messagebird.report import Settings
from local.simulators.scenario import Code, Step
from local.simulators.send_endpoint import Backend, Refusal, Refused, find_refusal, take


def _error(code: int, text: str, status: int, parameter: str | None = None) -> Refusal:
    return Refusal(status=status, code=code, text=text, parameter=parameter)


ERRORS = (
    _error(2, "Request not allowed (incorrect access_key)", 401, "access_key"),
    _error(9, "no (correct) value was given", 422),
    _error(10, "recipients is invalid", 422, "recipients"),
    _error(20, "message not found", 404),
    _error(21, "bad request", 400),
    _error(25, "not enough credit", 402),
    _error(98, "too many requests", 429),
    _error(99, "internal error", 500),
)
DELIVERY_ERRORS: dict[Code, str] = {1: "unknown subscriber", 34: "system failure", 103: "recipient opted out"}
_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")
_ORIGINATOR = re.compile(r"\+?[0-9]{3,17}|[A-Za-z0-9 ]{1,11}")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?([/?#]\S*)?")
_MOST_RECIPIENTS = 50
_SENT = {"sent", "delivered"}
_FAILED = {"expired", "delivery_failed"}


class MessageBird:
    """One account."""

    name = "messagebird"
    success = 201

    def __init__(self, settings: Settings, backend: Backend) -> None:
        self.settings = settings
        self.backend = backend

    def routes(self) -> Sequence[Route]:
        return [
            Route("/messages", partial(take, self), methods=["POST"]),
            Route("/messages", self.search),
            Route("/messages/{id}", self.view),
        ]

    async def view(self, request: Request) -> Response:
        """GET /messages/{id}."""
        self._authenticate(request)
        messages = self.backend.ledger.messages.get(request.path_params["id"])
        if not messages:
            raise Refused(self.refusal(None, 20))
        return JSONResponse(self.as_json(messages, whole=True))

    async def search(self, request: Request) -> Response:
        """GET /messages: newest first, by limit, offset and status."""
        self._authenticate(request)
        query = request.query_params
        try:
            offset, limit = int(query.get("offset", 0)), int(query.get("limit", 20))
        except ValueError:
            return self.refused(self.refusal(422, 10))
        status = query.get("status")
        groups = [
            group
            for group in reversed(self.backend.ledger.messages.values())
            if status is None or any(message.step.word == status for message in group)
        ]
        page = [self.as_json(group, whole=True) for group in groups[offset : offset + limit]]
        counts = {"offset": offset, "limit": limit, "count": len(page), "totalCount": len(groups)}
        links = {"first": None, "previous": None, "next": None, "last": None}
        return JSONResponse(counts | {"links": links, "items": page})

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not compare_digest(given, f"AccessKey {self.settings.access_key}".encode()):
            raise Refused(self.refusal(401, 2))

    def read(self, request: Request, body: bytes) -> list[Message]:
        """One message for each recipient, all with one id."""
        self._authenticate(request)
        given = _json(body)
        if refusal := _fault(given):
            raise Refused(refusal)
        message_id = uuid4().hex
        return [
            Message(
                id=message_id,
                to=to,
                sender=str(given["originator"]),
                body=str(given["body"]),
                callback_url=str(given.get("reportUrl") or "") or None,
                reference=str(given.get("reference") or "") or None,
                script=self.backend.scenarios.script(to, str(given["originator"])),
                step=Step("sent"),
                extra={name: given.get(name) for name in ("type", "validity", "datacoding", "scheduledDatetime")},
            )
            for to in (f"+{number.lstrip('+')}" for number in _recipients(given))
        ]

    def refusal(self, status: int | None, code: Code | None) -> Refusal:
        return find_refusal(ERRORS, status, code)

    def refused(self, refusal: Refusal) -> Response:
        error = {"code": refusal.code, "description": refusal.text, "parameter": refusal.parameter}
        return JSONResponse({"errors": [error]}, status_code=refusal.status)

    def as_json(self, messages: Sequence[Message], *, whole: bool = False) -> dict[str, Any]:
        """The message object; ``whole`` adds the later fields: reason, code, price, network."""
        first = messages[0]
        words = [message.step.word for message in messages]
        extra = first.extra
        return {
            "id": first.id,
            "href": f"https://rest.messagebird.com/messages/{first.id}",
            "direction": "mt",
            "type": extra["type"] or "sms",
            "originator": first.sender,
            "body": first.body,
            "reference": first.reference,
            "validity": extra["validity"],
            "gateway": 10,
            "typeDetails": {},
            "datacoding": extra["datacoding"] or "plain",
            "mclass": 1,
            "scheduledDatetime": extra["scheduledDatetime"],
            "createdDatetime": first.taken_at.isoformat(timespec="seconds"),
            "recipients": {
                "totalCount": len(messages),
                "totalSentCount": sum(word in _SENT for word in words),
                "totalDeliveredCount": words.count("delivered"),
                "totalDeliveryFailedCount": sum(word in _FAILED for word in words),
                "items": [_item(message, whole=whole) for message in messages],
            },
        }

    def charge(self, message: Message) -> Charge:
        return report.charge(message)

    def report(self, message: Message, step: Step, forged: bool) -> list[Outgoing]:  # noqa: FBT001 - as Network calls it
        return report.report(self.settings, message, step, text=_error_text(step), forged=forged)

    def reply(self, message: Message, *, forged: bool) -> list[Outgoing]:
        return [report.reply(self.settings, message, forged=forged)]


def _item(message: Message, *, whole: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "recipient": int(message.to),
        "status": message.step.word,
        "statusDatetime": message.step_at.isoformat(timespec="seconds"),
        "messagePartCount": segments.count(message.body),
    }
    if whole:
        item["statusReason"] = _error_text(message.step)
        item["statusErrorCode"] = message.step.code
        due = report.charge(message)
        item["price"] = {"amount": float(due.amount), "currency": due.currency}
        item["mccmnc"] = "20408"
    return item


def _error_text(step: Step) -> str | None:
    return None if step.code is None else DELIVERY_ERRORS.get(step.code, "unknown error")


def _json(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused(find_refusal(ERRORS, 400, 21))
    return given


def _recipients(given: dict[str, Any]) -> list[str]:
    """The numbers of a list, or of a comma-separated string, as the SDK sends it."""
    listed = given.get("recipients")
    return [str(each).strip() for each in (listed if isinstance(listed, list) else str(listed or "").split(","))]


def _fault(given: dict[str, Any]) -> Refusal | None:
    numbers = _recipients(given)
    for name in ("originator", "recipients", "body"):
        if not given.get(name):
            return _error(9, f"no (correct) {name} found", 422, name)
    wrong = {
        "originator": not _ORIGINATOR.fullmatch(str(given["originator"])),
        "recipients": not all(_NUMBER.fullmatch(each) for each in numbers) or len(numbers) > _MOST_RECIPIENTS,
        "reportUrl": bool(given.get("reportUrl")) and not _URL.fullmatch(str(given["reportUrl"])),
    }
    return next((_error(10, f"{name} is invalid", 422, name) for name, bad in wrong.items() if bad), None)
