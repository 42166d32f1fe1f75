"""Rules for the answers of every provider's API: the HTTP statuses of a send and a look-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus

from sms_tracker.domain.http import HttpResponse, NoResponse
from sms_tracker.domain.outbound import (
    Accepted,
    LookupFailed,
    NotProcessed,
    OutcomeUnknown,
    SearchCriteria,
    SendOutcome,
)
from sms_tracker.domain.status import Failure, Status
from sms_tracker.providers import parsing

NOT_A_LIST = LookupFailed(reason="the answer is no list of messages")
"""For a page that cannot be read completely. Read as empty, it would prove that the message is not there."""

_ABOUT_THE_MESSAGE = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_SUCCESS = range(200, 300)
_REFUSAL = frozenset(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT}


def send_outcome(
    result: HttpResponse | NoResponse,
    *,
    accepted: Callable[[HttpResponse], SendOutcome],
    refused: Callable[[HttpResponse], SendOutcome],
) -> SendOutcome:
    """Reads a 2xx with ``accepted``, a 4xx with ``refused``. With any other answer the outcome is unknown.

    So it is with a redirect (303 means done) and 408: the request may have been carried out.
    """
    if isinstance(result, NoResponse):
        return OutcomeUnknown(reason=result.reason) if result.written else NotProcessed(reason=result.reason)
    if result.status in _SUCCESS:
        return accepted(result)
    if result.status in _REFUSAL:
        return refused(result)
    return OutcomeUnknown(reason=f"HTTP {result.status}")


def accepted(
    provider_message_id: str | None, word: str | None, meaning: tuple[Status | None, Failure | None], at: str | None
) -> Accepted | OutcomeUnknown:
    """An answer with an id is an acceptance, even if its status is a failure.

    ``word`` is the provider's status word, ``meaning`` its status and failure, ``at`` the provider's time.
    """
    if provider_message_id is None:
        return OutcomeUnknown(reason="success without a message id")
    status, failure = meaning
    return Accepted(
        provider_message_id=provider_message_id,
        word=word or "accepted",
        status=status or Status.ACCEPTED,
        failure=failure,
        occurred=at,
        warning=None if status else "the answer has no known status of an outbound message",
    )


def is_about_message(response: HttpResponse) -> bool:
    """Whether a refusal without a listed code is the caller's fault. Otherwise it is the account's.

    It is with 400 or 422 and JSON. Without JSON it is a gateway's, such as that of a wrong ``api_url``.
    """
    return response.status in _ABOUT_THE_MESSAGE and bool(parsing.json_object(response.body))


def not_processed(response: HttpResponse, code: str | None, *, soon: bool = True) -> NotProcessed:
    """A temporary refusal, with the provider's ``Retry-After``."""
    retry_after = parsing.retry_after(response.headers)
    return NotProcessed(reason=f"HTTP {response.status}", code=code, retry_after=retry_after, soon=soon)


def are_older(created: Sequence[str | None], criteria: SearchCriteria) -> bool:
    """Whether all messages on a page are from before ``criteria.since``: no later page has one in time.

    ``created`` has the time of each, in our form.
    """
    return bool(created) and all(time is not None and time < criteria.since for time in created)


def json_answer(result: HttpResponse | NoResponse) -> dict[str, object] | LookupFailed:
    """The JSON object of a 200, empty if the body is none; for any other answer the failure."""
    if isinstance(result, NoResponse):
        return LookupFailed(reason=result.reason)
    if result.status != HTTPStatus.OK:
        return LookupFailed(reason=f"HTTP {result.status}", retry_after=parsing.retry_after(result.headers))
    return parsing.json_object(result.body)
