"""Bird's refusals: the cause of each, and who must change something before the same request can succeed.

Source: ``messagebird-sdk`` 0.106.0 and https://bird.com/docs/guides/errors. An error has a stable ``code`` and a
``name``. Not every code is published, so the table has codes and names.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.outbound import Fault, Refused
from sms_tracker.domain.status import Category, Failure, Reason
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.bird.webhook import part

Blame = tuple[Fault, Category, Reason]

_INVALID: Blame = (Fault.CALLER, Category.PERMANENT, Reason.UNKNOWN)
_SENDER: Blame = (Fault.SENDER, Category.PERMANENT, Reason.SENDER_REJECTED)
_ACCOUNT: Blame = (Fault.ACCOUNT, Category.PERMANENT, Reason.ACCOUNT)
# The caller chose the country; the account can send to others.
_COUNTRY: Blame = (Fault.CALLER, Category.PERMANENT, Reason.ACCOUNT)

SEND_ERRORS: dict[str, Blame] = {
    "E01001": _INVALID,
    "E01002": _INVALID,
    "E01010": _ACCOUNT,
    "E01012": _INVALID,
    "E01029": _INVALID,
    "E12020": _COUNTRY,
    "CountryNotEnabled": _COUNTRY,
    "SMSInvalidRecipient": (Fault.CALLER, Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "SMSNoEligibleSender": _SENDER,
    "SMSSenderNotConfigured": _SENDER,
    "SMSSenderReserved": _SENDER,
    "SenderCategoryNotPermitted": _SENDER,
    "SMSUnsupportedFeature": _INVALID,
}
"""Errors by ``code`` or ``name``."""

PARAMETERS: dict[str, tuple[Fault, Reason]] = {
    "to": (Fault.CALLER, Reason.INVALID_RECIPIENT),
    "from": (Fault.SENDER, Reason.SENDER_REJECTED),
    "text": (Fault.CALLER, Reason.UNKNOWN),
    "category": (Fault.CALLER, Reason.UNKNOWN),
    "validity_period": (Fault.CALLER, Reason.UNKNOWN),
}
"""The cause by ``param``, for a caller's error of unknown reason. These fields come from the caller."""

OTHER_PARAMETER = (Fault.ACCOUNT, Reason.ACCOUNT)
"""All other parameters (``metadata``, the idempotency key …) are our own."""

ACCOUNT_STATUSES: dict[int, Blame] = {
    HTTPStatus.UNAUTHORIZED: _ACCOUNT,
    HTTPStatus.PAYMENT_REQUIRED: (Fault.ACCOUNT, Category.TEMPORARY, Reason.ACCOUNT),
    HTTPStatus.FORBIDDEN: _ACCOUNT,
    HTTPStatus.MISDIRECTED_REQUEST: _ACCOUNT,
}
"""Faults of the key, the wallet, the key's scopes, and the region."""

KEY_STORE_DOWN = "E01033"
"""503: the store of idempotency keys did not answer, so the request was not carried out."""

_UNLISTED: Blame = (Fault.CALLER, Category.UNKNOWN, Reason.UNKNOWN)
_UNLISTED_ACCOUNT: Blame = (Fault.ACCOUNT, Category.UNKNOWN, Reason.ACCOUNT)


@dataclass(frozen=True, slots=True)
class Error:
    """The readable parts of Bird's error."""

    kind: str | None
    code: str | None
    name: str | None
    message: str | None
    parameter: str | None


def error(body: bytes) -> Error:
    """``{"error": {…}}``, or the error itself at the top. Without ``param``, the first of ``details`` may have one."""
    answer = parsing.json_object(body)
    stated = part(answer, "error") or answer
    details = stated.get("details")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    kind, code, name, message, parameter = (
        parsing.text(stated.get(key)) for key in ("type", "code", "name", "message", "param")
    )
    return Error(kind, code, name, message, parameter or parsing.text(first.get("param")))


def refused(response: HttpResponse) -> Refused:
    """The refusal in a 4xx."""
    answer = error(response.body)
    fault, category, reason = _blame(response, answer)
    if fault is Fault.CALLER and reason is Reason.UNKNOWN and answer.parameter:
        fault, reason = PARAMETERS.get(parsing.parameter_name(answer.parameter), OTHER_PARAMETER)
    code, message = answer.code or answer.name, parsing.masked(answer.message)
    return Refused(failure=Failure(category=category, reason=reason, code=code, message=message), fault=fault)


def _blame(response: HttpResponse, answer: Error) -> Blame:
    if response.status in ACCOUNT_STATUSES:
        return ACCOUNT_STATUSES[response.status]
    unlisted = _UNLISTED if answers.is_about_message(response) else _UNLISTED_ACCOUNT
    return SEND_ERRORS.get(answer.name or "") or SEND_ERRORS.get(answer.code or "", unlisted)
