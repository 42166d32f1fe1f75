"""Twilio's Messages resource: create, fetch, list; basic auth, errors, test numbers."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from functools import partial
from secrets import compare_digest
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulators import segments
from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Charge, Message
from local.simulators.scenario import Code, Script, Step
from local.simulators.send_endpoint import Backend, Refusal, Refused, find_refusal, take
from local.simulators.twilio import report
from local.simulators.twilio.errors import DELIVERY_ERRORS, ERRORS, fault
from local.simulators.twilio.report import API_VERSION, Settings

_LARGEST_PAGE = 1000
_MOVING = frozenset({"accepted", "queued", "scheduled"})
_PRICE = Decimal("0.0079")
"""Dollars for each segment."""
_TEST_NUMBER = re.compile(r"\+1500555\d{4}")


class Twilio:
    """One account."""

    name = "twilio"
    success = 201

    def __init__(self, settings: Settings, backend: Backend) -> None:
        self.settings = settings
        self.backend = backend
        self._lookups = Counter[str]()

    def routes(self) -> Sequence[Route]:
        base = f"/{API_VERSION}/Accounts/{{account}}/Messages"
        return [
            Route(f"{base}.json", partial(take, self), methods=["POST"]),
            Route(f"{base}.json", self.search),
            Route(f"{base}/{{sid}}.json", self.fetch),
        ]

    async def fetch(self, request: Request) -> Response:
        """GET Messages/{Sid}.json."""
        self._authenticate(request)
        sid = request.path_params["sid"]
        found = self.backend.ledger.messages.get(sid) or self._received(sid)
        if not found:
            raise Refused(self.refusal(None, 20404))
        self._lookups[found[0].id] += 1
        return JSONResponse(self.as_json(found))

    def _received(self, sid: str) -> Sequence[Message]:
        """The reply with that SID; forged replies are in no account."""
        replies = self.backend.ledger.replies
        return [each for each in replies if report.reply_sid(each) == sid and not each.extra["forged"]]

    async def search(self, request: Request) -> Response:
        """GET Messages.json: newest first, filtered by To, From and DateSent (=, >=, <=), paged by token."""
        self._authenticate(request)
        try:
            return JSONResponse(self._page(request.url.path, dict(parse_qsl(request.url.query))))
        except ValueError:
            return self.refused(self.refusal(400, 20001))

    def _page(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        size = min(max(int(query.get("PageSize", "50")), 1), _LARGEST_PAGE)
        number = max(int(query.get("Page", "0")), 0)
        found = [message for message in self.backend.ledger.newest_first() if _matches(message, query)]
        ids = [message.id for message in found]
        token = query.get("PageToken", "").removeprefix("PA")
        start = ids.index(token) + 1 if token else number * size
        page = found[start : start + size]
        kept = {name: value for name, value in query.items() if name not in {"Page", "PageToken"}} | {"PageSize": size}
        more = {"Page": number + 1, "PageToken": f"PA{page[-1].id}"} if len(found) > start + size else None
        return {
            "messages": [self.as_json([message]) for message in page],
            "page": number,
            "page_size": size,
            "start": start,
            "end": max(start + len(page) - 1, 0),
            "uri": f"{path}?{urlencode(kept | {'Page': number})}",
            "first_page_uri": f"{path}?{urlencode(kept | {'Page': 0})}",
            "previous_page_uri": f"{path}?{urlencode(kept | {'Page': number - 1})}" if number else None,
            "next_page_uri": more and f"{path}?{urlencode(kept | more)}",
        }

    def _authenticate(self, request: Request) -> None:
        own = self.settings
        pairs = [(own.account_sid, own.auth_token), (own.api_key_sid, own.api_key_secret)]
        if own.secondary_auth_token:
            pairs.append((own.account_sid, own.secondary_auth_token))
        given = request.headers.get("authorization", "").encode()
        known = [b"Basic " + base64.b64encode(f"{name}:{secret}".encode()) for name, secret in pairs]
        if not any(compare_digest(given, each) for each in known):
            raise Refused(self.refusal(401, 20003))
        if request.path_params["account"] != own.account_sid:
            raise Refused(self.refusal(404, 20404))

    def read(self, request: Request, body: bytes) -> list[Message]:
        """One message from the form; test numbers are refused or taken as Twilio documents."""
        self._authenticate(request)
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        if code := fault(form):
            raise Refused(self.refusal(None, code))
        to, service = form["To"], form.get("MessagingServiceSid")
        sender = form.get("From") or service or ""
        test = _TEST_NUMBER.fullmatch(to) or _TEST_NUMBER.fullmatch(form.get("From", ""))
        return [
            Message(
                id=f"SM{uuid4().hex}",
                to=to,
                sender=sender,
                body=form["Body"],
                callback_url=form.get("StatusCallback") or None,
                reference=None,
                script=Script(name="test-number") if test else self.backend.scenarios.script(to, sender),
                step=Step("accepted" if service else "queued"),
                extra={"messaging_service_sid": service, "validity": form.get("ValidityPeriod")},
            )
        ]

    def refusal(self, status: int | None, code: Code | None) -> Refusal:
        return find_refusal(ERRORS, status, code)

    def refused(self, refusal: Refusal) -> Response:
        more = f"https://www.twilio.com/docs/errors/{refusal.code}"
        body = {"code": refusal.code, "message": refusal.text, "more_info": more, "status": refusal.status}
        return JSONResponse(body, status_code=refusal.status)

    def as_json(self, messages: Sequence[Message]) -> dict[str, Any]:
        message = messages[0]
        service, step = message.extra.get("messaging_service_sid"), message.step
        moving = step.word in _MOVING
        inbound = step.word == report.RECEIVED
        sid = report.reply_sid(message) if inbound else message.id
        uri = f"/{API_VERSION}/Accounts/{self.settings.account_sid}/Messages/{sid}"
        return {
            "sid": sid,
            "account_sid": self.settings.account_sid,
            "messaging_service_sid": service,
            "to": message.to,
            "from": None if service and moving else message.sender,
            "body": message.body,
            "status": step.word,
            "direction": "inbound" if inbound else "outbound-api",
            "num_segments": "0" if service and moving else str(segments.count(message.body)),
            "num_media": "0",
            "error_code": step.code,
            "error_message": self._error_text(step),
            "price": self._price(message),
            "price_unit": "USD",
            "api_version": API_VERSION,
            "date_created": format_datetime(message.taken_at),
            "date_updated": format_datetime(message.step_at),
            "date_sent": None if moving else format_datetime(message.taken_at),
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }

    def charge(self, message: Message) -> Charge | None:
        """Nothing until the message is handed over."""
        moving = message.step.word in _MOVING
        return None if moving else Charge(_PRICE * segments.count(message.body), "USD")

    def _price(self, message: Message) -> str | None:
        """Negative, with five decimals; None while it is late."""
        charge, late = self.charge(message), int(self.settings.late_prices)
        return None if charge is None or 0 < late >= self._lookups[message.id] else f"{-charge.amount:.5f}"

    def _error_text(self, step: Step) -> str | None:
        return None if step.code is None else DELIVERY_ERRORS.get(step.code, "An undocumented error")

    def report(self, message: Message, step: Step, forged: bool) -> list[Outgoing]:  # noqa: FBT001 - as Network calls it
        return report.report(self.settings, message, step, text=self._error_text(step), forged=forged)

    def reply(self, message: Message, *, forged: bool) -> list[Outgoing]:
        return [report.reply(self.settings, message, forged=forged)]


def _matches(message: Message, query: dict[str, str]) -> bool:
    """``DateSent>`` and ``DateSent<`` include the given second or day: they mean ``>=`` and ``<=``.

    A message that is not sent yet has no such date, so they never match it.
    """
    sent, is_sent = message.taken_at.replace(microsecond=0), message.step.word not in _MOVING
    dates: dict[str, Callable[[datetime, datetime], bool]] = {
        "DateSent": lambda start, end: start <= sent < end,
        "DateSent>": lambda start, _: sent >= start,
        "DateSent<": lambda _, end: sent < end,
    }
    return (
        query.get("To", message.to) == message.to
        and query.get("From", message.sender) == message.sender
        and all(is_sent and test(*_span(query[name])) for name, test in dates.items() if query.get(name))
    )


def _span(text: str) -> tuple[datetime, datetime]:
    start = datetime.fromisoformat(text)
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    return start, start + (timedelta(seconds=1) if "T" in text else timedelta(days=1))
