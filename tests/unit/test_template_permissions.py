"""What each function may do, and that it is no more than what it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sms_tracker import providers
from tests.unit.template_stack import Stack, stack

Grant = tuple[str, str]
"""An action and the one resource that it is allowed on."""

SETTINGS = "arn:aws:ssm:region:account:parameter/stack"
TAKE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
INDEXES = ("by_recipient", "by_reference", "by_provider_id", "by_time", "by_attention")
KEY = "arn:aws:kms:region:account:key/1"


def grants(resource: str, *actions: str) -> set[Grant]:
    return {(action, resource) for action in actions}


READ_SETTINGS: set[Grant] = {
    ("ssm:GetParameters", f"{SETTINGS}/{name}")
    for name in ("public-base-urls", "secrets/service", *(f"secrets/{each}" for each in providers.names()))
}
READ_SEND_SETTINGS: set[Grant] = {("ssm:GetParameters", f"{SETTINGS}/{name}") for name in ("limits", "senders")}
ASK_OPT_OUTS = grants("StateTable.Arn", "dynamodb:GetItem") | grants("InboundQueue.Arn", "sqs:SendMessage")
ALLOWED: Mapping[str, set[Grant]] = {
    "Send": grants("MessagesTable.Arn", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
    | grants("StateTable.Arn", "dynamodb:UpdateItem")
    | grants("ReportsQueue.Arn", "sqs:SendMessage")
    | ASK_OPT_OUTS
    | READ_SETTINGS
    | READ_SEND_SETTINGS,
    "Webhook": grants("ReportsQueue.Arn", "sqs:SendMessage")
    | grants("InboundQueue.Arn", "sqs:SendMessage")
    | READ_SETTINGS,
    "Processor": grants("ReportsQueue.Arn", *TAKE, "sqs:SendMessage")
    | grants("UnmatchedQueue.Arn", "sqs:SendMessage")
    | grants("ReportsDlq.Arn", "sqs:SendMessage")
    | grants("InboundQueue.Arn", "sqs:SendMessage")
    | grants("MessagesTable.Arn", "dynamodb:UpdateItem")
    | grants("MessagesTable.Arn/index/by_provider_id", "dynamodb:Query"),
    "Publisher": grants(
        "MessagesTable.StreamArn", "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"
    )
    | grants("*", "dynamodb:ListStreams")
    | grants("Bus.Arn", "events:PutEvents")
    | grants("PublishFailedQueue.Arn", "sqs:SendMessage"),
    "Digest": grants("FailuresQueue.Arn", *TAKE) | grants("AlertsTopic", "sns:Publish"),
    "Query": grants("MessagesTable.Arn", "dynamodb:BatchGetItem", "dynamodb:GetItem")
    | {("dynamodb:Query", f"MessagesTable.Arn/index/{index}") for index in INDEXES}
    | grants("StateTable.Arn", "dynamodb:BatchGetItem")
    | grants("ReportsQueue.Arn", "sqs:GetQueueAttributes"),
    "Authorizer": grants("StateTable.Arn", "dynamodb:GetItem"),
    "Reconciler": grants("MessagesTable.Arn", "dynamodb:BatchGetItem", "dynamodb:UpdateItem")
    | {("dynamodb:Query", f"MessagesTable.Arn/index/{index}") for index in INDEXES if index != "by_reference"}
    | grants("StateTable.Arn", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
    | grants("ReportsQueue.Arn", "sqs:SendMessage")
    | ASK_OPT_OUTS
    | READ_SETTINGS
    | READ_SEND_SETTINGS,
    "Inbound": grants("InboundQueue.Arn", *TAKE)
    | grants("InboundDlq.Arn", "sqs:SendMessage")
    | grants("StateTable.Arn", "dynamodb:GetItem", "dynamodb:PutItem")
    | grants("StateTable.Arn/index/by_change", "dynamodb:Query")
    | grants("MessagesTable.Arn", "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:BatchGetItem")
    | {("dynamodb:Query", f"MessagesTable.Arn/index/{index}") for index in ("by_recipient", "by_provider_id")}
    | {("ssm:GetParameters", f"{SETTINGS}/{name}") for name in ("public-base-urls", "secrets/service")}
    | {
        ("ssm:GetParameters", f"{SETTINGS}/secrets/{name}")
        for name in providers.names()
        if providers.opt_outs(name) or providers.reply_time(name)
    },
}
NO_NARROWER_RESOURCE = {
    "dynamodb:ListStreams": "AWS offers no resource for it, and stream mappings ask for it",
    "xray:PutTraceSegments": "AWS offers no resource for it",
    "xray:PutTelemetryRecords": "AWS offers no resource for it",
}


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(deployed: Stack, name: str) -> Iterator[Mapping[str, Any]]:
    role = deployed.properties(f"{name}Role")
    attached = [deployed.properties(policy) for policy in role.get("ManagedPolicyArns", [])]
    for policy in [*role["Policies"], *attached]:
        yield from policy["PolicyDocument"]["Statement"]


def granted(deployed: Stack, name: str) -> set[Grant]:
    return {
        (action, resource)
        for statement in statements(deployed, name)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


@pytest.mark.parametrize("name", ALLOWED)
def test_a_function_may_do_what_it_does_and_nothing_else_but_send_traces_if_it_is_traced(name: str) -> None:
    own_logs = grants(f"{name}Logs.Arn", "logs:CreateLogStream", "logs:PutLogEvents")
    assert granted(stack(), name) == ALLOWED[name] | own_logs
    traces = granted(stack(Tracing="Active"), name) - granted(stack(), name)
    assert traces == grants("*", "xray:PutTraceSegments", "xray:PutTelemetryRecords")


def test_what_a_function_may_do_is_in_its_role_before_the_function_is_made_and_nowhere_else() -> None:
    traced = stack(Tracing="Active", SecretsKeyArn=KEY)

    # A policy that names its roles is one that CloudFormation may attach only after the functions.
    assert not traced.of("AWS::IAM::Policy")
    assert not any("Roles" in policy.properties for policy in traced.of("AWS::IAM::ManagedPolicy").values())
    ours = set(stack().of("AWS::IAM::ManagedPolicy"))
    for role in stack().of("AWS::IAM::Role").values():
        assert set(role.properties.get("ManagedPolicyArns", [])) <= ours
    effects = {statement["Effect"] for name in ALLOWED for statement in statements(stack(), name)}
    assert effects == {"Allow"}  # no denial hides what is allowed


def test_every_function_has_a_role_of_its_own_that_only_lambda_can_take() -> None:
    functions = stack().of("AWS::Lambda::Function").values()
    assert {each.properties["Role"] for each in functions} == {f"{name}Role.Arn" for name in ALLOWED}
    assert set(stack().of("AWS::IAM::Role")) == {f"{name}Role" for name in ALLOWED} | {"ReconcilerScheduleRole"}
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    for name in ALLOWED:
        assert stack().properties(f"{name}Role")["AssumeRolePolicyDocument"]["Statement"] == [trust]


def test_the_schedule_may_start_the_reconciler_and_nothing_else() -> None:
    (trust,) = stack().properties("ReconcilerScheduleRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "account"}}
    function = "arn:aws:lambda:region:account:function:stack-reconciler"
    assert granted(stack(), "ReconcilerSchedule") == {("lambda:InvokeFunction", function)}


@pytest.mark.parametrize("name", ALLOWED)
def test_no_action_and_no_resource_is_a_wildcard_but_what_aws_demands(name: str) -> None:
    for action, resource in granted(stack(SecretsKeyArn=KEY, Tracing="Active"), name):
        assert "*" not in action
        assert "*" not in resource or (resource == "*" and action in NO_NARROWER_RESOURCE)


@pytest.mark.parametrize("name", ["Send", "Webhook", "Inbound"])
def test_secrets_under_a_key_of_the_customers_can_be_decrypted_through_ssm_only(name: str) -> None:
    keyed = [each for each in statements(stack(SecretsKeyArn=KEY), name) if each["Action"] == "kms:Decrypt"]
    (statement,) = keyed
    assert statement["Resource"] == KEY
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "ssm.region.amazonaws.com"}}


@pytest.mark.parametrize("name", ["Query", "Reconciler", "Send", "Inbound"])
def test_who_is_not_the_authorizer_reaches_no_api_key_in_the_state_table(name: str) -> None:
    found = [each for each in statements(stack(), name) if "StateTable.Arn" in listed(each["Resource"])]
    kinds = {"reconciler", "statistics", "opt-out", "sending-stops", "limit"}

    assert found
    for statement in found:
        (operator,) = statement["Condition"]
        keys = statement["Condition"][operator]["dynamodb:LeadingKeys"]
        assert operator == "ForAllValues:StringLike"
        assert {key.split("#")[0] for key in keys} <= kinds


def test_replies_write_into_the_messages_table_nothing_but_events() -> None:
    (statement,) = [
        each
        for each in statements(stack(), "Inbound")
        if each["Action"] == "dynamodb:PutItem" and each["Resource"] == "MessagesTable.Arn"
    ]
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["event#*"]}}


def test_the_digest_uses_the_topics_key_where_there_is_one_and_through_sns_only() -> None:
    keyed = stack(AlertsTopicKey="on")
    (statement,) = [each for each in statements(keyed, "Digest") if "kms:Decrypt" in each["Action"]]
    assert granted(keyed, "Digest") - granted(stack(), "Digest") == grants(
        "AlertsKey.Arn", "kms:Decrypt", "kms:GenerateDataKey"
    )
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "sns.region.amazonaws.com"}}
