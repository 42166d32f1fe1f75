"""What the answers of every provider's API have in common: which HTTP status means what for a send and a look-up."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from sms_tracker.domain.failure import Failure
from sms_tracker.domain.http import HttpResponse, NoResponse
from sms_tracker.domain.outbound import Accepted, LookupFailed, NotProcessed, OutcomeUnknown, SendOutcome
from sms_tracker.domain.status import Status
from sms_tracker.providers import parsing

ABOUT_THE_MESSAGE = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
"""A refusal without a listed code blames the caller under these statuses, and the account under every other."""

NOT_A_LIST = LookupFailed(reason="the answer is no list of messages")
"""A page that cannot be read to its end: as an empty one it would prove that the message is not there."""

_SUCCESS = range(200, 300)
_REFUSAL = frozenset(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT}


def send_outcome(
    result: HttpResponse | NoResponse,
    *,
    accepted: Callable[[HttpResponse], SendOutcome],
    refused: Callable[[HttpResponse], SendOutcome],
) -> SendOutcome:
    """A 2xx read by ``accepted``, a 4xx by ``refused``. Any other answer may hide a message that was sent.

    That includes a redirect (303 means done) and 408: neither promises that the request was not carried out.
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
    """An id is an acceptance, even where the provider knows at once that the message failed.

    ``word`` is the provider's, ``meaning`` what it maps to and the failure beside it, ``at`` the provider's time.
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


def not_processed(response: HttpResponse, code: str | None, *, soon: bool = True) -> NotProcessed:
    """A refusal for now, with the wait that the provider asks for."""
    reason, retry_after = f"HTTP {response.status}", parsing.seconds(response.headers)
    return NotProcessed(reason=reason, code=code, retry_after=retry_after, soon=soon)


def record(result: HttpResponse | NoResponse) -> dict[str, object] | LookupFailed:
    """The JSON object of a 200, empty where it holds none; for any other answer, why there is no record."""
    if isinstance(result, NoResponse):
        return LookupFailed(reason=result.reason)
    if result.status != HTTPStatus.OK:
        return LookupFailed(reason=f"HTTP {result.status}", retry_after=parsing.seconds(result.headers))
    return parsing.json_object(result.body)
