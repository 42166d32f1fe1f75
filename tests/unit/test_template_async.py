"""The template's asynchronous invocations: of functions that are handed events, and that nobody waits for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.unit.template_stack import Stack, stack

ASYNCHRONOUS = ["AWS::Scheduler::Schedule", "AWS::Events::Rule", "AWS::SNS::Subscription"]
"""What invokes Lambda asynchronously: "Invoking Lambda with events from other AWS services"."""


def targets(deployed: Stack) -> Iterator[str]:
    """Functions that Lambda's own queue of events stands before."""
    functions = deployed.of("AWS::Lambda::Function")
    for kind in ASYNCHRONOUS:
        for resource in deployed.of(kind).values():
            text = json.dumps(resource.properties)
            yield from (name for name in functions if f'"{name}.Arn"' in text)


def test_the_schedules_invoke_the_reconciler_and_nothing_else_is_invoked_asynchronously() -> None:
    assert list(targets(stack(AlertEmail="ops@example.com"))) == ["ReconcilerFunction", "ReconcilerFunction"]


@pytest.mark.parametrize("function", sorted({*targets(stack())}))
def test_an_asynchronous_invocation_is_not_repeated_and_not_kept(function: str) -> None:
    # By default two more tries, and six hours: "Configuring error handling settings for asynchronous invocations".
    (config,) = [
        each.properties
        for each in stack().of("AWS::Lambda::EventInvokeConfig").values()
        if each.properties["FunctionName"] == function
    ]

    assert config["Qualifier"] == "$LATEST"  # the target names no version
    assert config["MaximumRetryAttempts"] == 0
    assert config["MaximumEventAgeInSeconds"] == 60


@pytest.mark.parametrize("name", stack().of("AWS::Scheduler::Schedule"))
def test_scheduler_itself_does_not_repeat_a_call(name: str) -> None:
    assert stack().properties(name)["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 0
