"""The routes that providers call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ops.openapi.operation import JSON, Answer, Json, Operation, Parameter
from sms_tracker import providers

_PROVIDER = Parameter(
    name="provider",
    place="path",
    text="The report's provider; 404 for one that is not enabled",
    schema={"type": "string", "enum": [*providers.names()]},
    required=True,
)
_FIELDS = {"type": "object", "description": "The report's fields, as the provider documents them"}


def _acknowledged() -> Mapping[int, set[str]]:
    """The providers by the status of our acknowledgement."""
    statuses = {name: providers.load(name).ACK_STATUS for name in providers.names()}
    return {status: {name for name, own in statuses.items() if own == status} for status in statuses.values()}


def _inbound(method: str, body: Mapping[str, Json]) -> Operation:
    return replace(
        _webhook(method, body),
        route=f"{method} /webhooks/{{provider}}/inbound",
        name=f"{method.lower()}Inbound",
        summary=f"Deliver a reply by {method}",
        text="Set this address at the provider as the webhook of your numbers. It works as the one for reports, which "
        "also takes replies. The answer is empty, so that no text is sent back to the person.",
        answers=(
            Answer(status=200, text="Queued", media=()),
            Answer(status=204, text="Queued", media=()),
        ),
    )


def _webhook(method: str, body: Mapping[str, Json]) -> Operation:
    return Operation(
        route=f"{method} /webhooks/{{provider}}",
        name=f"{method.lower()}Webhook",
        tag="Webhooks",
        summary=f"Report a status by {method}",
        text="Checks the provider's signature and queues the report; the message shows it soon after. Reports may come "
        "twice and in any order. Query and body hold the provider's own fields; `message_id`, `attempt` and `token` in "
        "the query come from our callback URL.",
        parameters=(_PROVIDER,),
        body=body,
        answers=tuple(
            Answer(status=status, text=f"Queued: the answer for {' and '.join(sorted(names))}", media=())
            for status, names in sorted(_acknowledged().items())
        ),
        problems=("unreadable", "refused-signature", "unknown-provider", "too-large", "unavailable"),
    )


_BODY: Mapping[str, Json] = {"application/x-www-form-urlencoded": _FIELDS, JSON: _FIELDS}
OPERATIONS = (_webhook("GET", {}), _webhook("POST", _BODY), _inbound("GET", {}), _inbound("POST", _BODY))
