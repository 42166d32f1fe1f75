"""The kinds of problems (RFC 9457) in the API's responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem's status and title."""

    status: int
    title: str


PROBLEMS: Mapping[str, Kind] = {
    "invalid-request": Kind(400, "The request is invalid"),
    "unreadable": Kind(400, "The webhook cannot be decoded"),
    "scope-missing": Kind(403, "The key lacks a scope"),
    "refused-signature": Kind(403, "No accepted key signed the webhook"),
    "test-key": Kind(403, "A test key cannot do this"),
    "no-such-message": Kind(404, "There is no such message"),
    "no-such-file": Kind(404, "There is no such file"),
    "unknown-provider": Kind(404, "There is no such provider"),
    "opt-outs-off": Kind(404, "This deployment keeps no opt-outs"),
    "still-blocked": Kind(409, "The recipient is still blocked"),
    "in-progress": Kind(409, "The same request is in progress"),
    "too-large": Kind(413, "The webhook is too large"),
    "recipient-opted-out": Kind(422, "The recipient opted out"),
    "refused-by-provider": Kind(422, "The provider refused the message for good"),
    "not-sent": Kind(422, "No provider took the message in time"),
    "key-reused": Kind(422, "The Idempotency-Key belongs to another request"),
    "over-limit": Kind(429, "A limit is reached"),
    "throttled": Kind(429, "Too many messages at once"),
    "account-refused": Kind(502, "The provider refuses this service"),
    "no-sender": Kind(502, "This service has no sender for the recipient"),
    "provider-unavailable": Kind(503, "The provider did not take the message"),
    "sending-stopped": Kind(503, "Sending is stopped"),
    "attempts-spent": Kind(503, "The Idempotency-Key has been tried too often"),
    "unavailable": Kind(503, "Not available at the moment"),
    "unhealthy": Kind(503, "A part of the service does not answer"),
}
"""Every kind by its name. The OpenAPI document lists them."""
