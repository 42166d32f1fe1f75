"""AWS's part of the template: the way of its events, and what the roles may send from."""

from __future__ import annotations

import json
import re

import pytest

from local.template import load, supported
from tests.unit.template_stack import ROOT, source, stack
from tests.unit.test_template_permissions import KEY, SETTINGS, granted, statements

SENDER = "phone-0123456789abcdef0123456789abcdef"
ENABLED = {"AwsSender": SENDER, "Providers": "aws", "DefaultProvider": "aws"}
VOICE = "arn:aws:sms-voice:region:account"


def test_without_a_sender_there_is_nothing_of_it() -> None:
    assert [name for name in stack().resources if name.startswith("Aws")] == []
    assert "AlertsKey" not in stack().resources
    assert "sms-voice" not in json.dumps(stack(AlertsTopicKey="on").properties("AlertsKey"))
    assert stack().of("AWS::SQS::QueuePolicy").keys() == {"FailuresQueuePolicy", "FailureRuleDlqPolicy"}


def test_every_event_of_a_text_goes_to_the_topic_and_raw_to_the_queue_of_reports() -> None:
    deployed = stack(**ENABLED)
    (destination,) = deployed.properties("AwsConfigurationSet")["EventDestinations"]
    subscription = deployed.properties("AwsEventsSubscription")

    assert destination["SnsDestination"] == {"TopicArn": "AwsEventsTopic"}
    assert (destination["Enabled"], destination["MatchingEventTypes"]) == (True, ["TEXT_ALL"])
    assert (subscription["TopicArn"], subscription["Endpoint"]) == ("AwsEventsTopic", "ReportsQueue.Arn")
    assert (subscription["Protocol"], subscription["RawMessageDelivery"]) == ("sqs", True)
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": "ReportsDlq.Arn"}


def test_only_that_topic_may_write_to_the_queue_and_only_aws_for_this_account_to_the_topic() -> None:
    deployed = stack(**ENABLED)
    (queue,) = deployed.properties("AwsEventsQueuePolicy")["PolicyDocument"]["Statement"]
    (topic,) = deployed.properties("AwsEventsTopicPolicy")["PolicyDocument"]["Statement"]

    assert queue["Principal"] == {"Service": "sns.amazonaws.com"}
    assert queue["Condition"] == {"ArnEquals": {"aws:SourceArn": "AwsEventsTopic"}}
    assert queue["Resource"] == ["ReportsQueue.Arn", "ReportsDlq.Arn"]
    assert topic["Principal"] == {"Service": "sms-voice.amazonaws.com"}
    assert topic["Condition"] == {"StringEquals": {"aws:SourceAccount": "account"}}


@pytest.mark.parametrize("alerts", ["on", "off"])
def test_the_topic_is_encrypted_with_a_key_that_aws_may_use_for_this_account(alerts: str) -> None:
    deployed = stack(**ENABLED, AlertsTopicKey=alerts)
    (statement,) = [
        each
        for each in deployed.properties("AlertsKey")["KeyPolicy"]["Statement"]
        if each["Principal"] == {"Service": "sms-voice.amazonaws.com"}
    ]

    assert deployed.properties("AwsEventsTopic")["KmsMasterKeyId"] == "AlertsKey.Arn"
    assert ("KmsMasterKeyId" in deployed.properties("AlertsTopic")) == (alerts == "on")
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "account"}}


@pytest.mark.parametrize("name", ["Send", "Reconciler"])
def test_a_role_may_send_from_the_named_sender_and_from_what_is_tagged_for_the_stack(name: str) -> None:
    further = granted(stack(**ENABLED), name) - granted(stack(), name)
    (tagged,) = [each for each in statements(stack(**ENABLED), name) if each["Sid"] == "SendFromTaggedSenders"]
    kinds = {f"{VOICE}:{kind}/*" for kind in ("phone-number", "pool", "sender-id")}
    named = (f"phone-number/{SENDER}", f"pool/{SENDER}", f"sender-id/{SENDER}/*", "configuration-set/stack-sms")

    assert tagged["Condition"] == {"StringEquals": {"aws:ResourceTag/sms-tracker": "stack"}}
    assert set(tagged["Resource"]) == kinds
    assert further == {("sms-voice:SendTextMessage", each) for each in (*kinds, *(f"{VOICE}:{each}" for each in named))}


def test_the_processor_may_read_our_own_key_and_no_secret_of_a_provider() -> None:
    further = granted(stack(**ENABLED), "Processor") - granted(stack(), "Processor")
    kept = stack(**ENABLED, SecretsKeyArn=KEY)
    (keyed,) = [each for each in statements(kept, "Processor") if "kms" in each["Action"]]

    assert further == {("ssm:GetParameters", f"{SETTINGS}/{name}") for name in ("public-base-urls", "secrets/service")}
    assert (keyed["Action"], keyed["Resource"]) == ("kms:Decrypt", KEY)


@pytest.mark.parametrize("name", ["Webhook", "Publisher", "Digest", "Query", "Authorizer"])
def test_no_other_role_has_more_for_it(name: str) -> None:
    assert granted(stack(**ENABLED), name) == granted(stack(), name)


def test_the_settings_are_plain_and_name_what_the_template_made() -> None:
    deployed = stack(**ENABLED, AwsMessageType="PROMOTIONAL", AwsCarrierAccepted="US,NL")
    parameter = deployed.properties("AwsSettings")

    assert (parameter["Name"], parameter["Type"]) == ("/stack/secrets/aws", "String")
    assert json.loads(parameter["Value"]) == {
        "sms_region": "region",
        "configuration_set": deployed.properties("AwsConfigurationSet")["ConfigurationSetName"],
        "message_type": "PROMOTIONAL",
        "carrier_accepted": "US,NL",
    }


@pytest.mark.parametrize(
    ("parameter", "taken", "refused"),
    [
        # "phone-1" is a sender id by its form
        ("AwsSender", [SENDER, "pool-" + "0" * 32, "My-Shop_1", "phone-1"], ["+15551234567", "*", "a/b"]),
        ("AwsCarrierAccepted", ["US,NL"], ["US, NL", "us", '","x":"']),
    ],
)
def test_a_parameter_takes_what_aws_and_json_take(parameter: str, taken: list[str], refused: list[str]) -> None:
    pattern = source()["Parameters"][parameter]["AllowedPattern"]
    assert [value for value in (*taken, *refused) if re.fullmatch(pattern, value)] == taken


def test_as_the_default_it_needs_a_sender() -> None:
    rule = source()["Rules"]["AwsNeedsSender"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "DefaultProvider"}, "aws"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AwsSender"}, ""]}]}


def test_the_emulator_gets_all_of_it_but_the_type_that_it_lacks() -> None:
    whole = load(ROOT / "template.yaml")
    left_out = {name for name in whole["Resources"] if name.startswith("Aws")} - supported(whole)["Resources"].keys()
    assert left_out == {"AwsConfigurationSet"}
    assert "AwsConfigurationSet" not in json.dumps(supported(whole)["Resources"])
