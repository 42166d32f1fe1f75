"""The built-in provider's test numbers, and what happens to a message to each.

The numbers are reserved for fiction in North America (555-0100 to 555-0199).
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
    """What happens to a message.

    - ``reports``: pairs of whole seconds after the request, and ``word`` or ``word:code``
    - ``refusal``: the code of a refusal with HTTP ``status``; None: the message is accepted
    - ``lost``: the message is accepted, but the answer is lost
    - ``once``: only the first attempt is refused; later ones are delivered
    - ``seconds``: time before the answer
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
"""By the last two digits. Numbers of the local stack's simulators have the same effect there."""

BLOCK = "+120255501"
"""The first digits of every documented number."""
OPTED_OUT = f"{BLOCK}10"
"""The recipient who opted out: nothing is sent."""
NUMBERS: Mapping[str, Course] = {BLOCK + digits: course for digits, course in _COURSES.items()}
"""The test numbers. A message to any other number is delivered."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event about a message, due ``seconds`` after the request."""

    seconds: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The answer to a request, the time before it in seconds, and the events that follow."""

    answer: HttpResponse | NoResponse
    seconds: float
    events: tuple[Event, ...]


def exchange(request: HttpRequest, *, now: datetime) -> Exchange:
    """The answer and events for a request of ``api.send_request``. They depend only on its recipient and attempt."""
    sent = json.loads(request.body)
    context = sent["context"]
    provider_id = f"test-{context['message_id']}-{context['attempt']}"
    course = NUMBERS.get(sent["to"], _DELIVERED)
    if course.once and context["attempt"] > 1:
        course = _DELIVERED
    return Exchange(
        answer=_answer(course, provider_id),
        seconds=course.seconds,
        events=tuple(_event(provider_id, context, second, step, now) for second, step in course.reports),
    )


def _answer(course: Course, provider_id: str) -> HttpResponse | NoResponse:
    if course.lost:
        return NoResponse(written=True, reason="ReadTimeout")
    if course.refusal is None:
        return _json(HTTPStatus.CREATED, {"id": provider_id, "status": str(Status.ACCEPTED)})
    text = CODES[course.refusal][1] if course.refusal in CODES else None
    return _json(course.status, {"code": course.refusal, "message": text})


def _event(provider_id: str, context: Mapping[str, object], second: int, step: str, now: datetime) -> Event:
    word, _, code = step.partition(":")
    content = {
        "id": provider_id,
        "status": word,
        "code": code or None,
        "message": CODES[code][1] if code else None,
        "at": timestamp(now + timedelta(seconds=second)),
        "context": context,
    }
    return Event(second, json.dumps(content).encode())


def _json(status: HTTPStatus, content: Mapping[str, object]) -> HttpResponse:
    """A JSON response. ``retry-after`` has an effect only on temporary refusals."""
    return HttpResponse(status, {"content-type": "application/json", "retry-after": "1"}, json.dumps(content).encode())
