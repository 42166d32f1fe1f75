"""The deployer's IAM policy allows what CloudFormation does for each resource type of the template.

AWS's own schemas of the resource types, which cfn-lint ships, name the actions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.unit.template_stack import ROOT, expanded, stack

POLICY: Mapping[str, Any] = json.loads((ROOT / "docs" / "deployer-policy.json").read_text())
MANAGED_POLICY_LIMIT = 6144
"""Characters of a managed policy without white space (IAM quotas)."""
NOT_USED = (
    "ec2:*",  # functions in a VPC
    "elasticfilesystem:*",
    "s3files:*",
    "kinesis:*",  # table streams to Kinesis
    "firehose:*",
    "kms:*crypt*",  # customer keys for tables, buses, archives and functions
    "kms:*Grant",
    "dynamodb:*Item",  # imports and replicas of tables
    "dynamodb:Query",
    "dynamodb:Scan",
)
BESIDE_RESOURCES = {"cloudformation", "s3", "sts", "acm"}
"""Services that SAM itself calls, and the domain's certificate."""
TYPES = sorted({each["Type"] for way in ("false", "true") for each in expanded(gradual=way)["Resources"].values()})


def statements() -> list[tuple[str, str]]:
    """Each allowed action with each of its resources."""
    pairs = []
    for each in POLICY["Statement"]:
        assert each["Effect"] == "Allow"
        actions, resources = (
            [value] if isinstance(value, str) else value for value in (each["Action"], each["Resource"])
        )
        pairs += [(action, resource) for action in actions for resource in resources]
    return pairs


def matches(action: str, pattern: str) -> bool:
    return fnmatchcase(action.lower(), pattern.lower())


def needed(kind: str) -> set[str]:
    """The actions by which CloudFormation creates, reads, updates and deletes resources of a type."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
    named = {action for name, each in handlers.items() if name != "list" for action in each.get("permissions", [])}
    return {action for action in named if not any(matches(action, pattern) for pattern in NOT_USED)}


@pytest.mark.parametrize("kind", TYPES)
def test_the_deployer_may_do_what_cloudformation_does_for_each_type(kind: str) -> None:
    allowed = {action for action, _ in statements()}

    assert sorted(one for one in needed(kind) if not any(matches(one, each) for each in allowed)) == []


def test_the_deployer_uses_no_further_service_and_the_policy_fits_into_a_managed_one() -> None:
    services = {action.split(":")[0] for action, _ in statements()}

    assert services - BESIDE_RESOURCES == {action.split(":")[0] for kind in TYPES for action in needed(kind)} - {"s3"}

    assert len(json.dumps(POLICY, separators=(",", ":"))) <= MANAGED_POLICY_LIMIT


def test_names_that_the_template_gives_are_those_that_the_policy_admits() -> None:
    deployed = stack(Dashboard="on", Alarms="all")
    groups = [f"log-group:{each.properties['LogGroupName']}" for each in deployed.of("AWS::Logs::LogGroup").values()]
    queues = [f"sqs:*:*:{each.properties['QueueName']}" for each in deployed.of("AWS::SQS::Queue").values()]
    parameters = [f"parameter{each.properties['Name']}" for each in deployed.of("AWS::SSM::Parameter").values()]
    resources = [resource for _, resource in statements()]

    for name in (*groups, *queues, *parameters):
        arn = name.replace("stack", "sms-tracker-prod", 1)
        assert any(resource.split("sms-tracker")[0].endswith(arn.split("sms-tracker")[0]) for resource in resources)
