"""A recorder on an AWS client: sees every call, and fails those that a test wants failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

UNREACHABLE = EndpointConnectionError(endpoint_url="https://nowhere.invalid")


def refusal(code: str) -> ClientError:
    """AWS's answer with an error's code; the text behind it is for nobody's log."""
    return ClientError({"Error": {"Code": code, "Message": "a text with a secret"}}, "Operation")


@dataclass
class CallRecorder:
    """``calls`` are operation and arguments; while ``error`` is set every call raises it."""

    client: Any
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.client.meta.events.register("provide-client-params.*.*", self._called)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _called(self, *, params: Mapping[str, Any], model: Any, **_: object) -> None:
        self.calls.append((model.name, dict(params)))
        if self.error is not None:
            raise self.error
