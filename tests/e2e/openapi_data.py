"""Data for schemathesis beyond the schema: valid numbers, cursors, senders and ranges."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis import Case, CheckContext, HookContext, Response

from ops.openapi.document import PROBLEM, document
from sms_tracker import providers
from sms_tracker.domain.indexes import Position
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.text import is_blank, segment
from sms_tracker.providers.base import Provider
from sms_tracker.read.list_query import ListQuery, encoded_cursor
from sms_tracker.services.idempotency import KEY_PATTERN
from sms_tracker.services.validation import MAX_LENGTH, MAX_SEGMENTS

_DELIVERED = "00"
"""Last digits of numbers for which the simulated providers deliver."""
_DEFAULT_PROVIDER = "twilio"
_NO_PREVIEWS = "bird"
"""Its simulator refuses a validity, as Bird does outside that preview."""
_DOCUMENT = document()
_TIMES = st.integers(1_577_836_800_000, 1_767_225_600_000).map(
    lambda milliseconds: timestamp(datetime.fromtimestamp(milliseconds / 1000, UTC))
)
"""Times in the years 2020 to 2025."""
_A_TIME = re.compile(r"202\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

schemathesis.openapi.format("phone-number", st.integers(0, 9999).map(lambda n: f"+31622{n:04d}{_DELIVERED}"))
schemathesis.openapi.format("date-time", _TIMES)
schemathesis.openapi.format(
    "cursor", st.builds(encoded_cursor, st.builds(Position, _TIMES, st.uuids().map(str)), st.just("bound below"))
)


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: Any) -> None:
    """Adapt a request to rules beyond the schema; an invalid request stays invalid."""
    if isinstance(case.body, dict):
        _prepare_message(case.body)
    if isinstance(case.query, dict):
        _prepare_range(case.query)
        if case.operation.path == "/stats":
            _prepare_month(case.query)
        if case.operation.path == "/messages":
            _bind_cursor(case.query)
    given = case.headers.get("Idempotency-Key") if case.headers else None
    if isinstance(given, str) and KEY_PATTERN.fullmatch(given):
        case.headers["Idempotency-Key"] = str(uuid4())  # a key belongs to one request


def _prepare_message(body: dict[str, Any]) -> None:
    """A text that is not blank and not too long, what the provider takes, and no stored text."""
    text = body.get("body")
    if isinstance(text, str) and 0 < len(text) <= MAX_LENGTH:
        if segment(text).segments > MAX_SEGMENTS:
            text = text[: MAX_LENGTH // 5]
        body["body"] = "blank" if is_blank(text) else text
    if body.get("resend_if_lost") is True:
        body["resend_if_lost"] = False
    if body.get("provider") == providers.BUILT_IN:  # it needs a test key
        body["provider"] = _DEFAULT_PROVIDER
    sender, chosen = body.get("from"), body.get("provider") or _DEFAULT_PROVIDER
    takers = [name for name in providers.names() if isinstance(sender, str) and _takes(name, sender)]
    if takers and chosen in providers.names() and chosen not in takers:
        body["from"] = "+15551234567"
    if chosen in providers.names():
        _prepare_capabilities(body, providers.load(chosen))


def _prepare_capabilities(body: dict[str, Any], provider: Provider) -> None:
    """What any provider takes becomes what this one takes; the rest stays wrong."""
    seconds, known = body.get("validity_seconds"), [providers.load(name) for name in providers.names()]
    takers = [each for each in known if each.VALIDITY and seconds in each.VALIDITY]
    if isinstance(seconds, bool):
        takers = []
    if takers and body.get("provider") == _NO_PREVIEWS:
        del body["validity_seconds"]
    elif takers and provider not in takers:
        body["validity_seconds"] = provider.VALIDITY[0] if provider.VALIDITY else None
    word = body.get("category")
    if any(word in each.CATEGORIES for each in known) and word not in provider.CATEGORIES:
        del body["category"]


def _takes(provider: str, sender: str) -> bool:
    return any(re.fullmatch(form, sender) for form in providers.load(provider).SENDERS.values())


def _prepare_range(query: dict[str, Any]) -> None:
    """No range that ends before it begins."""
    since, until = query.get("since"), query.get("until")
    if isinstance(since, str) and isinstance(until, str) and since > until:
        query["since"], query["until"] = until, since


def _prepare_month(query: dict[str, Any]) -> None:
    """No statistics of more than a month."""
    since, until = query.get("since"), query.get("until", "")
    if (
        isinstance(since, str)
        and isinstance(until, str)
        and _A_TIME.match(since)
        and (not until or _A_TIME.match(until))
    ):
        query["until"] = timestamp(datetime.fromisoformat(since) + timedelta(days=1))


def _bind_cursor(query: dict[str, Any]) -> None:
    """A cursor of the other parameters, if all are valid."""
    sent = {name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in query.items()}
    with contextlib.suppress(ValidationError):
        parsed = ListQuery.model_validate(sent, context=None)
        if parsed.cursor:
            query["cursor"] = encoded_cursor(parsed.cursor.position, parsed.digest)


@schemathesis.check
def listed_problem(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """The document lists the problem for its status; the schema admits any type."""
    if response.headers.get("content-type", [""])[0] == PROBLEM and response.request.method != "HEAD":
        answers = _DOCUMENT["paths"][case.operation.path][str(response.request.method).lower()]["responses"]
        listed = answers[str(response.status_code)]["content"][PROBLEM]["examples"]
        assert response.json()["type"].removeprefix("urn:sms-tracker:problem:") in listed


@schemathesis.check
def no_such_route(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """API Gateway answers unknown methods with 404, never with 405.

    OPTIONS is not checked: the emulator handles it for CORS.
    """
    method = str(response.request.method)
    if method not in {"OPTIONS", *(known.upper() for known in case.operation.schema[case.operation.path])}:
        assert response.status_code == 404
        assert method == "HEAD" or response.json() == {"message": "Not Found"}
