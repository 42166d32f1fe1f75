"""HTTP requests and responses as values, so that provider adapters do no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl


class SigningScope(NamedTuple):
    """The scope of an AWS Signature Version 4: one service in one region."""

    region: str
    service: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, made or received. Header names are lower-case.

    ``url`` is the public one with its raw query, byte for byte as the sender wrote it, without a fragment.
    ``sign_for``: the request must be signed with the function's AWS credentials when it is sent.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    sign_for: SigningScope | None = None


READ, SEND, ADMIN = "read", "send", "admin"
"""The scopes of API keys: read one's own messages, send, and read every client's."""


class Caller(NamedTuple):
    """The owner of the API key of a request. ``senders`` are those that the key lists, each as ``provider:sender``.

    ``test``: it is a test key, which sends and reads in test mode and has no other scope.
    """

    client: str
    scopes: frozenset[str]
    senders: frozenset[str] = frozenset()
    test: bool = False


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A provider's response. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class NoResponse:
    """The call ended without a response.

    ``written``: a byte of the request may have been sent, so the outcome is unknown. False (DNS, connect, TLS): the
    provider certainly did not process the request.
    """

    written: bool
    reason: str


@lru_cache(maxsize=2)
def query_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """The fields of a raw query string or form in their order, including empty values.

    Cached, because one webhook's fields are read three times: for the signature, the message and the queue.
    """
    return tuple(parse_qsl(text, keep_blank_values=True))
