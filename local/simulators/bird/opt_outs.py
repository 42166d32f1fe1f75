"""``/v1/sms/suppressions`` and ``/v1/sms/keyword-rules``: who opted out of which number, and by which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.simulators.bird.report import Settings, new_id, zulu
from local.simulators.bird.webhook_routes import Act, page, page_ids
from local.simulators.ledger import Message, now

_KEYWORDS = {
    "stop": ("STOP", "STOPALL", "END", "QUIT", "CANCEL", "UNSUBSCRIBE"),
    "start": ("START", "UNSTOP"),
    "help": ("HELP", "INFO"),
}
_SINCE = "2026-01-01T00:00:00.000Z"


class OptOuts:
    """The suppressions in force, newest first; ``settings`` returns the account's."""

    def __init__(self, settings: Callable[[], Settings], guarded: Callable[[Act], Act]) -> None:
        self._settings = settings
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        self.routes = [
            Route("/v1/sms/suppressions", guarded(self.list)),
            Route("/v1/sms/keyword-rules", guarded(self.rules)),
        ]

    def note_reply(self, message: Message, *, forged: bool) -> Mapping[str, Any] | None:
        """The suppression that a reply creates, or None. A forged reply is not stored."""
        pair, text = (message.sender, message.to), message.body.strip(" .!").upper()
        if text in self._words("start") and not forged:
            self._known.pop(pair, None)
        if text not in self._words("stop") or (pair in self._known and not forged):
            return None
        at = zulu(message.taken_at)
        created = {
            "id": new_id("ssu"),
            "destination": message.sender,
            "originator": message.to,
            "reason": "keyword_stop",
            "origin": "keyword",
            "applies_to": self._settings().coverage,
            "blocking": True,
            "effective_at": at,
            "created_at": zulu(now()),
            "last_asserted_at": at,
        }
        if not forged:
            self._known[pair] = created
        return created

    async def list(self, request: Request) -> Response:
        """Filtered by destination, originator and reason."""
        query = request.query_params
        found = {each["id"]: each for each in reversed(self._known.values()) if _fits(each, query)}
        shown, following = page_ids(query, list(found))
        return JSONResponse(page([found[each] for each in shown], following))

    async def rules(self, _: Request) -> Response:
        return JSONResponse({"data": [self._rule(operation) for operation in _KEYWORDS]})

    def _words(self, operation: str) -> tuple[str, ...]:
        own = self._settings().own_start.upper().split() if operation == "start" else ()
        return (*_KEYWORDS[operation], *own)

    def _rule(self, operation: str) -> Mapping[str, Any]:
        own = self._words(operation)[len(_KEYWORDS[operation]) :]
        return {
            "id": new_id("skw" if own else "sks"),
            "scope": "workspace" if own else "system",
            "operation": operation,
            "country": "NL",
            "keywords": own or _KEYWORDS[operation],
            "effective_keywords": self._words(operation),
            "reply": "Thank you.",
            "mandatory": True,
            "created_at": _SINCE,
            "updated_at": _SINCE,
        }


def _fits(suppression: Mapping[str, Any], query: QueryParams) -> bool:
    return all(query.get(name) in (None, suppression[name]) for name in ("destination", "originator", "reason"))
