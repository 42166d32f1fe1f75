"""The stacks of examples/consumers: what each rule keeps, what happens to what cannot be delivered, who may do what.

Asserted here is what the local stack lacks: retries, dead-letter queues, resource policies, schemas.
"""

# Found in aws/aws-cdk#33169, #30549, #11617

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from functools import cache
from typing import Any

import jsonschema
import pytest
from moto.events.models import EventPattern

from sms_tracker.domain.status import CORRECTIONS, Outcome, Status
from sms_tracker.services.events import SOURCE, STATUS_CHANGED
from sms_tracker.services.publish import PublishPolicy, status_changed
from tests.factories import record
from tests.unit.documents import links
from tests.unit.template_stack import CONSUMERS, ROOT, Stack, consumer, stack

SENDER, RECEIVER = "111111111111", "222222222222"
PARAMETERS = {
    "queue": {},
    "function": {},
    "http": {"Url": "https://shop.example.com/sms"},
    "email": {"Email": "shop@example.com"},
    "receiving-account": {"SendingAccount": SENDER},
    "sending-account": {"Client": "shop", "ReceivingBusArn": f"arn:aws:events:region:{RECEIVER}:event-bus/sms"},
    "schema": {},
}
CHOOSING = ["queue", "function", "http", "email"]
each_rule = pytest.mark.parametrize("name", CHOOSING)
each_target = pytest.mark.parametrize("name", [*CHOOSING, "sending-account"])
SAMPLES = sorted((ROOT / "events" / "published").glob("*.json"))


@cache
def deployed(name: str) -> Stack:
    return consumer(name, **PARAMETERS[name])


def target(name: str) -> dict[str, Any]:
    (only,) = deployed(name).only("AWS::Events::Rule").properties["Targets"]
    return dict(only)


def published(previous: Status, status: Status) -> dict[str, Any]:
    """The event of a change, in its envelope, where everything is published."""
    old, new = (replace(record(), state=replace(record().state, status=each)) for each in (previous, status))
    made = status_changed(old, new, PublishPolicy(statuses=frozenset({*Status, CORRECTIONS}), personal_data=False))
    assert made is not None
    return {"source": SOURCE, "detail-type": STATUS_CHANGED, "detail": json.loads(made.detail())}


def keeps(name: str, envelope: Any) -> bool:
    pattern = deployed(name).only("AWS::Events::Rule").properties["EventPattern"]
    return bool(EventPattern.load(json.dumps(pattern)).matches_event(envelope))


def test_every_template_is_tested_and_in_the_documentation() -> None:
    templates = set(CONSUMERS.glob("*.yaml"))

    assert {path.stem for path in templates} == PARAMETERS.keys()
    assert templates <= {path for path, _ in links(ROOT / "docs" / "consumers.md")}


# -- What a rule keeps -----------------------------------------------------------------------------------------------


@each_rule
def test_a_rule_keeps_failures_unknowns_and_their_corrections_and_nothing_else(name: str) -> None:
    wrong = {Outcome.FAILURE, Outcome.UNKNOWN}
    for previous, status in itertools.permutations(Status, 2):
        corrected = status.outcome is Outcome.SUCCESS and previous.outcome in wrong

        assert keeps(name, published(previous, status)) == (status.outcome in wrong or corrected)


@each_rule
def test_a_rule_keeps_every_sample_that_failed_and_no_later_schema_or_other_source(name: str) -> None:
    samples = {path.stem: json.loads(path.read_text()) for path in SAMPLES}
    failed = samples["failed"]
    changes: list[dict[str, Any]] = [{"detail": {**failed["detail"], "schema": 2}}, {"source": "another"}]

    assert samples.keys() - {each for each in samples if keeps(name, samples[each])} == {"delivered", "unconfirmed"}
    assert [keeps(name, {**failed, **each}) for each in (*changes, {"detail-type": "SMS Received"})] == [False] * 3


def test_an_account_gets_every_event_of_its_client_and_none_of_others() -> None:
    own = published(Status.SENT, Status.DELIVERED)

    assert keeps("sending-account", own)
    assert not keeps("sending-account", {**own, "detail": {**own["detail"], "client": "bank"}})


@each_target
def test_a_rule_is_on_the_bus_whose_name_the_main_stack_exports(name: str) -> None:
    exported = stack().outputs["BusName"]["Export"]["Name"].replace("stack-", "sms-tracker-")

    assert deployed(name).only("AWS::Events::Rule").properties["EventBusName"] == f"import {exported}"


# -- What cannot be delivered or handled -------------------------------------------------------------------------------


@each_target
def test_an_event_is_tried_for_a_day_and_then_kept_for_two_weeks(name: str) -> None:
    """The longest of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html.

    EventBridge can write where SQS's own encryption or a customer key is used, not with ``alias/aws/sqs``:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    assert target(name)["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert target(name)["DeadLetterConfig"] == {"Arn": "DeadLetterQueue.Arn"}
    for queue in deployed(name).of("AWS::SQS::Queue").values():
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue.properties["SqsManagedSseEnabled"] is True


def by_the_rule_alone(action: str, resource: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": {"ArnEquals": {"aws:SourceArn": "Rule.Arn"}},
    }


@each_target
def test_only_the_rule_may_write_into_its_queues(name: str) -> None:
    """Without it EventBridge drops events: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html."""
    policies = deployed(name).of("AWS::SQS::QueuePolicy").values()
    allowed = {policy.properties["Queues"][0]: policy.properties["PolicyDocument"]["Statement"] for policy in policies}

    assert allowed.keys() == deployed(name).of("AWS::SQS::Queue").keys()
    for queue, statements in allowed.items():
        assert statements == [by_the_rule_alone("sqs:SendMessage", f"{queue}.Arn")]


def test_a_batch_is_hidden_for_six_time_outs_and_fails_record_by_record() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html."""
    queue = deployed("queue").properties("Queue")

    assert queue["VisibilityTimeout"] >= 6 * deployed("queue").properties("Function")["Timeout"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": "DeadLetterQueue.Arn", "maxReceiveCount": 5}
    mapping = deployed("queue").only("AWS::Lambda::EventSourceMapping").properties
    assert (mapping["EventSourceArn"], mapping["FunctionResponseTypes"]) == ("Queue.Arn", ["ReportBatchItemFailures"])


def test_what_the_function_cannot_handle_is_kept_as_what_cannot_be_delivered() -> None:
    """EventBridge's own queue does not get it: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html."""
    # Found in serverless/serverless#4647
    config = deployed("function").only("AWS::Lambda::EventInvokeConfig").properties

    assert config["DestinationConfig"]["OnFailure"]["Destination"] == "DeadLetterQueue.Arn"
    assert (config["MaximumEventAgeInSeconds"], config["MaximumRetryAttempts"]) == (21600, 2)
    permission = deployed("function").only("AWS::Lambda::Permission").properties
    assert (permission["Principal"], permission["SourceArn"]) == ("events.amazonaws.com", "Rule.Arn")


# -- Who may do what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["queue", "function"])
def test_a_function_may_only_write_its_own_table(name: str) -> None:
    role = deployed(name).only("AWS::IAM::Role").properties
    granted = {
        (each["Action"], each["Resource"])
        for policy in role["Policies"]
        for each in policy["PolicyDocument"]["Statement"]
    }

    assert granted - {("sqs:SendMessage", "DeadLetterQueue.Arn")} == {("dynamodb:PutItem", "Table.Arn")}


def test_the_secret_of_an_address_stays_in_secrets_manager() -> None:
    parameters = deployed("http").only("AWS::Events::Connection").properties["AuthParameters"]["ApiKeyAuthParameters"]

    assert parameters["ApiKeyValue"] == "{{resolve:secretsmanager:sms-events-authorization}}"


@pytest.mark.parametrize(
    ("name", "action", "resource"),
    [
        ("http", "events:InvokeApiDestination", "Destination.Arn"),
        ("sending-account", "events:PutEvents", PARAMETERS["sending-account"]["ReceivingBusArn"]),
    ],
)
def test_a_rule_that_needs_a_role_has_one_for_its_target_alone(name: str, action: str, resource: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html asks for it between buses."""
    role = deployed(name).only("AWS::IAM::Role").properties
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    (policy,) = role["Policies"]

    assert target(name)["RoleArn"] == "Role.Arn"
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "account"}}
    assert policy["PolicyDocument"]["Statement"] == [{"Effect": "Allow", "Action": action, "Resource": resource}]


def test_only_the_rule_may_publish_to_the_topic() -> None:
    (statement,) = deployed("email").only("AWS::SNS::TopicPolicy").properties["PolicyDocument"]["Statement"]

    assert statement == by_the_rule_alone("sns:Publish", "Topic")


def test_only_the_sending_account_may_put_only_our_events_on_the_receiving_bus() -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html."""
    receiving = deployed("receiving-account")
    policy = receiving.only("AWS::Events::EventBusPolicy").properties

    assert receiving.outputs["BusName"]["Export"] == stack().outputs["BusName"]["Export"]
    assert policy["EventBusName"] == "Bus"
    assert policy["Statement"] == {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{SENDER}:root"},
        "Action": "events:PutEvents",
        "Resource": "Bus.Arn",
        "Condition": {"StringEquals": {"events:source": SOURCE}},
    }


# -- The schema registry -----------------------------------------------------------------------------------------------


def registered() -> dict[str, Any]:
    schema = deployed("schema").only("AWS::EventSchemas::Schema").properties
    assert schema["Type"] == "JSONSchemaDraft4"
    content: dict[str, Any] = json.loads(schema["Content"])
    return content


def test_the_registered_schema_is_of_the_newest_kind_that_eventbridge_takes() -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-create.html."""
    schema = registered()
    jsonschema.Draft4Validator.check_schema(schema)

    assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"
    assert {"$defs", "const", "$id"}.isdisjoint(json.dumps(schema).replace('"', " ").split())
    assert {schema["x-amazon-events-source"], schema["x-amazon-events-detail-type"]} == {SOURCE, STATUS_CHANGED}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_an_event_fits_the_registered_schema_and_a_broken_one_does_not(path: Any) -> None:
    envelope = json.loads(path.read_text())
    validator = jsonschema.Draft4Validator(registered())
    broken: list[dict[str, Any]] = [{"schema": 2}, {"status": "lost"}, {"failure": {}}]

    validator.validate(envelope)
    assert not any(validator.is_valid({**envelope, "detail": {**envelope["detail"], **each}}) for each in broken)
