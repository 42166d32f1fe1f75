"""One local stack for all end-to-end tests; with xdist, `--dist loadgroup` keeps them on one worker.

The functions' IAM policies are enforced; AUTH=false turns that off, to see whether a failure is a matter of policy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.stack import Stack

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(auth=os.environ.get("AUTH") != "false") as running:
        yield running


@pytest.fixture(scope="session")
def api_key(stack: Stack) -> str:
    key = stack.create_key("e2e", {"send", "read"})
    stack.warm_up(key)
    return key


@pytest.fixture(scope="session")
def api(stack: Stack, api_key: str) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=stack.api_url, headers={"authorization": f"Bearer {api_key}"}, timeout=35, trust_env=False
    ) as client:
        yield client
