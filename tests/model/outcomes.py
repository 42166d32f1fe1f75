"""Every possible outcome of an external call, and the rules for answers to clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.services.responses import ApiResponse
from tests.model import keyed_provider
from tests.model.actors import Call
from tests.model.provider import consult, is_create, is_look_at_endpoint, posted
from tests.model.world import NUMBERS, WRITES, Actor, Violation, World, read, sid, write
from tests.setups import OPTED_OUT, QUEUE_FULL, UNHEARD, UNREACHED, WRONG_TOKEN, answer

_REFUSALS: Mapping[str, HttpResponse | NoResponse] = {
    "queue full": QUEUE_FULL,
    "unreached": UNREACHED,
    "wrong token": WRONG_TOKEN,
    "opted out": OPTED_OUT,
}
NO_REPLY = object()
"""No answer: the client repeats the call."""


def outcomes(world: World, call: Call, name: str, *, final: str) -> Iterator[tuple[str, World, object]]:
    """Every outcome of one call; each fault uses up one of the world's."""
    poorer = replace(world, faults=world.faults - 1)
    if call.name in WRITES:
        yield "done", *write(world, call)
        if world.faults:
            flying = replace(poorer, flying=poorer.flying | {NUMBERS.of(call)})
            yield "not answered", flying, Unavailable("time-out")
            yield "not answered and repeated by the client", flying, NO_REPLY
    elif call.name == "http":
        yield from _http(world, poorer, call.arguments[0], name, final)
    elif call.name == "enqueue":
        _, body = call.arguments
        queued = tuple(sorted((*world.queue, body)))
        yield "done", replace(world, queue=queued), None
        if world.faults:
            yield "refused", poorer, Unavailable("time-out")
            yield "done, not answered", replace(poorer, queue=queued), Unavailable("time-out")
    else:
        yield "done", *read(world, call)


def _http(
    world: World, poorer: World, request: HttpRequest, name: str, final: str
) -> Iterator[tuple[str, World, object]]:
    if is_look_at_endpoint(request):  # it moves no message, so it has one outcome
        yield "answered", world, consult(world, request, final)
        return
    if keyed_provider.is_keyed(request):
        yield from keyed_provider.outcomes(world, poorer, request, name)
        return
    if not is_create(request):
        yield "answered", world, consult(world, request, final)
        if world.faults:
            yield "not answered", poorer, UNHEARD
            if keyed_provider.is_search(request):
                yield "shows an old list", poorer, keyed_provider.OLD_LIST
            if "Messages.json" in request.url:
                yield "shows an old list", poorer, HttpResponse(200, body=b'{"messages": []}')
        return
    taken = answer(201, {"sid": sid(len(world.posts)), "status": "queued"})
    yield "accepted", posted(world, request, name, processed=True, possible=True), taken
    if world.faults:
        yield "processed, not answered", posted(poorer, request, name, processed=True, possible=True), UNHEARD
        yield "lost", posted(poorer, request, name, processed=False, possible=True), UNHEARD
        for label, refusal in _REFUSALS.items():
            yield label, posted(poorer, request, name, processed=False, possible=False), refusal


def check_reply(world: World, actor: Actor, reply: ApiResponse) -> None:
    """The answer to the client must be true."""
    if reply.status == 202 and reply.body["message_id"] not in world.stored():
        raise Violation("202 for a message that is not recorded")
    refused = reply.status in {422, 429, 502, 503}
    if refused and any(post.author == actor.name and post.possible for post in world.posts):
        raise Violation(f"{reply.status} ({reply.decision}) to {actor.name}, who may have sent it")
