"""The OpenAPI 3.1 document, made from the operations and from the models that they name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from ops.openapi.examples import ANSWERS, PROBLEMS
from ops.openapi.operation import CSS, HTML, JSON, SCRIPT, Answer, Json, Operation, Parameter
from ops.openapi.operations import OPERATIONS, REQUEST, TAGS
from sms_tracker import __version__
from sms_tracker.read import schemas as shapes
from sms_tracker.services import problems
from sms_tracker.services.send_request import SendRequest

_Model = tuple[object, Literal["validation", "serialization"], TypeAdapter[Any]]
PROBLEM = "application/problem+json"
KEY = "ApiKey"
_ABOUT = f"""Sends SMS through several providers and knows, for every message, whether it arrived.

Errors of this service are `{PROBLEM}` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)): programs read `type`,
people read `detail`. API Gateway answers some requests itself, with the single member `message`: a missing or refused
key, an unknown route or method, too many requests, a request beyond its limits. Where both can answer with a status,
only a problem has `type`. Answers about messages have `Cache-Control: no-store`.

Answers may gain fields at any time: ignore those that you do not know. An unknown field or parameter in a request is
refused. Routes whose `GET` needs no key also answer `HEAD`, without the body; webhooks do not."""
_GATEWAY = {
    401: ("Unauthorized", "No `Authorization` header"),
    403: ("Forbidden", "A key that nobody was given, or that has expired"),
    404: ("Not Found", "No such route"),
    413: ("Request Entity Too Large", "A body larger than API Gateway (10 MB) or Lambda (6 MB) takes"),
    429: ("Too Many Requests", "Too many requests on this route, by all clients together"),
    500: ("Internal Server Error", "The function failed"),
    503: ("Service Unavailable", "The function did not answer in time"),
}
"""What API Gateway answers by itself: its message, and when."""
_KINDS: Json = {JSON: {"type": "object"}, **{text: {"type": "string"} for text in (HTML, CSS, SCRIPT)}}
"""What a body is that no model describes."""
_HEADERS: Json = {
    "Location": {"description": "Address of the message", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {
        "description": "Seconds after which the same request may do better",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Idempotent-Replayed": {
        "description": "On the answer to a repeated request whose message is not sent again; otherwise absent",
        "schema": {"type": "string", "const": "true"},
    },
    "ETag": {"description": "For `If-None-Match`", "schema": {"type": "string"}},
}


def document() -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sms-tracker",
            "version": __version__,
            "summary": "SMS, and whether they arrived",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "Where this document is"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": _paths(),
        "components": {
            "schemas": dict(sorted(_schemas().items())),
            "headers": _HEADERS,
            "responses": {message.replace(" ", ""): _gateway(status) for status, (message, _) in _GATEWAY.items()},
            "securitySchemes": {
                KEY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key from the operator (`make api-key`). Of its scopes `send` sends, `read` reads "
                    "what its own client sent, and `admin` reads everybody's. A test key has the scope `test` alone: "
                    "it sends to nobody, and sends and reads test messages only.",
                }
            },
        },
    }


class _Schema(GenerateJsonSchema):
    """Without a title on every field that only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # the base class's signature
        return False


def _schemas() -> Json:
    answered = {answer.shape for operation in OPERATIONS for answer in operation.answers if answer.shape}
    models: list[Any] = [shapes.Problem, shapes.GatewayError, *answered]
    given: _Model = (SendRequest, "validation", TypeAdapter(SendRequest))
    sent: list[_Model] = [(model, "serialization", TypeAdapter(model)) for model in models]
    template = _ref("{model}")["$ref"]
    _, made = TypeAdapter.json_schemas([given, *sent], ref_template=template, schema_generator=_Schema)
    asked = (_model(operation.query).get("$defs", {}) for operation in OPERATIONS if operation.query)
    schemas: Json = {name: schema for defined in (made["$defs"], *asked) for name, schema in defined.items()}
    schemas[SendRequest.__name__]["examples"] = [REQUEST]
    for described in schemas[SendRequest.__name__]["properties"].values():
        described.pop("default", None)  # openapi-typescript makes a field with a default a required one
    return schemas


def _ref(name: str, kind: str = "schemas") -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _paths() -> Json:
    paths: Json = {}
    for operation in OPERATIONS:
        methods = paths.setdefault(operation.path, {})
        methods[operation.method] = described = _operation(operation)
        if operation.head:
            methods["head"] = _head(operation, described)
    return paths


def _head(operation: Operation, described: Json) -> Json:
    """The same answers without their bodies."""
    answers: Json = {}
    for status, response in described["responses"].items():
        full = _gateway(int(status)) if "$ref" in response else response
        answers[status] = {name: part for name, part in full.items() if name != "content"}
    kept = {name: part for name, part in described.items() if name != "x-codeSamples"}
    named = {"operationId": operation.name.replace("get", "head", 1), "description": "As `GET`, without the body."}
    return {**kept, **named, "responses": answers}


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.text,
        "security": [{KEY: [operation.scope]}] if operation.scope else [],
    }
    if operation.curl:
        described["x-codeSamples"] = [{"lang": "Shell", "label": "curl", "source": operation.curl}]
    parameters = [*map(_parameter, operation.parameters), *_query(operation.query)]
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = {
            "required": JSON in operation.body and operation.scope is not None,
            "content": {media: {"schema": schema} for media, schema in operation.body.items()},
        }
    return {**described, "responses": _responses(operation)}


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text,
        "required": parameter.required,
        "schema": parameter.schema,
    }


def _model(model: type[BaseModel]) -> Json:
    return model.model_json_schema(ref_template=_ref("{model}")["$ref"], schema_generator=_Schema)


def _query(model: type[BaseModel] | None) -> Iterator[Json]:
    properties = _model(model)["properties"] if model else {}
    for name, described in properties.items():
        text = described.pop("description")
        yield {"name": name, "in": "query", "description": text, "required": False, "schema": _present(described)}


def _present(schema: Json) -> Json:
    """The schema of a value that is there: a query has no null."""
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if value is not None}
    return {**(kinds[0] if kinds else {}), **rest}


def _responses(operation: Operation) -> Json:
    made = {str(answer.status): _answer(answer) for answer in operation.answers}
    kinds: dict[int, list[str]] = {status: [] for status in _gateways(operation)}
    for kind in operation.problems:
        kinds.setdefault(problems.PROBLEMS[kind].status, []).append(kind)
    return made | {str(status): _errors(operation, status, names) for status, names in sorted(kinds.items())}


def _gateways(operation: Operation) -> Iterator[int]:
    """The statuses that API Gateway may answer for itself."""
    if operation.scope:
        yield from (401, 403)
    if "{" in operation.path:
        yield 404
    if operation.body:
        yield 413
    yield from (429, 500, 503)


def _answer(answer: Answer) -> Json:
    made: Json = {"description": answer.text}
    if answer.headers:
        made["headers"] = {name: _ref(name, "headers") for name in answer.headers}
    if answer.shape:
        schema = _ref(answer.shape.__name__)  # type: ignore[attr-defined]  # a TypedDict is a class
        made["content"] = {JSON: {"schema": schema, "example": ANSWERS[answer.shape]}}
    elif answer.media:
        made["content"] = {media: {"schema": _KINDS[media]} for media in answer.media}
    if answer.links:
        made["links"] = {
            name: {"operationId": link.operation, "parameters": dict(link.parameters), "description": link.text}
            for name, link in answer.links.items()
        }
    return made


def _errors(operation: Operation, status: int, kinds: list[str]) -> Json:
    """What one status may mean: problems of ours by their types, and API Gateway's own error."""
    gateway = status in _gateways(operation)
    if not kinds:
        return _ref(_GATEWAY[status][0].replace(" ", ""), "responses")
    examples = {kind: {"value": PROBLEMS[kind].body} for kind in kinds}
    content: Json = {PROBLEM: {"schema": _ref(shapes.Problem.__name__), "examples": examples}}
    meanings = [f"`{kind}`: {problems.PROBLEMS[kind].title}" for kind in kinds]
    if gateway:
        content |= _gateway(status)["content"]
        for each in content.values():  # many generated clients look at the first media type alone
            each["schema"] = {"oneOf": [_ref(shapes.Problem.__name__), _ref(shapes.GatewayError.__name__)]}
        meanings.append(_gateway(status)["description"])
    made: Json = {"description": "  \n".join(meanings), "content": content}
    given = {name for kind in kinds for name in PROBLEMS[kind].headers}
    if named := {name: _ref(name, "headers") for name in _HEADERS if name.lower() in given}:
        made["headers"] = named
    return made


def _gateway(status: int) -> Json:
    message, when = _GATEWAY[status]
    schema = _ref(shapes.GatewayError.__name__)
    return {
        "description": f"API Gateway: {when}",
        "content": {JSON: {"schema": schema, "example": {"message": message}}},
    }
