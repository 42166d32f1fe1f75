"""What a client is answered, as values: every status code of ``POST /messages`` and its problem body."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sms_tracker.domain.errors import FieldError, InvalidMessage, SmsTrackerError
from sms_tracker.domain.report import NOT_SENT
from sms_tracker.domain.status import Status

if TYPE_CHECKING:
    from sms_tracker.domain.outbound import NotProcessed, Refused
    from sms_tracker.domain.record import Record
    from sms_tracker.read.schemas import AcceptedMessage


_ACCEPTED = 202


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """Status, JSON body and headers; ``decision`` is the word for logs and metrics, ``warnings`` are for the log.

    ``read_of`` names the records of others that an admin is shown, ids by client: they are logged.
    """

    status: int
    body: Mapping[str, object]
    decision: str
    headers: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    read_of: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def noting(self, warning: str | None) -> ApiResponse:
        """The same reply with one more thing for the log; None adds nothing."""
        return replace(self, warnings=(*self.warnings, warning)) if warning else self

    def advising(self, warnings: Sequence[str]) -> ApiResponse:
        """The same reply with ``warnings`` for the client, if it is a 202 and there are any."""
        if not warnings or self.status != _ACCEPTED:
            return self
        return replace(self, body={**self.body, "warnings": list(warnings)})


_SOON, _LATER = 5.0, 3600.0
"""Seconds after which trying again makes sense: a passing fault, a daily limit."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem's status and what it means, whatever the occasion."""

    status: int
    title: str


PROBLEMS: Mapping[str, Kind] = {
    "invalid-request": Kind(400, "The request is invalid"),
    "unreadable": Kind(400, "The webhook cannot be decoded"),
    "scope-missing": Kind(403, "The key lacks a scope"),
    "refused-signature": Kind(403, "No accepted key signed the webhook"),
    "no-such-message": Kind(404, "There is no such message"),
    "no-such-file": Kind(404, "There is no such file"),
    "unknown-provider": Kind(404, "There is no such provider"),
    "in-progress": Kind(409, "The same request is in progress"),
    "too-large": Kind(413, "The webhook is too large"),
    "refused-by-provider": Kind(422, "The provider refused the message for good"),
    "not-sent": Kind(422, "No provider took the message in time"),
    "key-reused": Kind(422, "The Idempotency-Key belongs to another request"),
    "account-refused": Kind(502, "The provider refuses this service"),
    "provider-unavailable": Kind(503, "The provider did not take the message"),
    "attempts-spent": Kind(503, "The Idempotency-Key has been tried too often"),
    "unavailable": Kind(503, "Not available at the moment"),
    "unhealthy": Kind(503, "A part of the service does not answer"),
}
"""Every problem that an answer of ours can be, by its name; the OpenAPI document lists the same."""


def problem(
    kind: str,
    detail: str,
    *,
    errors: tuple[FieldError, ...] = (),
    retry_after: float | None = None,
    members: Mapping[str, object] | None = None,
) -> ApiResponse:
    """An RFC 9457 problem; ``kind`` names one of ``PROBLEMS``, ``detail`` says what to do."""
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
    headers = {"content-type": "application/problem+json"}
    if retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(retry_after)))
    return ApiResponse(status=status, body=body, decision=kind, headers=headers)


def ok(body: Mapping[str, object], decision: str, *, read_of: Mapping[str, Sequence[str]] | None = None) -> ApiResponse:
    """200 with JSON."""
    headers = {"content-type": "application/json"}
    return ApiResponse(status=200, body=body, decision=decision, headers=headers, read_of=read_of or {})


def unreadable(error: SmsTrackerError) -> ApiResponse:
    """503: the records cannot be read at the moment."""
    return problem("unavailable", "The records cannot be read. Try again later.", retry_after=_SOON).noting(str(error))


def invalid(error: InvalidMessage) -> ApiResponse:
    """400: every field that is wrong."""
    detail = "Correct the fields named in errors and send the request again."
    return problem("invalid-request", detail, errors=error.errors)


def scope_missing(scope: str) -> ApiResponse:
    """403: the key is good, for something else."""
    return problem("scope-missing", f"This key lacks the scope {scope}. Ask the operator for one that has it.")


def no_such_message() -> ApiResponse:
    """404: unknown, or another client's."""
    return problem("no-such-message", "There is no such message. Check the id; records expire.")


_WEBHOOK = {
    "unknown-provider": "No provider of this name is enabled here. Webhooks go to /webhooks/{provider}.",
    "refused-signature": "No accepted key signed this request. Check the provider's secret and the public base URL.",
    "unreadable": "The request cannot be decoded. Send a form, JSON object or query as the provider documents it.",
    "too-large": "A webhook holds at most 64 KiB.",
    "unavailable": "The report was not stored. Send it again.",
}


def webhook_problem(decision: str) -> ApiResponse:
    """Why a webhook was not taken; a stranger learns nothing about the message."""
    return problem(decision, _WEBHOOK[decision], retry_after=_SOON if decision == "unavailable" else None)


def accepted(record: Record, decision: str) -> ApiResponse:
    """202 with the message as it stands."""
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
    headers = {"content-type": "application/json", "location": f"/messages/{record.message_id}"}
    return ApiResponse(status=202, body=body, decision=decision, headers=headers)


def refused(record: Record) -> ApiResponse:
    """422: the message is recorded as failed for good, as its provider refused it, or as none took it in time."""
    if any(entry.word == NOT_SENT and entry.attempt == record.send.attempt for entry in record.reports.values()):
        return _not_sent(record)
    failure = record.state.failure.failure if record.state.failure else None
    told = failure.message or failure.reason if failure else "no reason given"
    detail = f"{record.state.provider} refused the message: {told}. Correct it and send it as a new request."
    code, reason = (failure.code, str(failure.reason)) if failure else (None, None)
    return _about(record, problem("refused-by-provider", detail, members={"provider_code": code, "reason": reason}))


def _not_sent(record: Record) -> ApiResponse:
    failure = record.state.failure.failure if record.state.failure else None
    detail = (
        f"{record.state.provider} did not take the message and it was not sent again in time, so nothing was sent. "
        "Send it as a new request, with a new Idempotency-Key."
    )
    return _about(record, problem("not-sent", detail, members={"reason": failure and str(failure.reason)}))


def account_refused(record: Record, outcome: Refused) -> ApiResponse:
    """502: our account or configuration at the provider is wrong, which the caller cannot change."""
    detail = (
        f"{record.state.provider} refuses this service's account or configuration; nothing was sent. "
        "Its operator has to act; the same request with the same Idempotency-Key may be sent again then."
    )
    return _about(record, problem("account-refused", detail, members={"provider_code": outcome.failure.code}))


def not_processed(record: Record, outcome: NotProcessed) -> ApiResponse:
    """503: the provider certainly did not take it, and retries are spent."""
    detail = f"{record.state.provider} did not take the message; nothing was sent. Send the same request again later."
    wait = outcome.retry_after or (_SOON if outcome.soon else _LATER)
    reply = problem("provider-unavailable", detail, retry_after=wait, members={"provider_code": outcome.code})
    return _about(record, reply).noting(outcome.reason)


def nothing_recorded(error: SmsTrackerError) -> ApiResponse:
    """503: the record could not be written, so the provider was not asked."""
    detail = "The message could not be recorded, so nothing was sent. Send the same request again later."
    return problem("unavailable", detail, retry_after=_SOON).noting(str(error))


def key_reused(record: Record) -> ApiResponse:
    """422: the key belongs to another request."""
    detail = "This Idempotency-Key was used for a different request. Use a new key for a new message."
    return problem("key-reused", detail, members={"message_id": record.message_id})


def in_progress(record: Record, seconds: float) -> ApiResponse:
    """409: another request with this key is being worked on."""
    detail = "A request with this Idempotency-Key is still in progress. Ask again after the time in Retry-After."
    return _about(record, problem("in-progress", detail, retry_after=seconds))


def attempts_spent(record: Record) -> ApiResponse:
    """503: a key can be tried again only so often."""
    detail = "This Idempotency-Key has been tried too often without being taken. Send the message with a new key."
    return _about(record, problem("attempts-spent", detail))


def _about(record: Record, reply: ApiResponse) -> ApiResponse:
    body = {**reply.body, "message_id": record.message_id, "provider": record.state.provider}
    return replace(reply, body=body, headers={**reply.headers, "location": f"/messages/{record.message_id}"})


def is_refused(record: Record) -> bool:
    """Whether the provider's answer to the last attempt was a refusal: answered, failed, and never given an id."""
    state = record.state
    return state.status is Status.FAILED and record.send.attempt == state.attempt and state.attempt not in state.ids
