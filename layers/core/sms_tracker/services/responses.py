"""The API's responses: those of ``POST /messages``, and the problems of all routes (RFC 9457)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sms_tracker.domain.errors import FieldError, InvalidMessage, NoSender, SmsTrackerError, Throttled
from sms_tracker.domain.http import PROBLEMS
from sms_tracker.domain.report import NOT_SENT, OPTED_OUT
from sms_tracker.domain.status import Reason

if TYPE_CHECKING:
    from sms_tracker.domain.outbound import NotProcessed, Refused
    from sms_tracker.domain.record import Record
    from sms_tracker.read.schemas import AcceptedMessage

_ACCEPTED = 202
_UNCACHED = {"cache-control": "no-store"}
_JSON = {"content-type": "application/json", **_UNCACHED}
_SOON, _LATER = 5.0, 3600.0
"""Retry-After in seconds: for a temporary fault, and for a daily limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """Status, JSON body and headers. ``decision`` is for the log and the metrics, ``warnings`` are for the log.

    ``read_of``: ids of other clients' records in the body, by client, for the log. ``uncounted``: the message was sent
    without a count against its limits. ``to_new_country``: it was sent to a country that is new to its client.
    """

    status: int
    body: Mapping[str, object]
    decision: str
    headers: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    read_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    uncounted: bool = False
    to_new_country: bool = False

    def as_replay(self) -> ApiResponse:
        """The same response, marked as the response to a repeated request."""
        return replace(self, headers={**self.headers, "idempotent-replayed": "true"})

    def with_log_warning(self, warning: str | None) -> ApiResponse:
        """The same response with one more warning for the log, if any."""
        return replace(self, warnings=(*self.warnings, warning)) if warning else self

    def with_client_warnings(self, warnings: Sequence[str]) -> ApiResponse:
        """The same response with ``warnings`` for the client; other responses than 202 have none."""
        if not warnings or self.status != _ACCEPTED:
            return self
        return replace(self, body={**self.body, "warnings": list(warnings)})


def problem(
    kind: str,
    detail: str,
    *,
    errors: tuple[FieldError, ...] = (),
    retry_after: float | None = None,
    members: Mapping[str, object] | None = None,
    record: Record | None = None,
) -> ApiResponse:
    """A problem. ``kind`` is a name in ``PROBLEMS``, ``detail`` is advice, ``record`` the message that it is about."""
    status = PROBLEMS[kind].status
    body: dict[str, object] = {
        "type": f"urn:sms-tracker:problem:{kind}",
        "title": PROBLEMS[kind].title,
        "status": status,
        "detail": detail,
        **{name: value for name, value in (members or {}).items() if value is not None},
    }
    if errors:
        body["errors"] = [{"field": error.field, "message": error.message} for error in errors]
    headers = {"content-type": "application/problem+json", **_UNCACHED}
    if retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(retry_after)))
    if record is not None:
        body |= {"message_id": record.message_id, "provider": record.state.provider}
        headers["location"] = _location(record)
    return ApiResponse(status=status, body=body, decision=kind, headers=headers)


def _location(record: Record) -> str:
    return f"/messages/{record.message_id}"


def ok(body: Mapping[str, object], decision: str, *, read_of: Mapping[str, Sequence[str]] | None = None) -> ApiResponse:
    """200 with JSON."""
    return ApiResponse(status=200, body=body, decision=decision, headers=_JSON, read_of=read_of or {})


def records_unavailable(error: SmsTrackerError) -> ApiResponse:
    """503: DynamoDB cannot be read."""
    return problem("unavailable", "The records cannot be read. Try again later.", retry_after=_SOON).with_log_warning(
        str(error)
    )


def invalid(error: InvalidMessage) -> ApiResponse:
    """400 with every wrong field."""
    detail = "Correct the fields named in errors and send the request again."
    return problem("invalid-request", detail, errors=error.errors)


def not_base64() -> ApiResponse:
    """400: the body is marked as base64 and is not."""
    return invalid(InvalidMessage([FieldError("", "must be base64")]))


def scope_missing(scope: str) -> ApiResponse:
    """403: the key is valid but lacks the scope."""
    return problem("scope-missing", f"This key lacks the scope {scope}. Ask the operator for a key with it.")


def live_keys_only() -> ApiResponse:
    """403: a test key requested data of live messages."""
    return problem("test-key", "A test key sends and reads test messages only. Use a key without the scope test.")


def no_such_message() -> ApiResponse:
    """404: there is no such message, or it is another client's."""
    return problem("no-such-message", "There is no such message. Check the id; records expire.")


_WEBHOOK_DETAILS = {
    "unknown-provider": "No provider of this name is enabled here. Webhooks go to /webhooks/{provider}.",
    "refused-signature": "No accepted key signed this request. Check the provider's secret and the public base URL.",
    "unreadable": "The request cannot be decoded. Send a form, JSON object or query as the provider documents it.",
    "too-large": "A webhook holds at most 64 KiB.",
    "unavailable": "The report was not stored. Send it again.",
}


def webhook_problem(decision: str) -> ApiResponse:
    """The problem of a refused webhook. It reveals nothing about the message."""
    return problem(decision, _WEBHOOK_DETAILS[decision], retry_after=_SOON if decision == "unavailable" else None)


def accepted(record: Record, decision: str) -> ApiResponse:
    """202 with the message as it is now."""
    state = record.state
    body: AcceptedMessage = {
        "message_id": record.message_id,
        "status": state.status,
        "provider": state.provider,
        "provider_message_id": state.provider_message_id,
        "to": record.to or None,
        "reference": record.reference,
        "encoding": record.segmentation.encoding,
        "segments": record.segmentation.segments,
        "created_at": record.created_at,
    }
    headers = {**_JSON, "location": _location(record)}
    return ApiResponse(status=_ACCEPTED, body=body, decision=decision, headers=headers)


def refused(record: Record) -> ApiResponse:
    """422: the message failed for good: refused by its provider, not sent in time, or its recipient opted out."""
    failure = record.state.failure.failure if record.state.failure else None
    code, reason = (failure.code, str(failure.reason)) if failure else (None, None)
    words = {entry.word for entry in record.reports.values() if entry.attempt == record.send.attempt}
    if OPTED_OUT in words:
        return opted_out(record)
    if NOT_SENT in words:
        detail = (
            f"{record.state.provider} did not take the message and it was not sent again in time, so nothing was sent. "
            "Send it as a new request, with a new Idempotency-Key."
        )
        return problem("not-sent", detail, members={"reason": reason}, record=record)
    cause = ((failure and failure.message) or reason or "no reason given").rstrip(".")
    detail = f"{record.state.provider} refused the message: {cause}. Correct it and send it as a new request."
    members = {"provider_code": code, "reason": reason}
    return problem("refused-by-provider", detail, members=members, record=record)


def opted_out(record: Record) -> ApiResponse:
    """422: the recipient opted out, so no provider was called."""
    detail = "The recipient opted out of messages from this sender; nothing was sent. GET /opt-outs has the cause."
    return problem("recipient-opted-out", detail, members={"reason": str(Reason.OPTED_OUT)}, record=record)


def check_failed(record: Record, error: SmsTrackerError) -> ApiResponse:
    """Opt-outs or limits cannot be read, so no provider was called: 429 if AWS throttles the read, else 503."""
    kind = "throttled" if isinstance(error, Throttled) else "unavailable"
    detail = "Opt-outs or limits cannot be read, so nothing was sent. Send the same request again later."
    return problem(kind, detail, retry_after=_SOON, record=record).with_log_warning(str(error))


def account_refused(record: Record, outcome: Refused) -> ApiResponse:
    """502: our account or configuration at the provider is wrong. The client cannot change that."""
    detail = (
        f"{record.state.provider} refuses this service's account or configuration; nothing was sent. "
        "Its operator has to act. Then send the same request with the same Idempotency-Key again."
    )
    return problem("account-refused", detail, members={"provider_code": outcome.failure.code}, record=record)


def not_processed(record: Record, outcome: NotProcessed) -> ApiResponse:
    """503: the provider certainly did not take the message, and no retry is left."""
    detail = f"{record.state.provider} did not take the message; nothing was sent. Send the same request again later."
    wait = outcome.retry_after or (_SOON if outcome.soon else _LATER)
    members = {"provider_code": outcome.code}
    response = problem("provider-unavailable", detail, retry_after=wait, members=members, record=record)
    return response.with_log_warning(outcome.reason)


def not_recorded(error: SmsTrackerError) -> ApiResponse:
    """The record could not be written, so no provider was called: 502 if there is no sender, else 503."""
    if isinstance(error, NoSender):
        detail = (
            f"This service has no sender at {error.provider} for the recipient's country; this request sent nothing. "
            "Name a sender in from, or send it again once the operator has set one (make senders)."
        )
        return problem("no-sender", detail, members={"provider": error.provider}).with_log_warning(str(error))
    detail = "The message could not be recorded, so nothing was sent. Send the same request again later."
    return problem("unavailable", detail, retry_after=_SOON).with_log_warning(str(error))


def key_reused(record: Record) -> ApiResponse:
    """422: the key belongs to another request."""
    detail = "This Idempotency-Key was used for a different request. Use a new key for a new message."
    return problem("key-reused", detail, members={"message_id": record.message_id})


def other_provider(record: Record) -> ApiResponse:
    """422: the key belongs to a message at another provider, which may have sent it."""
    detail = (
        f"This Idempotency-Key was used with {record.state.provider}. Repeat the request with that provider to see "
        "what became of the message; another provider may be named after a 502 or 503 only."
    )
    return problem("key-reused", detail, members={"message_id": record.message_id})


def in_progress(record: Record, seconds: float) -> ApiResponse:
    """409: another request with this key is in progress."""
    detail = "A request with this Idempotency-Key is still in progress. Send it again after the time in Retry-After."
    return problem("in-progress", detail, retry_after=seconds, record=record)


def attempts_spent(record: Record) -> ApiResponse:
    """503: the key has no attempts left."""
    detail = "This Idempotency-Key has been tried too often without success. Send the message with a new key."
    return problem("attempts-spent", detail, record=record)
