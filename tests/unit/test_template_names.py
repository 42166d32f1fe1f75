"""The template's physical names: none that a second stack of the account would want, too."""

# Found in aws/serverless-application-model#3109

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from ops.command import LONGEST_NAME
from tests.unit.template_stack import PSEUDO, Resource, stack

OPERATOR = {"DomainName": "sms.example.com", "CertificateArn": "arn:aws:acm:r:1:certificate/c", "HostedZoneId": "Z1"}
EVERYTHING = {"Tracing": "Active", "Alarms": "all", "Dashboard": "on", "AlertsTopicKey": "on"}
FULL = stack(**OPERATOR, **EVERYTHING, GradualDeployment="true", AlertEmail="ops@example.com")
"""A deployment with everything that parameters can add."""
NO_NAME_OF_THE_ACCOUNT = {
    ("AWS::CloudWatch::Alarm", "MetricName"): "what the alarm watches",
    ("AWS::SNS::Topic", "DisplayName"): "what a mail is from",
    ("AWS::Lambda::Alias", "Name"): "within its function",
    ("AWS::ApiGatewayV2::Stage", "StageName"): "within its API",
    ("AWS::Lambda::EventInvokeConfig", "Qualifier"): "within its function",
    ("AWS::Route53::RecordSet", "Type"): "of the operator's own name",
    ("AWS::CodeDeploy::DeploymentGroup", "DeploymentConfigName"): "AWS's own",
}
SCHEDULES = ["ReconcilerFunctionSchedule", "ReconcilerFunctionStatistics"]


def name_properties(kind: str) -> set[str]:
    """Where resources of a type take a name, by CloudFormation's schema: its ...Name properties and its identifier."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind).schema
    read_only = {path.rpartition("/")[2] for path in schema.get("readOnlyProperties", [])}
    identifier = {path.rpartition("/")[2] for path in schema["primaryIdentifier"]}
    writable = {str(name) for name in schema["properties"]} - read_only
    return {name for name in writable if name.endswith("Name") or name in identifier}


def names(resource: Resource) -> Iterator[tuple[str, str]]:
    """Each name that the template gives a resource, but for those of the stack's other resources."""
    for name in sorted(name_properties(resource.type) & resource.properties.keys()):
        value = str(resource.properties[name])
        if value.partition(".")[0] not in FULL.resources and (resource.type, name) not in NO_NAME_OF_THE_ACCOUNT:
            yield name, value


@pytest.mark.parametrize("logical_id", FULL.resources)
def test_a_name_has_the_stacks_in_it_or_is_the_operators(logical_id: str) -> None:
    for property_name, value in names(FULL.resources[logical_id]):
        own = re.search(rf"\b{PSEUDO['AWS::StackName']}\b", value)
        assert own or value in OPERATOR.values(), f"{property_name}: {value}"
        # SAM names schedules and layers by their logical ids, which are the same in every stack.
        assert value != logical_id


def test_the_names_that_are_looked_at_are_those_of_every_kind() -> None:
    kinds = {resource.type for resource in FULL.resources.values() if [*names(resource)]}

    assert {
        *("AWS::Scheduler::Schedule", "AWS::Scheduler::ScheduleGroup", "AWS::Lambda::LayerVersion"),
        *("AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::Logs::QueryDefinition"),
        *("AWS::SSM::Parameter", "AWS::Events::EventBus", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"),
        *("AWS::Route53::RecordSet", "AWS::ApiGatewayV2::DomainName"),
    } <= kinds


def test_every_function_s_name_fits_with_the_longest_stack_name() -> None:
    given = [function.properties["FunctionName"] for function in FULL.of("AWS::Lambda::Function").values()]

    assert max(len(name) - len("stack") for name in given) + LONGEST_NAME == 64  # what Lambda allows


@pytest.mark.parametrize("logical_id", SCHEDULES)
def test_a_schedules_name_fits_with_the_longest_stack_name_that_its_function_takes(logical_id: str) -> None:
    suffix = FULL.properties(logical_id)["Name"].removeprefix("stack")
    function = FULL.properties("ReconcilerFunction")["FunctionName"].removeprefix("stack")
    assert len(suffix) <= len(function)  # 64 characters for both
