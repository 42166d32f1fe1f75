"""HTTP requests and responses as values, so that provider adapters do no I/O; the API's callers and problems."""

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


def unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An ``object_pairs_hook`` for :func:`json.loads`; raises ``ValueError`` for a repeated name."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a repeated name")
    return members


# --- The API's callers and problems

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


class ProblemKind(NamedTuple):
    """The HTTP status and the title of a kind of problem (RFC 9457)."""

    status: int
    title: str


PROBLEMS: Mapping[str, ProblemKind] = {
    "invalid-request": ProblemKind(400, "The request is invalid"),
    "unreadable": ProblemKind(400, "The webhook cannot be decoded"),
    "scope-missing": ProblemKind(403, "The key lacks a scope"),
    "refused-signature": ProblemKind(403, "No accepted key signed the webhook"),
    "test-key": ProblemKind(403, "A test key cannot do this"),
    "no-such-message": ProblemKind(404, "There is no such message"),
    "no-such-file": ProblemKind(404, "There is no such file"),
    "unknown-provider": ProblemKind(404, "There is no such provider"),
    "opt-outs-off": ProblemKind(404, "This deployment keeps no opt-outs"),
    "still-blocked": ProblemKind(409, "The recipient is still blocked"),
    "in-progress": ProblemKind(409, "The same request is in progress"),
    "too-large": ProblemKind(413, "The webhook is too large"),
    "recipient-opted-out": ProblemKind(422, "The recipient opted out"),
    "refused-by-provider": ProblemKind(422, "The provider refused the message for good"),
    "not-sent": ProblemKind(422, "No provider took the message in time"),
    "key-reused": ProblemKind(422, "The Idempotency-Key belongs to another request"),
    "over-limit": ProblemKind(429, "A limit is reached"),
    "throttled": ProblemKind(429, "Too many messages at once"),
    "account-refused": ProblemKind(502, "The provider refuses this service"),
    "no-sender": ProblemKind(502, "This service has no sender for the recipient"),
    "provider-unavailable": ProblemKind(503, "The provider did not take the message"),
    "sending-stopped": ProblemKind(503, "Sending is stopped"),
    "attempts-spent": ProblemKind(503, "The Idempotency-Key has been tried too often"),
    "unavailable": ProblemKind(503, "Not available at the moment"),
    "unhealthy": ProblemKind(503, "A part of the service does not answer"),
}
"""Every kind of problem in the API's responses, by name. The OpenAPI document lists them."""
