"""Two stacks in one account and region, which share nothing by accident."""

# Found in aws/serverless-application-model#3109

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from local import deploy
from local.clients import REGION, ROOT_KEY
from local.process import ROOT
from local.stack import NAME, Stack
from local.template import load, set_schedule, supported, widen_resources
from tests.e2e import watch

BESIDE = "beside"


@pytest.fixture
def schedules(stack: Stack) -> Callable[[], dict[str, str]]:
    """Each schedule's name, and the function that it starts."""
    scheduler: Any = boto3.client(
        "scheduler",
        endpoint_url=stack.clients.endpoint,
        region_name=REGION,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
    )

    def read() -> dict[str, str]:
        listed = scheduler.list_schedules()["Schedules"]
        return {each["Name"]: each["Target"]["Arn"].rpartition(":")[2] for each in listed}

    return read


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


def test_each_stack_has_its_own_schedules_and_takes_only_them_with_it(
    stack: Stack, second: deploy.Deployment, schedules: Callable[[], dict[str, str]]
) -> None:
    assert schedules() == {**of(NAME), **of(second.name)}

    stack.clients.cloudformation.delete_stack(StackName=second.name)

    watch.eventually(lambda: schedules() == of(NAME), "the first stack's schedules are not those that are left")


def test_no_resource_of_one_stack_is_the_others_too(stack: Stack, second: deploy.Deployment) -> None:
    shared = set(stack.deployment.physical.values()) & set(second.physical.values())

    assert shared <= {"", "live", "$default"}  # within a function, within an API
