"""Records every call of an AWS client, and makes calls fail on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

UNREACHABLE = EndpointConnectionError(endpoint_url="https://nowhere.invalid")


def refusal(code: str) -> ClientError:
    """AWS's error response with that code; its message must not reach a log."""
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
