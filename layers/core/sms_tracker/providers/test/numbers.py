"""The documented numbers, what happens to a message to each, and the answers of the built-in provider.

The numbers are of the range that is kept for fiction in North America (555-0100 to 555-0199): nobody has them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.status import Status
from sms_tracker.providers.test.api import UNAVAILABLE
from sms_tracker.providers.test.report import CODES


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The course of a message.

    ``reports`` are ``word`` or ``word:code``, each that many whole seconds after the request. ``refusal`` is the code
    of an answer with ``status``; without one the message is taken. ``lost`` loses the answer to a message that was
    taken. ``once``: a further attempt of the same message is delivered. ``seconds`` pass before the answer.
    """

    reports: tuple[tuple[int, str], ...] = ()
    status: HTTPStatus = HTTPStatus.BAD_REQUEST
    refusal: str | None = None
    lost: bool = False
    once: bool = False
    seconds: float = 0.0


_DELIVERED = Course(reports=((1, "sent"), (2, "delivered")))


def _undelivered(code: str) -> Course:
    return Course(reports=((1, "sent"), (2, f"undelivered:{code}")))


_COURSES = {
    "00": _DELIVERED,
    "01": _undelivered("unreachable"),
    "02": Course(reports=((1, "sent"), (2, "expired:expired"))),
    "03": Course(reports=((1, "sent"), (2, "failed:provider_error"))),
    "04": Course(reports=((1, "sent"), (20, "delivered"))),
    "05": Course(reports=((1, "delivered"), (1, "delivered"), (2, "sent"), (2, "sent"))),
    "07": Course(reports=_DELIVERED.reports, lost=True),
    "08": Course(),
    "09": Course(refusal="invalid_recipient"),
    "12": Course(refusal=UNAVAILABLE, status=HTTPStatus.TOO_MANY_REQUESTS, once=True),
    "18": Course(reports=((1, "undelivered:unreachable"), (5, "delivered"))),
    "23": Course(refusal="account", status=HTTPStatus.UNAUTHORIZED),
    "26": _undelivered("invalid_recipient"),
    "27": _undelivered("blocked"),
    "28": _undelivered("content_filtered"),
    "29": _undelivered("landline"),
    "30": _undelivered("sender_rejected"),
    "31": Course(reports=((1, "canceled:canceled"),)),
    "32": Course(reports=((1, "sent"), (2, "unconfirmed"))),
    "33": Course(reports=_DELIVERED.reports, seconds=5.0),
}
"""By the last two digits, those of the local stack's simulated providers where they have the course too."""

BLOCK = "+120255501"
"""The first digits of every documented number."""
OPTED_OUT = f"{BLOCK}10"
"""The recipient who opted out: the provider is not asked."""
NUMBERS: Mapping[str, Course] = {BLOCK + digits: course for digits, course in _COURSES.items()}
"""Any other number is delivered."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event about a message, due so many seconds after the request."""

    seconds: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The answer to a request, the seconds that pass before it, and the events that follow."""

    answer: HttpResponse | NoResponse
    seconds: float
    events: tuple[Event, ...]


def exchange(request: HttpRequest, *, now: datetime) -> Exchange:
    """What happens upon a request of ``api.send_request``, by its recipient and attempt alone."""
    sent = json.loads(request.body)
    context = sent["context"]
    known = f"test-{context['message_id']}-{context['attempt']}"
    course = NUMBERS.get(sent["to"], _DELIVERED)
    if course.once and context["attempt"] > 1:
        course = _DELIVERED
    return Exchange(
        answer=_answer(course, known),
        seconds=course.seconds,
        events=tuple(_event(known, context, second, step, now) for second, step in course.reports),
    )


def _answer(course: Course, known: str) -> HttpResponse | NoResponse:
    if course.lost:
        return NoResponse(written=True, reason="ReadTimeout")
    if course.refusal is None:
        return _json(HTTPStatus.CREATED, {"id": known, "status": str(Status.ACCEPTED)})
    text = CODES[course.refusal][1] if course.refusal in CODES else None
    return _json(course.status, {"code": course.refusal, "message": text})


def _event(known: str, context: Mapping[str, object], second: int, step: str, now: datetime) -> Event:
    word, _, code = step.partition(":")
    content = {
        "id": known,
        "status": word,
        "code": code or None,
        "message": CODES[code][1] if code else None,
        "at": timestamp(now + timedelta(seconds=second)),
        "context": context,
    }
    return Event(second, json.dumps(content).encode())


def _json(status: HTTPStatus, content: Mapping[str, object]) -> HttpResponse:
    """``retry-after`` counts for a refusal for now alone."""
    return HttpResponse(status, {"content-type": "application/json", "retry-after": "1"}, json.dumps(content).encode())
