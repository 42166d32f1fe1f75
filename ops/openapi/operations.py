"""The routes of the API: a new route is described here and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

from ops.openapi import opt_outs, webhooks
from ops.openapi.operation import CSS, HTML, JSON, SCRIPT, Answer, Link, Operation, Parameter
from sms_tracker.read import schemas
from sms_tracker.read.list_query import ListQuery
from sms_tracker.read.stats import StatsQuery
from sms_tracker.read.stats_schemas import Stats
from sms_tracker.services.idempotency import KEY_PATTERN
from sms_tracker.services.send_request import SendRequest

TAGS = {
    "Messages": "Send messages and follow them.",
    "Opt-outs": "Recipients who may not be sent to.",
    "Webhooks": "For the providers' reports, not for clients. Every report is signed by its provider.",
    "Service": "Health, documentation and pages. No key is needed.",
}
PAGES = Path(__file__).parents[2] / "functions" / "query"
REQUEST = {"to": "+31612345678", "body": "Your parcel is here", "reference": "order-42"}
"""The example request; the example answers follow from it."""
_AUTH = '-H "Authorization: Bearer $KEY"'
_KNOWN = Parameter(
    name="If-None-Match",
    place="header",
    text="`ETag` of an earlier answer: 304 if the file has not changed",
    schema={"type": "string", "examples": ['"0123456789abcdef"']},
)
_FILE = Parameter(
    name="file",
    place="path",
    text="The file's name",
    schema={
        "type": "string",
        "enum": sorted(path.name for folder in ("page", "docs") for path in (PAGES / folder).iterdir()),
    },
    required=True,
)
_MESSAGE = Link(
    operation="getMessage", parameters={"message_id": "$response.body#/message_id"}, text="The message's status"
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
        text="Records the message, sends it to its provider and returns the outcome. If the outcome is unknown (a "
        "time-out, an error of the provider), the answer is 202 with status `pending`: the provider may have the "
        "message. It is never sent again blindly; its status follows.\n\n"
        "With an `Idempotency-Key` a request may be repeated, and the message is sent once. The answer to a repeated "
        "request has `Idempotent-Replayed: true` and shows the message's present state: 202, or 422 if its provider "
        "refused it. It is 409 while the first request is in progress, at most 33 seconds. A repeated request has the "
        "same JSON members and values; their order, white space and `provider` may differ. Any other request is 422 "
        "(`key-reused`).\n\n"
        "With a test key nothing leaves the service: the recipient's number selects the outcome.\n\n"
        "After a 429, 502 or 503 nothing was sent: the same key tries again, also with another `provider`. Otherwise "
        "another `provider` is 422, because the first may have sent the message. A key is valid while the message is "
        "stored.",
        scope="send",
        parameters=(
            Parameter(
                name="Idempotency-Key",
                place="header",
                text="The client's own identifier of this message: 1 to 255 visible ASCII characters",
                schema={"type": "string", "pattern": f"^{KEY_PATTERN.pattern}$", "examples": ["order-42"]},
            ),
        ),
        body={JSON: {"$ref": f"#/components/schemas/{SendRequest.__name__}"}},
        answers=(
            Answer(
                status=202,
                text="Recorded, and accepted by the provider unless `status` is `pending`",
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
        text="The client's own messages (with `admin` every client's) that match all given parameters, newest first. "
        "Continue with `cursor` until it is null: a page may be short or empty and not be the last. `since` must not "
        "be after `until` or now.",
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
        summary="Read a message",
        text="The message with its timeline of reports. Another client's message needs `admin`.",
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
        summary="Delivery statistics",
        text="Counts of the client's own messages (with `admin` every client's), by the hour of their creation: "
        "delivery rate, failures by reason, time to delivery. Hours are recounted as they age; `hours` has the times. "
        "`since` must be before `until` and before now, by 31 days at most.",
        scope="read",
        query=StatsQuery,
        answers=(Answer(status=200, text="The statistics", shape=Stats),),
        problems=("invalid-request", "scope-missing", "test-key", "unavailable"),
        curl=f'curl -i "$URL/stats?by=provider" {_AUTH}',
    ),
    *webhooks.OPERATIONS,
    *opt_outs.OPERATIONS,
    Operation(
        route="GET /health",
        name="getHealth",
        tag="Service",
        summary="Health of the service",
        text="For load balancers and uptime checks. Table and queue are checked at most once in ten seconds.",
        answers=(Answer(status=200, text="Table and queue answer", shape=schemas.Health),),
        problems=("unhealthy",),
        curl="curl -i $URL/health",
    ),
    _file("/openapi.json", "getDescription", "This description, for programs", "An OpenAPI 3.1 document.", JSON),
    _file("/docs", "getReference", "This description, for people", "An HTML page generated from it.", HTML),
    _file("/", "getPage", "The page for people", "Search, timelines, statistics; asks for a key.", HTML),
    _file("/page/{file}", "getPageFile", "A file of the pages", "A script or style.", SCRIPT, CSS, HTML, JSON),
)
