"""The routes about opt-outs."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from ops.openapi.operation import JSON, Answer, Json, Operation, Parameter
from sms_tracker import providers
from sms_tracker.read.schemas import OptOut, OptOutPage
from sms_tracker.services.opt_out_api import About, Listing

_AUTH = '-H "Authorization: Bearer $KEY"'
_EXAMPLE = {"to": "+31612345678", "provider": next(iter(providers.names())), "from": "+15551234567"}
_QUERY = urlencode(_EXAMPLE)
_OWN = (
    'A key may see and change the opt-outs of the senders that it lists (`make api-key ARGS="--senders …"`), and those '
    "of its own client; with `admin` all. "
)


def _fields(*left_out: str) -> dict[str, Json]:
    """The fields that say what an opt-out is about, each as the schema of a value that is there."""
    properties = About.model_json_schema()["properties"]
    return {name: _present(schema) for name, schema in properties.items() if name not in left_out}


def _present(schema: Json) -> Json:
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default", "title"}}
    return {**(kinds[0] if kinds else {}), **rest}


def _parameters(fields: dict[str, Json], *, required: bool) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            name=name,
            place="query",
            text=str(schema["description"]),
            schema={key: value for key, value in schema.items() if key != "description"},
            required=required and name == "to",
        )
        for name, schema in fields.items()
    )


_CURSOR = {name: _present(schema) for name, schema in Listing.model_json_schema()["properties"].items()}
OPERATIONS = (
    Operation(
        route="GET /opt-outs",
        name="listOptOuts",
        tag="Opt-outs",
        summary="See who opted out",
        text=f"{_OWN}The latest change comes first; go on with `cursor` until it is null, as a page may be short. With "
        "`to` the one recipient, blocked or not.",
        scope="read",
        parameters=_parameters({**_fields("reason"), **_CURSOR}, required=False),
        answers=(Answer(status=200, text="A page", shape=OptOutPage),),
        problems=("invalid-request", "scope-missing", "test-key", "opt-outs-off", "unavailable"),
        curl=f'curl -i "$URL/opt-outs?{_QUERY}" {_AUTH}',
    ),
    Operation(
        route="PUT /opt-outs",
        name="addOptOut",
        tag="Opt-outs",
        summary="Block a recipient",
        text=f"{_OWN}A START of the recipient does not end a manual block; `DELETE` does.",
        scope="send",
        body={
            JSON: {
                "type": "object",
                "properties": _fields(),
                "required": ["to"],
                "additionalProperties": False,
                "examples": [_EXAMPLE],
            }
        },
        answers=(Answer(status=200, text="The recipient's state", shape=OptOut),),
        problems=("invalid-request", "scope-missing", "test-key", "opt-outs-off", "unavailable"),
        curl=f"curl -i -X PUT $URL/opt-outs {_AUTH} -H 'Content-Type: application/json' -d '{json.dumps(_EXAMPLE)}'",
    ),
    Operation(
        route="DELETE /opt-outs",
        name="removeOptOut",
        tag="Opt-outs",
        summary="End a manual block",
        text=f"{_OWN}A recipient's own STOP, or a provider's refusal, ends only where an `admin` gives a `reason`, "
        "which is recorded. The provider may keep a block of its own.",
        scope="send",
        parameters=_parameters(_fields(), required=True),
        answers=(Answer(status=200, text="The recipient's state", shape=OptOut),),
        problems=("invalid-request", "scope-missing", "test-key", "opt-outs-off", "still-blocked", "unavailable"),
        curl=f'curl -i -X DELETE "$URL/opt-outs?{_QUERY}" {_AUTH}',
    ),
)
