"""What each function may do beside what it does: every grant of its role is used by some run of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import boto3
import pytest

from tests import moto_client
from tests.cloud import AWS, SECRETS, SID, Cloud, Invoke, put_answered, sample
from tests.scripted_server import Reply, serving
from tests.unit.template_stack import stack

LAMBDAS_OWN = {
    *("logs:CreateLogStream", "logs:PutLogEvents", "sqs:ReceiveMessage", "sqs:DeleteMessage"),
    *("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
    *("kms:Decrypt", "kms:GenerateDataKey"),
}
"""Actions that Lambda, or a service on the function's behalf, calls with the function's role."""
TABLES = {"MessagesTable.Arn": "messages", "StateTable.Arn": "state"}
Call = tuple[str, str]
"""An action and the table that it is on, empty where it is none."""


@dataclass
class Calls:
    """Every call to AWS, the test's own through new clients among them."""

    made: set[Call] = field(default_factory=set)

    def note(self, service: str, operation: str, arguments: Any) -> None:
        values = json.loads(arguments) if isinstance(arguments, str | bytes) else arguments
        tables = values.get("RequestItems", [values.get("TableName", "")]) if isinstance(values, dict) else [""]
        self.made |= {(f"{service}:{operation}", table) for table in tables}


@pytest.fixture
def calls(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:  # noqa: ARG001  # moto is behind it
    noted, ask = Calls(), moto_client.ask

    def asked(headers: Any, body: bytes) -> Any:
        target, _, operation = headers["x-amz-target"].partition(".")
        noted.note({"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}[target], operation, body)
        return ask(headers, body)

    def called(model: Any, params: Any, **_: object) -> None:
        noted.note(model.service_model.endpoint_prefix, model.name, params["body"])

    monkeypatch.setattr(moto_client, "ask", asked)
    events = boto3._get_default_session().events  # noqa: SLF001  # every client of the session copies them
    events.register("before-call", called)
    yield noted
    events.unregister("before-call", called)


def granted(function: str) -> set[Call]:
    role = stack().properties(f"{function.title()}Role")
    attached = [stack().properties(name) for name in role.get("ManagedPolicyArns", [])]
    statements = [each for policy in [*role["Policies"], *attached] for each in policy["PolicyDocument"]["Statement"]]
    return {
        (action, next((name for table, name in TABLES.items() if str(resource).startswith(table)), ""))
        for statement in statements
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
        if action not in LAMBDAS_OWN
    } - {("sqs:GetQueueAttributes", "")}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def reconcile(invoke: Invoke) -> None:
    put_answered(timedelta(minutes=15), sid=SID)
    delivered = {"sid": SID, "status": "delivered", "to": "+31612345678", "error_code": None}
    with serving(Reply(200, json.dumps(delivered).encode())) as twilio:
        secret = json.dumps({**SECRETS["twilio"], "api_url": f"http://127.0.0.1:{twilio.port}"})
        AWS.ssm.put_parameter(Name="/stack/secrets/twilio", Value=secret, Type="SecureString", Overwrite=True)
        for name in ("reconciler", "reconciler", "reconciler-statistics"):  # the first run puts it on the agenda
            invoke("reconciler", sample(name))


def publish(invoke: Invoke) -> None:
    event = sample("publisher")
    del event["Records"][2]["dynamodb"]["NewImage"]["status"]
    invoke("publisher", event)


def send(invoke: Invoke) -> None:
    """The recipient opted out at the provider; and a message to a country in which nothing may be sent."""
    limits = json.dumps({"daily_cap": 9, "approved": {"BE": {"hour": 0}}})
    AWS.ssm.put_parameter(Name="/stack/limits", Value=limits, Type="String")
    with serving(Reply(400, json.dumps({"code": 21610, "message": "unsubscribed", "status": 400}).encode())) as twilio:
        secret = json.dumps({**SECRETS["twilio"], "api_url": f"http://127.0.0.1:{twilio.port}"})
        AWS.ssm.put_parameter(Name="/stack/secrets/twilio", Value=secret, Type="SecureString", Overwrite=True)
        invoke("send", sample("send"))
        elsewhere = sample("send")
        elsewhere["body"] = json.dumps({"to": "+32470123456", "body": "Hello"})
        elsewhere["headers"].pop("idempotency-key", None)
        assert invoke("send", elsewhere).answer["statusCode"] == 429


def reply(invoke: Invoke) -> None:
    """By clients, because their messages are looked up then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPT_OUT_SCOPE", "client")
        invoke("inbound", sample("inbound"))
    invoke("inbound", {**sample("inbound-opt-outs"), "rawQueryString": ""})


def samples(function: str, *names: str) -> Callable[[Invoke], None]:
    def run(invoke: Invoke) -> None:
        for name in names:
            invoke(function, sample(name))

    return run


RUNS: dict[str, Callable[[Invoke], None]] = {
    "send": send,
    "webhook": samples("webhook", "webhook-twilio"),
    "processor": samples("processor", "processor"),
    "publisher": publish,
    "digest": samples("digest", "digest"),
    "query": samples("query", "query-message", "query-list", "query-stats", "health"),
    "authorizer": samples("authorizer", "authorizer"),
    "reconciler": reconcile,
    "inbound": reply,
}


def test_every_function_with_a_role_has_a_run() -> None:
    functions = stack().of("AWS::Lambda::Function").values()
    assert {each.properties["FunctionName"].removeprefix("stack-") for each in functions} == RUNS.keys()


@pytest.mark.parametrize("function", RUNS)
def test_a_function_does_everything_that_it_may(function: str, invoke: Invoke, calls: Calls) -> None:
    RUNS[function](invoke)

    assert granted(function) - calls.made == set()
