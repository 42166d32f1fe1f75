"""The API's description: current, complete, and true of every answer that the code can make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ops.openapi.__main__ import FOLDER, files, main
from ops.openapi.document import PROBLEM, document
from ops.openapi.operation import Json, Operation
from ops.openapi.operations import OPERATIONS, REQUEST
from sms_tracker.domain.errors import InvalidMessage
from sms_tracker.domain.http import PROBLEMS, Caller
from sms_tracker.domain.report import REFUSED
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.read.messages import Health, MessageReader, message_view
from sms_tracker.read.web_files import no_such_file
from sms_tracker.services import responses
from sms_tracker.services.opt_out_api import OptOutRequest
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send_request import SendRequest, draft_from_request
from tests.factories import MESSAGE_ID, record
from tests.factories import report as reported
from tests.fakes import FakeClock, MemoryMessages
from tests.memory_search import MemorySearch
from tests.setups import POLICY
from tests.unit.test_message_view import tracked
from tests.unit.test_responses import PROBLEMS as PROBLEM_REPLIES
from tests.unit.test_stats import answered
from tests.unit.test_template_api import routes

DOCUMENT = document()
SCHEMAS: Json = DOCUMENT["components"]["schemas"]
FAILURE = Failure(category=Category.TEMPORARY, reason=Reason.UNREACHABLE, code="30003", message="Unreachable")


def validator(schema: Json) -> Draft202012Validator:
    """Knows the document's schemas, and refuses fields that they do not name."""
    definitions = {name: _closed(each) for name, each in SCHEMAS.items()}
    return Draft202012Validator(
        {**schema, "components": {"schemas": definitions}}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def _closed(schema: Json) -> Json:
    return {**schema, "additionalProperties": False} if schema.get("type") == "object" else schema


def described(operation: str) -> Json:
    (found,) = (one for path in DOCUMENT["paths"].values() for one in path.values() if one["operationId"] == operation)
    return dict(found)


def check(operation: str, reply: ApiResponse) -> None:
    """That the document describes this answer of this operation: its status, media type, body and headers."""
    response = described(operation)["responses"][str(reply.status)]
    content = response["content"][reply.headers["content-type"]]
    validator(content["schema"]).validate(json.loads(json.dumps(reply.body)))
    if reply.headers["content-type"] == PROBLEM:
        assert str(reply.body["type"]).rsplit(":", 1)[1] in content["examples"]
    named = {name.lower() for name in response.get("headers", {})}
    assert reply.headers.keys() - {"content-type", "cache-control"} <= named


def answering(kind: str) -> list[str]:
    return [operation.name for operation in OPERATIONS if kind in operation.problems]


def examples() -> Iterator[tuple[str, Json, object]]:
    """Every example of an answer, with where it is and its schema."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                for media, content in response.get("content", {}).items():
                    one = {"": {"value": content["example"]}} if "example" in content else {}
                    for name, example in {**one, **content.get("examples", {})}.items():
                        yield f"{method} {path} {status} {media} {name}", content["schema"], example["value"]


EXAMPLES = list(examples())


# -- The document --------------------------------------------------------------------------------------------------


def test_the_files_that_are_served_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    assert {path.name for path in FOLDER.iterdir()} == files().keys() | {"docs.css", "docs.js"}


def test_an_outdated_file_is_found_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], tmp_path)
    (tmp_path / "docs.html").write_text("old")

    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err == "docs.html is not current: run `make openapi`\n"
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def test_it_is_an_openapi_3_1_document() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT))) <= SCHEMAS.keys()


@pytest.mark.parametrize("name", SCHEMAS)
def test_its_schemas_are_valid(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_it_describes_every_route_of_the_template_once_and_every_problem() -> None:
    described = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}

    assert described == set(routes())
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert {operation.tag for operation in OPERATIONS} == {tag["name"] for tag in DOCUMENT["tags"]}
    assert {kind for operation in OPERATIONS for kind in operation.problems} == PROBLEMS.keys()


def test_head_is_described_as_get_without_a_body() -> None:
    heads = [(methods["get"], methods["head"]) for methods in DOCUMENT["paths"].values() if "head" in methods]

    assert len(heads) == 5
    for get, head in heads:
        assert head["operationId"] == get["operationId"].replace("get", "head")
        assert head["responses"].keys() == get["responses"].keys()
        assert all("content" not in answer and answer["description"] for answer in head["responses"].values())


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.route)
def test_it_wants_a_key_where_the_template_does(operation: Operation) -> None:
    guarded = routes()[operation.route]["security"] == [{"ApiKey": []}]
    assert bool(described(operation.name)["security"]) is guarded
    assert ("401" in described(operation.name)["responses"]) is guarded


@pytest.mark.parametrize(("schema", "example"), [case[1:] for case in EXAMPLES], ids=[case[0] for case in EXAMPLES])
def test_an_example_is_what_its_schema_says(schema: Json, example: object) -> None:
    validator(schema).validate(example)


def test_a_link_leads_to_an_operation_that_has_its_parameters() -> None:
    links = [
        (link, response["content"]["application/json"]["example"])
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]

    assert len(links) == 3
    for link, example in links:
        parameters = {parameter["name"] for parameter in described(link["operationId"])["parameters"]}
        for name, expression in link["parameters"].items():
            assert name in parameters
            assert isinstance(_pointed(example, expression.removeprefix("$response.body#/")), str)


def _pointed(value: Any, pointer: str) -> object:
    for part in pointer.split("/"):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


# -- Requests ------------------------------------------------------------------------------------------------------


def test_the_example_of_a_request_is_taken() -> None:
    validator(SCHEMAS["SendRequest"]).validate(REQUEST)
    assert draft_from_request(REQUEST, POLICY).to == REQUEST["to"]


_WORDS = st.text(max_size=12) | st.sampled_from(["twilio", "messagebird", "My Shop", "+15551234567", "12345", "a\n"])
_VALUES = st.none() | st.booleans() | st.integers(-1, 40_000) | _WORDS | st.lists(st.none(), max_size=1)
_BODIES = st.fixed_dictionaries(
    {},
    optional={
        name: st.just(REQUEST[name]) | _VALUES if name in {"to", "body"} else _VALUES
        for name in (*SendRequest.model_json_schema()["properties"], "other")
    },
)


@given(_BODIES)
def test_what_is_taken_is_what_the_document_allows(body: dict[str, object]) -> None:
    try:
        draft_from_request(body, POLICY)
    except InvalidMessage:
        return
    validator(SCHEMAS["SendRequest"]).validate(body)


@pytest.mark.parametrize("name", ["provider", "from", "client", "reason"])
def test_null_is_described_for_each_field_of_an_opt_out_that_may_be_left_out(name: str) -> None:
    body = {"to": "+31612345678", name: None}
    (shape,) = DOCUMENT["paths"]["/opt-outs"]["put"]["requestBody"]["content"].values()

    validator(shape["schema"]).validate(body)
    assert OptOutRequest.model_validate(body).to == body["to"]


# -- Answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [reply for _, reply in PROBLEM_REPLIES.values()], ids=PROBLEM_REPLIES.keys())
def test_a_problem_is_described_for_every_route_that_answers_it(reply: ApiResponse) -> None:
    for operation in answering(reply.decision):
        check(operation, reply)


@pytest.mark.parametrize("kind", ["refused-signature", "unknown-provider", "unreadable", "too-large", "unavailable"])
def test_a_refused_webhook_and_a_file_that_is_not_there_are_described(kind: str) -> None:
    for operation in ("getWebhook", "postWebhook"):
        check(operation, responses.webhook_problem(kind))
    check("getPageFile", no_such_file())


@pytest.mark.parametrize("status", Status)
def test_a_message_is_described_in_every_status(status: Status) -> None:
    shown = tracked(reported(status, failure=FAILURE if status.outcome == "failure" else None))

    check("getMessage", responses.ok(message_view(shown), "found"))
    check("sendMessage", responses.accepted(shown, "accepted"))
    check("sendMessage", responses.accepted(shown, "accepted").with_client_warnings(["body: one"]))
    check("sendMessage", responses.accepted(shown, "replayed").as_replay())


def test_any_report_is_described() -> None:
    shown = tracked(
        reported(None, word="teleported", recognised=False),
        reported(Status.FAILED, word=REFUSED, code="21610"),
        reported(Status.EXPIRED, details={"RawDlrDoneDate": "2601311200"}, occurred="yesterday"),
    )

    check("getMessage", responses.ok(message_view(shown), "found"))


@pytest.mark.parametrize("query", [{}, {"limit": "1"}, {"to": "31612345678"}, {"limit": "x"}])
def test_a_list_is_described(query: dict[str, str]) -> None:
    stored = [record(), record(message_id=MESSAGE_ID.replace("0", "1"))]
    browser = MessageReader(
        messages=MemoryMessages(),
        search=MemorySearch(stored),
        clock=FakeClock(),
        countries=None,
        mode=ScopeMode.OFF,
    )

    check("listMessages", browser.many(Caller("shop", frozenset({"read"})), query))
    check("listMessages", browser.many(Caller("shop", frozenset()), query))
    check("getMessage", browser.one(Caller("shop", frozenset({"read"})), MESSAGE_ID))


@pytest.mark.parametrize(
    "query", [{}, {"by": "hour"}, {"by": "day"}, {"by": "client"}, {"provider": "twilio"}, {"by": "x"}]
)
def test_statistics_and_health_are_described(query: dict[str, str]) -> None:
    check("getStatistics", answered(query))
    check("getStatistics", answered({**query, "client": "bank"}))
    check("getHealth", Health({"table": lambda: None, "queue": lambda: None}, lambda: 0.0).check())


def test_an_answer_with_a_field_that_is_not_described_would_be_noticed() -> None:
    shown = {**message_view(record()), "surprise": 1}
    assert not validator({"$ref": "#/components/schemas/Message"}).is_valid(shown)
