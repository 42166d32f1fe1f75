"""The model's provider: its create calls, look-ups, searches and callbacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from email.utils import format_datetime
from urllib.parse import parse_qs

from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.queued import Envelope, encode_report
from sms_tracker.domain.report import Source, timestamp
from tests.model import keyed_provider
from tests.model.actors import TICKS
from tests.model.world import LAST, Post, Violation, World, sid
from tests.setups import attempt_of, message_id_of


def envelope(world: World, number: int, word: str) -> str:
    """A callback as the webhook queues it."""
    post = world.posts[number]
    if post.key:
        return keyed_provider.envelope(post, number, word)
    fields = {"MessageSid": sid(number), "MessageStatus": word, "To": "+31612345678"}
    if word == "undelivered":
        fields["ErrorCode"] = "30003"
    return encode_report(
        Envelope(
            provider="twilio",
            message_id=post.message_id,
            attempt=post.attempt,
            source=Source.CALLBACK,
            received_at=timestamp(TICKS[0]),
            fields=fields,
        )
    )


def posted(world: World, request: HttpRequest, author: str, *, processed: bool, possible: bool) -> World:
    """A create call reaches the provider; raises for a message sent twice."""
    post = Post(message_id_of(request), attempt_of(request), author, world.tick, processed, possible)
    earlier = [each for each in world.posts if each.message_id == post.message_id and each.possible]
    if any(each.attempt == post.attempt for each in earlier):
        raise Violation("two POSTs of one attempt")
    if earlier:
        raise Violation("two attempts that could both have been sent")
    return replace(world, posts=(*world.posts, post))


def is_look_at_endpoint(request: HttpRequest) -> bool:
    """Whether it asks for the endpoints that are registered for reports."""
    return "/v1/webhooks" in request.url


def consult(world: World, request: HttpRequest, final: str) -> HttpResponse:
    """The answer to a look-up or a search; a message is final an hour after its send."""
    if is_look_at_endpoint(request):
        return HttpResponse(200, body=b'{"data": [], "next_cursor": null}')
    if "/v1/sms/messages" in request.url:
        return keyed_provider.consult(world, request, final)
    shown = [_shown(world, number, final) for number in _processed(world)]
    name = request.url.partition("?")[0].rpartition("/")[2].removesuffix(".json")
    if name == "Messages":
        return HttpResponse(200, body=json.dumps({"messages": shown, "next_page_uri": None}).encode())
    return HttpResponse(200, body=json.dumps(next(each for each in shown if each["sid"] == name)).encode())


def _processed(world: World) -> Iterator[int]:
    return (number for number, post in enumerate(world.posts) if post.processed)


def _shown(world: World, number: int, final: str) -> dict[str, object]:
    reported = (sid(number), final) in world.reported or world.tick > LAST
    return {
        "sid": sid(number),
        "status": final if reported else "sent",
        "error_code": 30003 if reported and final == "undelivered" else None,
        "to": "+31612345678",
        "from": "+15551234567",
        "body": "Your parcel is here",
        "date_updated": format_datetime(TICKS[0]),
        "date_created": format_datetime(TICKS[world.posts[number].tick]),
    }


def is_create(request: HttpRequest) -> bool:
    return request.method == "POST" and bool(parse_qs(request.body.decode()).get("StatusCallback"))
