"""What the API can do: one entry a route, the only place that a new route has to be described in."""

from __future__ import annotations

import json
from pathlib import Path

from ops.openapi import opt_outs, webhooks
from ops.openapi.operation import CSS, HTML, JSON, SCRIPT, Answer, Link, Operation, Parameter
from sms_tracker.read import schemas
from sms_tracker.read.list_query import ListQuery
from sms_tracker.read.stats import StatsQuery
from sms_tracker.read.stats_schemas import Stats
from sms_tracker.services.idempotency import KEY
from sms_tracker.services.send_request import SendRequest

TAGS = {
    "Messages": "Send messages, and see what became of them.",
    "Opt-outs": "Who may not be sent to.",
    "Webhooks": "Where the providers report. Not for clients: every report is signed by its provider, and the address "
    "is given to it with each message.",
    "Service": "How the service is, and what it can do. Open to all.",
}
PAGES = Path(__file__).parents[2] / "functions" / "query"
"""Where the pages' files are."""
REQUEST = {"to": "+31612345678", "body": "Your parcel is here", "reference": "order-42"}
"""The example that everything else is an answer to."""
_AUTH = '-H "Authorization: Bearer $KEY"'
_KNOWN = Parameter(
    name="If-None-Match",
    place="header",
    text="`ETag` of what is known already: 304 if it is still the same",
    schema={"type": "string", "examples": ['"0123456789abcdef"']},
)
_FILE = Parameter(
    name="file",
    place="path",
    text="Its name",
    schema={
        "type": "string",
        "enum": sorted(path.name for folder in ("page", "docs") for path in (PAGES / folder).iterdir()),
    },
    required=True,
)
_MESSAGE = Link(
    operation="getMessage", parameters={"message_id": "$response.body#/message_id"}, text="What became of the message"
)


def _file(path: str, name: str, summary: str, text: str, *media: str) -> Operation:
    named = "{file}" in path
    return Operation(
        route=f"GET {path}",
        name=name,
        tag="Service",
        summary=summary,
        text=text,
        parameters=(*([_FILE] if named else []), _KNOWN),
        answers=(
            Answer(status=200, text="The file", media=media, headers=("ETag",)),
            Answer(status=304, text="It has not changed", media=(), headers=("ETag",)),
        ),
        problems=("no-such-file",) if named else (),
    )


OPERATIONS = (
    Operation(
        route="POST /messages",
        name="sendMessage",
        tag="Messages",
        summary="Send a message",
        text="Records the message, hands it to its provider, and answers with what the provider said. If that is not "
        "known (a time-out, an error of the provider's), the answer is 202 with status `pending`: the message may "
        "be under way, and is never sent again blindly; its status follows.\n\n"
        "With an `Idempotency-Key` the same request may be repeated, and the message is sent once. The answer to a "
        "repeated request has `Idempotent-Replayed: true` and shows the message as it is now: 202, or 422 if its "
        "provider refused it. It is 409 for as long as the first request is in progress, at most 33 seconds. The same "
        "request has the same JSON members and values; their order and white space do not count, nor does `provider`, "
        "which may be left out. Any other request is 422 (`key-reused`).\n\n"
        "With a test key nothing leaves the service: the recipient's number decides what happens.\n\n"
        "After a 429, 502 or 503 nothing was sent: the same key tries again, also with another `provider`. In every "
        "other case another `provider` is 422, because the first may have sent the message. A key is good for as long "
        "as the message is kept.",
        scope="send",
        parameters=(
            Parameter(
                name="Idempotency-Key",
                place="header",
                text="A word of the client's choice for this message: 1 to 255 visible ASCII characters",
                schema={"type": "string", "pattern": f"^{KEY.pattern}$", "examples": ["order-42"]},
            ),
        ),
        body={JSON: {"$ref": f"#/components/schemas/{SendRequest.__name__}"}},
        answers=(
            Answer(
                status=202,
                text="Recorded, and taken by the provider unless `status` is `pending`",
                shape=schemas.AcceptedMessage,
                headers=("Location", "Idempotent-Replayed"),
                links={
                    "message": _MESSAGE,
                    "sameReference": Link(
                        operation="listMessages",
                        parameters={"reference": "$response.body#/reference"},
                        text="All messages with this reference",
                    ),
                },
            ),
        ),
        problems=(
            "invalid-request",
            "scope-missing",
            "in-progress",
            "refused-by-provider",
            "recipient-opted-out",
            "not-sent",
            "key-reused",
            "over-limit",
            "throttled",
            "account-refused",
            "no-sender",
            "provider-unavailable",
            "sending-stopped",
            "attempts-spent",
            "unavailable",
        ),
        curl=f"curl -i $URL/messages {_AUTH} -H 'Content-Type: application/json' -H 'Idempotency-Key: order-42' "
        f"-d '{json.dumps(REQUEST)}'",
    ),
    Operation(
        route="GET /messages",
        name="listMessages",
        tag="Messages",
        summary="Find messages",
        text="The client's own messages (with `admin` everybody's) that meet every parameter given, newest first. Go "
        "on with `cursor` until it is null: a page may be short, even empty, and not be the last. `since` must not be "
        "after `until`, nor after now.",
        scope="read",
        query=ListQuery,
        answers=(
            Answer(
                status=200,
                text="A page",
                shape=schemas.MessagePage,
                links={
                    "next": Link(
                        operation="listMessages",
                        parameters={"cursor": "$response.body#/cursor"},
                        text="The next page, with the other parameters as before",
                    ),
                },
            ),
        ),
        problems=("invalid-request", "scope-missing", "unavailable"),
        curl=f'curl -i "$URL/messages?reference=order-42&limit=5" {_AUTH}',
    ),
    Operation(
        route="GET /messages/{message_id}",
        name="getMessage",
        tag="Messages",
        summary="See what became of a message",
        text="The message with its timeline: every report about it. Another client's is found with `admin` only.",
        scope="read",
        parameters=(
            Parameter(
                name="message_id",
                place="path",
                text="`message_id` of the answer to `POST /messages`",
                schema={"type": "string", "format": "uuid"},
                required=True,
            ),
        ),
        answers=(Answer(status=200, text="The message", shape=schemas.Message),),
        problems=("scope-missing", "no-such-message", "unavailable"),
        curl=f"curl -i $URL/messages/0b0e9f0a-53cf-4f13-9f0c-6a35d1a3f7de {_AUTH}",
    ),
    Operation(
        route="GET /stats",
        name="getStatistics",
        tag="Messages",
        summary="How well messages arrive",
        text="Counts of the client's own messages (with `admin` everybody's), by the hour in which they were created: "
        "delivery rate, failures by reason, time to delivery. Hours are counted again as they grow old; `hours` says "
        "when. `since` must be before `until` and before now, by 31 days at most.",
        scope="read",
        query=StatsQuery,
        answers=(Answer(status=200, text="The figures", shape=Stats),),
        problems=("invalid-request", "scope-missing", "test-key", "unavailable"),
        curl=f'curl -i "$URL/stats?by=provider" {_AUTH}',
    ),
    *webhooks.OPERATIONS,
    *opt_outs.OPERATIONS,
    Operation(
        route="GET /health",
        name="getHealth",
        tag="Service",
        summary="Is the service well?",
        text="For load balancers and uptime checks. Table and queue are asked at most once in ten seconds.",
        answers=(Answer(status=200, text="Table and queue answer", shape=schemas.Health),),
        problems=("unhealthy",),
        curl="curl -i $URL/health",
    ),
    _file("/openapi.json", "getDescription", "This description, for programs", "An OpenAPI 3.1 document.", JSON),
    _file("/docs", "getReference", "This description, for people", "A page without a script, made from it.", HTML),
    _file("/", "getPage", "The page for people", "Search, timelines, statistics; its visitor gives it a key.", HTML),
    _file("/page/{file}", "getPageFile", "A page's parts", "Scripts and styles of the pages.", SCRIPT, CSS, HTML, JSON),
)
