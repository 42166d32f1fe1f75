"""The model's provider with idempotency keys: what becomes of a request, and its list.

A finished request is answered again, 2xx and 4xx alike. A 5xx leaves its key free even where it had an effect. A
running request is a conflict.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.queued import Envelope, encode_report
from sms_tracker.domain.report import Source, timestamp
from tests.model.actors import TICKS
from tests.model.values import frozen
from tests.model.world import LAST, NUMBERS, Post, Violation, World, sid
from tests.setups import UNHEARD, UNREACHED, answer

Outcome = tuple[str, World, object]

_REFUSED = answer(422, {"error": {"name": "SMSInvalidRecipient", "code": "E12901"}})
_NOT_CARRIED_OUT: Mapping[str, Any] = {
    "throttled": answer(429),
    "key store down": answer(503, {"error": {"code": "E01033"}}),
    "wrong key": answer(401, {"error": {"code": "E01901"}}),
    "unreached": UNREACHED,
}


def is_keyed(request: HttpRequest) -> bool:
    """Whether it is a create call under an idempotency key."""
    return request.method == "POST" and "idempotency-key" in request.headers


def outcomes(world: World, poorer: World, request: HttpRequest, author: str) -> Iterator[Outcome]:
    """Every outcome of one create call, the usual one first; each fault uses up one of the world's."""
    key = request.headers["idempotency-key"]
    if any(post.key == key and post.running for post in world.posts):
        yield "conflicts with the running one", world, answer(409, {"error": {"code": "E01004"}})
        return
    if known := next((each for each in world.kept if each[0] == key), None):
        yield from _again(world, poorer, request, known)
        return
    taken = _taken(len(world.posts))
    post = _post(world, request, author)
    yield "accepted", _keep(_made(world, post), post, taken), taken
    if not world.faults:
        return
    yield "processed, not answered", _keep(_made(poorer, post), post, taken), UNHEARD
    yield "processed, 500", _made(poorer, post), answer(500)
    yield "lost", _noted(poorer, replace(post, processed=False)), UNHEARD
    yield "running, not answered", _noted(poorer, replace(post, processed=False, running=True)), UNHEARD
    yield "refused", _keep(_noted(poorer, _nothing(post)), post, _REFUSED), _REFUSED
    yield "refused, not answered", _keep(_noted(poorer, _nothing(post)), post, _REFUSED), UNHEARD
    for label, refusal in _NOT_CARRIED_OUT.items():
        yield label, _noted(poorer, _nothing(post)), refusal


def ended(world: World) -> Iterator[tuple[str, World]]:
    """A running request ends, with its effect or without."""
    for place, post in enumerate(world.posts):
        if post.running:
            others = world.posts[:place], world.posts[place + 1 :]
            over = replace(post, running=False)
            yield "the running request fails", replace(world, posts=(*others[0], over, *others[1]))
            made = replace(over, processed=True)
            _check(world, made)
            after = replace(world, posts=(*others[0], made, *others[1]))
            yield "the running request is carried out", _keep(after, made, _taken(place))


def _again(world: World, poorer: World, request: HttpRequest, known: tuple[str, int, int]) -> Iterator[Outcome]:
    first: HttpRequest = NUMBERS[known[1]]  # type: ignore[assignment]  # a request
    if frozen(first) != frozen(request):
        raise Violation("another request under the same key")
    kept: HttpResponse = NUMBERS[known[2]]  # type: ignore[assignment]  # an answer
    yield "answered again", world, replace(kept, headers={**kept.headers, "idempotency-replay": "true"})
    if world.faults:
        yield "not answered", poorer, UNHEARD


def _post(world: World, request: HttpRequest, author: str) -> Post:
    named = json.loads(request.body)["metadata"]
    key, number = request.headers["idempotency-key"], NUMBERS.of(request)
    return Post(named["message_id"], named["attempt"], author, world.tick, True, True, key, number)  # noqa: FBT003  # processed, possible


def _taken(number: int) -> HttpResponse:
    return answer(202, {"id": sid(number), "status": "accepted"})


def _nothing(post: Post) -> Post:
    return replace(post, processed=False, possible=False)


def _made(world: World, post: Post) -> World:
    _check(world, post)
    return _noted(world, post)


def _check(world: World, post: Post) -> None:
    if any(each.message_id == post.message_id and each.processed for each in world.posts):
        raise Violation("two messages in the provider's books")


def _noted(world: World, post: Post) -> World:
    possible = [each for each in world.posts if each.message_id == post.message_id and each.possible]
    if any(each.attempt != post.attempt for each in possible):
        raise Violation("two attempts that could both have been sent")
    return replace(world, posts=(*world.posts, post))


def _keep(world: World, post: Post, kept: HttpResponse) -> World:
    return replace(world, kept=tuple(sorted({*world.kept, (post.key, post.request, NUMBERS.of(kept))})))


# --- its books


def is_search(request: HttpRequest) -> bool:
    """Whether it asks for the list."""
    return "/v1/sms/messages?" in request.url


OLD_LIST = answer(200, {"data": [], "next_cursor": None})


def consult(world: World, request: HttpRequest, final: str) -> HttpResponse:
    """The answer to a look-up or a search; a message is final an hour after its send."""
    shown = [_shown(world, number, final) for number, post in enumerate(world.posts) if post.processed]
    if is_search(request):
        return answer(200, {"data": shown, "next_cursor": None})
    known = request.url.rpartition("/")[2]
    return answer(200, next(each for each in shown if each["id"] == known))


def _shown(world: World, number: int, final: str) -> dict[str, object]:
    post = world.posts[number]
    is_final = (sid(number), final) in world.reported or world.tick > LAST
    return {
        "id": sid(number),
        "status": final if is_final else "sent",
        "last_error": {"code": "unreachable"} if is_final and final == "undelivered" else None,
        "to": "+31612345678",
        "created_at": timestamp(TICKS[post.tick]),
        "metadata": {"message_id": post.message_id, "attempt": post.attempt, "token": post.key},
    }


def envelope(post: Post, number: int, word: str) -> str:
    """A webhook as it is queued."""
    data = {"sms_id": sid(number), "to": "+31612345678"}
    error = {"error": {"code": "unreachable"}} if word == "undelivered" else {}
    return encode_report(
        Envelope(
            provider="bird",
            message_id=post.message_id,
            attempt=post.attempt,
            source=Source.CALLBACK,
            received_at=timestamp(TICKS[0]),
            fields={"body": json.dumps({"type": f"sms.{word}", "data": data | error})},
        )
    )
