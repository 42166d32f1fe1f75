"""Request and response values that cross the edge of the pure code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, made or received.

    ``url`` is the public one with its raw query, byte for byte as the sender wrote it; a request that
    we make may carry a fragment only inside a parameter, never here. Header names are lower-cased.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a provider answered. Header names are lower-cased."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class NoResponse:
    """The call ended without an answer.

    ``written`` is whether any byte of the request may have left: False (DNS, connect, TLS) means that the
    provider certainly did not process it, True that nobody can tell.
    """

    written: bool
    reason: str
