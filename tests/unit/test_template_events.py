"""The template's bus, its rule, and whom the alerts reach."""

from __future__ import annotations

from sms_tracker.domain.status import Outcome
from sms_tracker.services.events import RECEIVED
from tests.unit.template_stack import stack


def test_failures_and_unknowns_go_to_the_failures_queue() -> None:
    rule = stack().only("AWS::Events::Rule").properties
    assert rule["EventBusName"] == "Bus"
    assert rule["EventPattern"] == {
        "source": ["sms-tracker"],
        "detail-type": ["SMS Status Changed"],
        "detail": {"outcome": [Outcome.FAILURE.value, Outcome.UNKNOWN.value], "unconfirmed": [{"exists": False}]},
    }


def test_an_event_that_the_queue_does_not_take_is_tried_for_a_day_and_then_kept() -> None:
    (target,) = stack().only("AWS::Events::Rule").properties["Targets"]
    assert target["Arn"] == "FailuresQueue.Arn"
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 24 * 3600
    assert target["DeadLetterConfig"] == {"Arn": "FailureRuleDlq.Arn"}


def test_only_the_rule_may_write_into_its_queue_and_its_dead_letter_queue() -> None:
    policies = stack().of("AWS::SQS::QueuePolicy").values()
    allowed = {
        policy.properties["Queues"][0]: statement
        for policy in policies
        for statement in policy.properties["PolicyDocument"]["Statement"]
    }
    assert set(allowed) == {"FailuresQueue", "FailureRuleDlq"}
    for queue, statement in allowed.items():
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", f"{queue}.Arn")
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": "FailureRule.Arn"}}


def test_the_bus_remembers_for_as_long_as_the_parameter_says_and_no_texts_of_people() -> None:
    archive = stack(ArchiveDays="7").only("AWS::Events::Archive").properties
    assert (archive["SourceArn"], archive["RetentionDays"]) == ("Bus.Arn", "7")
    assert archive["EventPattern"] == {"source": ["sms-tracker"], "detail-type": [{"anything-but": [RECEIVED]}]}
    assert not stack(ArchiveDays="0").of("AWS::Events::Archive")


def test_notifications_are_encrypted_with_a_key_that_those_who_publish_may_use_and_nobody_else() -> None:
    keyed = stack(AlertsTopicKey="on")
    key = keyed.only("AWS::KMS::Key").properties
    statements = {statement["Sid"]: statement for statement in key["KeyPolicy"]["Statement"]}
    assert keyed.only("AWS::SNS::Topic").properties["KmsMasterKeyId"] == "AlertsKey.Arn"
    assert key["EnableKeyRotation"] is True
    assert statements["Alarms"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statements["Alarms"]["Condition"]["StringEquals"] == {"aws:SourceAccount": "account"}
    assert statements["Alarms"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert set(statements) == {"AccountDecidesByIam", "Alarms"}  # digest publishes by its own role


def test_no_key_is_paid_for_unless_a_parameter_asks_for_it() -> None:
    assert not stack().of("AWS::KMS::Key")
    assert "KmsMasterKeyId" not in stack().only("AWS::SNS::Topic").properties
    assert [each.name for each in stack().resources.values() if "kms:" in str(each.properties).lower()] == []


def test_only_alarms_of_this_stack_may_publish_from_outside() -> None:
    (statement,) = stack().only("AWS::SNS::TopicPolicy").properties["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == ("sns:Publish", "AlertsTopic")
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "account"},
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:*:*:alarm:stack-*"},
    }


def test_a_person_is_subscribed_only_if_an_address_is_given() -> None:
    subscription = stack(AlertEmail="ops@example.com").only("AWS::SNS::Subscription").properties
    assert subscription == {"TopicArn": "AlertsTopic", "Protocol": "email", "Endpoint": "ops@example.com"}
    assert not stack().of("AWS::SNS::Subscription")
