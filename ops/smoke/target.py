"""The deployment under test (its address, keys, accounts and routes), and the result of a check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from samcli.yamlhelper import yaml_parse

from ops.accounts import documents
from ops.stack import Stack
from sms_tracker.aws.clients import api
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.config import WebhookConfig, load
from sms_tracker.domain.callback import Verification

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
WEBHOOKS = "/webhooks/{provider}"
NOBODY = "00000000-0000-0000-0000-000000000000"
"""A message id without a message: reports about it end in the queue ``unmatched``."""
REFUSED = frozenset({401, 403})
"""API Gateway answers 401 without a key and 403 for a wrong one; the functions answer 403."""


class Outcome(StrEnum):
    """How a check ended; only ``broken`` makes the command fail."""

    OK = "ok"
    BROKEN = "BROKEN"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table."""

    name: str
    outcome: Outcome
    detail: str


Checks = Iterator[Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The deployment as a client uses it. ``url`` has no trailing slash; ``scoped`` are keys with one scope each."""

    http: httpx.Client = field(repr=False)
    url: str
    key: str = field(repr=False)
    scoped: dict[str, str] = field(default_factory=dict, repr=False)

    def request(self, method: str, path: str, *, key: str | None = None, json: object = None) -> httpx.Request:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self.http.build_request(method, f"{self.url}{path}", headers=headers, json=json)


def check(target: Target, name: str, request: httpx.Request, judge: Callable[[httpx.Response], str | None]) -> Result:
    """Make one request; ``judge`` returns the fault of the answer, or None."""
    try:
        answer = target.http.send(request)
    except httpx.HTTPError as error:
        return Result(name, Outcome.BROKEN, f"no answer: {type(error).__name__}")
    wrong = judge(answer)
    detail = f"{answer.status_code}" if wrong is None else f"{answer.status_code}: {wrong}"
    return Result(name, Outcome.OK if wrong is None else Outcome.BROKEN, detail)


def skipped(name: str, why: str) -> Result:
    return Result(name, Outcome.SKIPPED, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Each enabled provider's secret document; ``enabled`` is None if unknown.

    ``tokens`` are the providers with our own token in their callbacks, made with ``service_key``.
    """

    documents: Mapping[str, Mapping[str, str]] = field(repr=False)
    enabled: tuple[str, ...] | None = None
    tokens: frozenset[str] = frozenset()
    service_key: bytes = field(default=b"", repr=False)


def from_stack(stack: Stack, url: str) -> Accounts:
    """The functions' accounts; raises ``ValueError`` if ``url`` is not an address of the stack."""
    config = load(WebhookConfig, stack.variables("webhook"))
    settings = SsmSettings(api("ssm"), config.settings_prefix, config.providers, jitter=lambda: 0.0)()
    if url not in settings.public_base_urls:
        raise ValueError(f"stack {stack.name} is at {', '.join(settings.public_base_urls)}")
    return Accounts(
        documents=settings.credentials,
        enabled=config.providers,
        tokens=frozenset(name for name, mode in config.verification.items() if mode is Verification.TOKEN),
        service_key=settings.service_key,
    )


def from_environment(environment: Mapping[str, str]) -> Accounts:
    """The accounts that `make secrets` would write."""
    return Accounts(documents=documents(environment))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route; ``guarded`` routes need a key."""

    method: str
    path: str
    guarded: bool

    @property
    def scope(self) -> str:
        """The scope that a key needs: read for GET, send for others."""
        return "read" if self.method == "GET" else "send"

    @property
    def example(self) -> str:
        """A matching path without an existing object."""
        return re.sub(r"\{[^}]+\}", NOBODY, self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def routes(text: str) -> tuple[Route, ...]:
    """Every route of a template's functions."""
    resources = yaml_parse(text)["Resources"].values()
    functions = (each["Properties"] for each in resources if each["Type"] == "AWS::Serverless::Function")
    return tuple(route for properties in functions for route in _of(properties.get("Events", {})))


def _of(events: dict[str, Any]) -> Iterator[Route]:
    for event in events.values():
        if event["Type"] == "HttpApi":
            properties = event["Properties"]
            guarded = properties.get("Auth", {}).get("Authorizer") != "NONE"
            yield Route(method=properties["Method"].upper(), path=properties["Path"], guarded=guarded)
