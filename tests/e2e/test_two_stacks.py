"""Two stacks in one account and region, which share nothing by accident."""

# Found in aws/serverless-application-model#3109

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local import deploy
from local.process import ROOT
from local.stack import NAME, Stack
from local.template import load, set_schedule, supported, widen_resources
from tests.e2e import watch

BESIDE = "beside"


def schedules(stack: Stack) -> dict[str, str]:
    """Each schedule's name, and the function that it starts."""
    listed = stack.clients.scheduler.list_schedules()["Schedules"]
    return {each["Name"]: each["Target"]["Arn"].rpartition(":")[2] for each in listed}


@pytest.fixture
def second(stack: Stack) -> Iterator[deploy.Deployment]:
    """A second stack of the same template, deleted at the end if the test has not done so."""
    template = supported(load(ROOT / "template.yaml"))
    widen_resources(template)
    for schedule in ("Schedule", "Statistics"):
        set_schedule(template, schedule, State="DISABLED")
    yield deploy.deploy(
        stack.clients,
        template,
        root=ROOT,
        name=BESIDE,
        parameters={"AllowedCountries": "NL", "ArchiveDays": "0"},
        progress=lambda _: None,
    )
    stack.clients.cloudformation.delete_stack(StackName=BESIDE)


def of(name: str) -> dict[str, str]:
    return {f"{name}-reconcile": f"{name}-reconciler", f"{name}-statistics": f"{name}-reconciler"}


def test_each_stack_has_resources_and_schedules_of_its_own_and_takes_only_them_with_it(
    stack: Stack, second: deploy.Deployment
) -> None:
    shared = set(stack.deployment.physical.values()) & set(second.physical.values())
    assert shared <= {"", "live", "$default"}  # within a function, within an API
    assert schedules(stack) == {**of(NAME), **of(second.name)}

    stack.clients.cloudformation.delete_stack(StackName=second.name)

    watch.eventually(lambda: schedules(stack) == of(NAME), "the first stack's schedules are not those that are left")
