"""The API's responses as values: every status code of ``POST /messages``, and the problem bodies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sms_tracker.domain.errors import FieldError, InvalidMessage, NoSender, SmsTrackerError, Throttled
from sms_tracker.domain.failure import Reason
from sms_tracker.domain.report import NOT_SENT, OPTED_OUT
from sms_tracker.domain.status import Status
from sms_tracker.services.problems import PROBLEMS

if TYPE_CHECKING:
    from sms_tracker.domain.failure import Failure
    from sms_tracker.domain.outbound import NotProcessed, Refused
    from sms_tracker.domain.record import Record
    from sms_tracker.read.schemas import AcceptedMessage

_ACCEPTED, _UNCACHED = 202, {"cache-control": "no-store"}
_JSON = {"content-type": "application/json", **_UNCACHED}
_SOON, _LATER = 5.0, 3600.0  # Retry-After in seconds: for a passing fault, and for a daily limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """Status, JSON body and headers. ``decision`` goes to the log and the metrics, ``warnings`` to the log.

    ``read_of``: ids of other clients' records in the body, by client. They are logged. ``uncounted``: the message was
    handed over without being counted against its limits; ``to_new_country``: to a country that is new to its client.
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
        """The same response, marked as one to a repeated request."""
        return replace(self, headers={**self.headers, "idempotent-replayed": "true"})

    def with_log_warning(self, warning: str | None) -> ApiResponse:
        """The same response with one more warning for the log; None adds nothing."""
        return replace(self, warnings=(*self.warnings, warning)) if warning else self

    def with_client_warnings(self, warnings: Sequence[str]) -> ApiResponse:
        """The same response with ``warnings`` for the client, if it is a 202."""
        shown = warnings and self.status == _ACCEPTED
        return replace(self, body={**self.body, "warnings": list(warnings)}) if shown else self


def problem(
    kind: str,
    detail: str,
    *,
    errors: tuple[FieldError, ...] = (),
    retry_after: float | None = None,
    members: Mapping[str, object] | None = None,
) -> ApiResponse:
    """An RFC 9457 problem. ``kind`` is a name in ``PROBLEMS``, ``detail`` the advice to the client."""
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
    return ApiResponse(status=status, body=body, decision=kind, headers=headers)


def ok(body: Mapping[str, object], decision: str, *, read_of: Mapping[str, Sequence[str]] | None = None) -> ApiResponse:
    """200 with JSON."""
    return ApiResponse(status=200, body=body, decision=decision, headers=_JSON, read_of=read_of or {})


def unreadable(error: SmsTrackerError) -> ApiResponse:
    """503: the records cannot be read."""
    return problem("unavailable", "The records cannot be read. Try again later.", retry_after=_SOON).with_log_warning(
        str(error)
    )


def invalid(error: InvalidMessage) -> ApiResponse:
    """400 with every wrong field."""
    detail = "Correct the fields named in errors and send the request again."
    return problem("invalid-request", detail, errors=error.errors)


def not_base64() -> ApiResponse:
    """400: API Gateway marked the body as base64, and it is not."""
    return invalid(InvalidMessage([FieldError("", "must be base64")]))


def scope_missing(scope: str) -> ApiResponse:
    """403: the key is valid but lacks the scope."""
    return problem("scope-missing", f"This key lacks the scope {scope}. Ask the operator for a key with it.")


def live_keys_only() -> ApiResponse:
    """403: what it asks for belongs to live messages."""
    return problem("test-key", "A test key sends and reads test messages only. Use a key without the scope test.")


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
    """The refusal of a webhook; reveals nothing about the message."""
    return problem(decision, _WEBHOOK[decision], retry_after=_SOON if decision == "unavailable" else None)


def accepted(record: Record, decision: str) -> ApiResponse:
    """202 with the current message."""
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
    headers = {**_JSON, "location": f"/messages/{record.message_id}"}
    return ApiResponse(status=202, body=body, decision=decision, headers=headers)


def refused(record: Record) -> ApiResponse:
    """422: the message failed for good. Its provider refused it, or no provider took it in time."""
    failure = record.state.failure.failure if record.state.failure else None
    words = {entry.word for entry in record.reports.values() if entry.attempt == record.send.attempt}
    if OPTED_OUT in words:
        return opted_out(record)
    if NOT_SENT in words:
        return _not_sent(record, failure)
    cause = failure.message or failure.reason if failure else "no reason given"
    detail = f"{record.state.provider} refused the message: {cause}. Correct it and send it as a new request."
    code, reason = (failure.code, str(failure.reason)) if failure else (None, None)
    return _about(record, problem("refused-by-provider", detail, members={"provider_code": code, "reason": reason}))


def _not_sent(record: Record, failure: Failure | None) -> ApiResponse:
    detail = (
        f"{record.state.provider} did not take the message and it was not sent again in time, so nothing was sent. "
        "Send it as a new request, with a new Idempotency-Key."
    )
    return _about(record, problem("not-sent", detail, members={"reason": failure and str(failure.reason)}))


def opted_out(record: Record) -> ApiResponse:
    """422: the recipient opted out, so no provider was asked."""
    detail = "The recipient opted out of messages from this sender; nothing was sent. GET /opt-outs has the cause."
    return _about(record, problem("recipient-opted-out", detail, members={"reason": str(Reason.OPTED_OUT)}))


def check_failed(record: Record, error: SmsTrackerError) -> ApiResponse:
    """Whether the message may be sent cannot be read, so no provider was asked: 429 if AWS throttles it, else 503."""
    kind = "throttled" if isinstance(error, Throttled) else "unavailable"
    detail = "Opt-outs or limits cannot be read, so nothing was sent. Send the same request again later."
    return _about(record, problem(kind, detail, retry_after=_SOON)).with_log_warning(str(error))


def account_refused(record: Record, outcome: Refused) -> ApiResponse:
    """502: our account or configuration at the provider is wrong. The client cannot change that."""
    detail = (
        f"{record.state.provider} refuses this service's account or configuration; nothing was sent. "
        "Its operator has to act. Then send the same request with the same Idempotency-Key again."
    )
    return _about(record, problem("account-refused", detail, members={"provider_code": outcome.failure.code}))


def not_processed(record: Record, outcome: NotProcessed) -> ApiResponse:
    """503: the provider certainly did not take the message, and retries are spent."""
    detail = f"{record.state.provider} did not take the message; nothing was sent. Send the same request again later."
    wait = outcome.retry_after or (_SOON if outcome.soon else _LATER)
    response = problem("provider-unavailable", detail, retry_after=wait, members={"provider_code": outcome.code})
    return _about(record, response).with_log_warning(outcome.reason)


def not_recorded(error: SmsTrackerError) -> ApiResponse:
    """503: the record could not be written, so the provider was not called. 502 where there is no sender."""
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
    """422: the key belongs to a request that another provider has, and may have sent."""
    detail = (
        f"This Idempotency-Key was used with {record.state.provider}. Repeat the request with that provider to see "
        "what became of the message; another provider may be named after a 502 or 503 only."
    )
    return problem("key-reused", detail, members={"message_id": record.message_id})


def in_progress(record: Record, seconds: float) -> ApiResponse:
    """409: another request with this key is in progress."""
    detail = "A request with this Idempotency-Key is still in progress. Send it again after the time in Retry-After."
    return _about(record, problem("in-progress", detail, retry_after=seconds))


def attempts_spent(record: Record) -> ApiResponse:
    """503: the key has no attempts left."""
    detail = "This Idempotency-Key has been tried too often without success. Send the message with a new key."
    return _about(record, problem("attempts-spent", detail))


def _about(record: Record, response: ApiResponse) -> ApiResponse:
    body = {**response.body, "message_id": record.message_id, "provider": record.state.provider}
    return replace(response, body=body, headers={**response.headers, "location": f"/messages/{record.message_id}"})


def is_refused(record: Record) -> bool:
    """Whether the provider refused the last attempt: answered, failed, without a provider id."""
    state = record.state
    return state.status is Status.FAILED and record.send.attempt == state.attempt and state.attempt not in state.ids
