"""The routes about opt-outs."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from ops.openapi.operation import JSON, Answer, Json, Operation, query_parameter, without_null
from sms_tracker import providers
from sms_tracker.read.schemas import OptOut, OptOutPage
from sms_tracker.services.opt_out_api import OptOutListQuery, OptOutRequest

_AUTH = '-H "Authorization: Bearer $KEY"'
_EXAMPLE = {"to": "+31612345678", "provider": next(iter(providers.names())), "from": "+15551234567"}
_QUERY = urlencode(_EXAMPLE)
_OWN = (
    'A key reads and changes the opt-outs of its senders (`make api-key ARGS="--senders …"`) and of its own client; '
    "with `admin` all. "
)


def _fields(*left_out: str) -> dict[str, Json]:
    """The schemas of the fields that identify an opt-out. In a body, null is a field left out."""
    properties = OptOutRequest.model_json_schema()["properties"]
    return {
        name: {key: value for key, value in schema.items() if key not in ("default", "title")}
        for name, schema in properties.items()
        if name not in left_out
    }


_PAGING = {
    name: without_null(schema, "default") for name, schema in OptOutListQuery.model_json_schema()["properties"].items()
}
OPERATIONS = (
    Operation(
        route="GET /opt-outs",
        name="listOptOuts",
        tag="Opt-outs",
        summary="List opt-outs",
        text=f"{_OWN}The latest change comes first. Continue with `cursor` until it is null: a page may be short. With "
        "`to` the answer is that recipient's state, blocked or not.",
        scope="read",
        parameters=tuple(query_parameter(name, each) for name, each in {**_fields("reason"), **_PAGING}.items()),
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
        text=f"{_OWN}A block by the recipient's own STOP or by a provider's refusal ends only with scope `admin` and a "
        "`reason`, which is recorded. The provider may keep its own block.",
        scope="send",
        parameters=tuple(query_parameter(name, each, required=name == "to") for name, each in _fields().items()),
        answers=(Answer(status=200, text="The recipient's state", shape=OptOut),),
        problems=("invalid-request", "scope-missing", "test-key", "opt-outs-off", "still-blocked", "unavailable"),
        curl=f'curl -i -X DELETE "$URL/opt-outs?{_QUERY}" {_AUTH}',
    ),
)
