"""The OpenAPI 3.1 document, generated from the operations and their models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from ops.openapi.examples import ANSWERS, PROBLEMS
from ops.openapi.operation import CSS, HTML, JSON, SCRIPT, Answer, Json, Operation, Parameter, query_parameter
from ops.openapi.operations import OPERATIONS, REQUEST, TAGS
from sms_tracker import __version__
from sms_tracker.domain import http
from sms_tracker.read import schemas as shapes
from sms_tracker.services.send_request import SendRequest

_Model = tuple[object, Literal["validation", "serialization"], TypeAdapter[Any]]
PROBLEM = "application/problem+json"
KEY = "ApiKey"
_ABOUT = f"""Sends SMS through several providers and follows every message to its final status.

Errors of this service are `{PROBLEM}` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)): `type` is for programs,
`detail` for people. API Gateway answers some requests itself, with the single member `message`: a missing or refused
key, an unknown route or method, too many requests, a request beyond its limits. Where both can answer with the same
status, only a problem has `type`. Answers about messages have `Cache-Control: no-store`.

Answers may gain fields at any time: ignore unknown ones. A request with an unknown field or parameter is refused.
Routes with a `GET` without a key also answer `HEAD`, except webhooks."""
_GATEWAY = {
    401: ("Unauthorized", "No `Authorization` header"),
    403: ("Forbidden", "An unknown or expired key"),
    404: ("Not Found", "No such route"),
    413: ("Request Entity Too Large", "A body over the limit of API Gateway (10 MB) or Lambda (6 MB)"),
    429: ("Too Many Requests", "Too many requests on this route, by all clients together"),
    500: ("Internal Server Error", "The function failed"),
    503: ("Service Unavailable", "The function did not answer in time"),
}
"""API Gateway's own answers: message and cause."""
_KINDS: Json = {JSON: {"type": "object"}, **{text: {"type": "string"} for text in (HTML, CSS, SCRIPT)}}
"""The schema of a body without a model, by media type."""
_HEADERS: Json = {
    "Location": {"description": "Address of the message", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {
        "description": "Seconds after which the same request may succeed",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Idempotent-Replayed": {
        "description": "Only on the answer to a repeated request; its message is not sent again",
        "schema": {"type": "string", "const": "true"},
    },
    "ETag": {"description": "For `If-None-Match`", "schema": {"type": "string"}},
}


def document() -> Json:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sms-tracker",
            "version": __version__,
            "summary": "Send SMS and follow their delivery",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The address of this document"}],
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
                    "description": "A key from the operator (`make api-key`). Scope `send` sends, `read` reads the "
                    "client's own messages, `admin` reads every client's. A test key has only the scope `test`: it "
                    "sends and reads test messages, which reach nobody.",
                }
            },
        },
    }


class _Schema(GenerateJsonSchema):
    """No titles that only repeat a field's name."""

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
        yield _parameter(query_parameter(name, described))


def _responses(operation: Operation) -> Json:
    made = {str(answer.status): _answer(answer) for answer in operation.answers}
    kinds: dict[int, list[str]] = {status: [] for status in _gateways(operation)}
    for kind in operation.problems:
        kinds.setdefault(http.PROBLEMS[kind].status, []).append(kind)
    return made | {str(status): _errors(operation, status, names) for status, names in sorted(kinds.items())}


def _gateways(operation: Operation) -> Iterator[int]:
    """The statuses of API Gateway's own answers."""
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
    """The causes of one status: our problems by their types, and API Gateway's own error."""
    gateway = status in _gateways(operation)
    if not kinds:
        return _ref(_GATEWAY[status][0].replace(" ", ""), "responses")
    examples = {kind: {"value": PROBLEMS[kind].body} for kind in kinds}
    content: Json = {PROBLEM: {"schema": _ref(shapes.Problem.__name__), "examples": examples}}
    meanings = [f"`{kind}`: {http.PROBLEMS[kind].title}" for kind in kinds]
    if gateway:
        content |= _gateway(status)["content"]
        for each in content.values():  # many generated clients read only the first media type
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
