"""AWS's exceptions and their reasons: the cause of each, and who must change something.

Source: the service model of ``pinpoint-sms-voice-v2``. Reasons that only other operations give are not listed.
"""

from __future__ import annotations

from sms_tracker.domain.outbound import Fault
from sms_tracker.domain.status import Category, Reason

Cause = tuple[Fault, Category, Reason]

_ACCOUNT: Cause = (Fault.ACCOUNT, Category.PERMANENT, Reason.ACCOUNT)
_SENDER: Cause = (Fault.SENDER, Category.PERMANENT, Reason.SENDER_REJECTED)
_BLOCKED: Cause = (Fault.CALLER, Category.PERMANENT, Reason.BLOCKED)
_CALLER: Cause = (Fault.CALLER, Category.PERMANENT, Reason.UNKNOWN)
# The caller chose the recipient; the account can send to others.
_RECIPIENT: Cause = (Fault.CALLER, Category.PERMANENT, Reason.ACCOUNT)

REASONS: dict[str, Cause] = {
    "ACCOUNT_DISABLED": _ACCOUNT,
    "INSUFFICIENT_ACCOUNT_REPUTATION": _ACCOUNT,
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": (Fault.CALLER, Category.PERMANENT, Reason.OPTED_OUT),
    "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": _RECIPIENT,
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": _BLOCKED,
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": _BLOCKED,
    "KEYWORD_MISMATCH": _SENDER,
    "MESSAGE_TYPE_MISMATCH": _SENDER,
    "NO_ORIGINATION_IDENTITIES_FOUND": _SENDER,
    "NUMBER_CAPABILITIES_MISMATCH": _SENDER,
    "OPT_OUT_LIST_MISMATCH": _SENDER,
    "RESOURCE_NOT_ACTIVE": _SENDER,
    "COUNTRY_CODE_MISMATCH": _SENDER,
    "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": _SENDER,
    "SENDER_ID_NOT_REGISTERED": _SENDER,
    "SENDER_ID_NOT_SUPPORTED": _SENDER,
    "SENDER_ID_REQUIRES_REGISTRATION": _SENDER,
    "CHANNEL_NOT_ENABLED": _ACCOUNT,
    "COUNTRY_NOT_ENABLED": _RECIPIENT,
    "DESTINATION_COUNTRY_BLOCKED": _RECIPIENT,
    "INTERNATIONAL_SENDING_NOT_SUPPORTED": _SENDER,
    "RESOURCE_NOT_ACCESSIBLE": _ACCOUNT,
    "CANNOT_PARSE": _CALLER,
    "FIELD_VALIDATION_FAILED": _CALLER,
    "INVALID_ARN": _SENDER,
    "INVALID_PARAMETER": _CALLER,
    "INVALID_REQUEST": _CALLER,
    "MAXIMUM_SIZE_EXCEEDED": _CALLER,
    "MISSING_PARAMETER": _CALLER,
    "OTHER": _CALLER,
    "PARAMETERS_CANNOT_BE_USED_TOGETHER": _CALLER,
    "PRICE_OVER_THRESHOLD": _CALLER,
    "UNKNOWN_OPERATION": _ACCOUNT,
    "UNSPECIFIED_PARAMETER_NOT_SUPPORTED": _CALLER,
}
"""``Reason`` of a refusal, whatever its exception. A listed reason outranks the exception."""

EXCEPTIONS: dict[str, Cause] = {
    "AccessDeniedException": _SENDER,  # the role may send only from named identities
    "ConflictException": _ACCOUNT,
    "ResourceNotFoundException": _ACCOUNT,
    "ValidationException": _CALLER,
}
"""The cause of an exception without a listed reason. Others, such as a bad signature, are the account's fault."""

UNLISTED: Cause = (Fault.ACCOUNT, Category.UNKNOWN, Reason.ACCOUNT)

NOT_PROCESSED: dict[str, bool] = {"ThrottlingException": True, "ServiceQuotaExceededException": False}
"""Temporary refusals, and whether a retry within seconds may help: a rate limit, not the monthly spending limit."""

FIELDS: dict[str, Cause] = {
    "destinationphonenumber": (Fault.CALLER, Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "messagebody": _CALLER,
    "originationidentity": _SENDER,
    "timetolive": _CALLER,
}
"""The cause by the invalid field, if the reason is the caller's fault. All other fields are our own."""

SENDER_RESOURCES = frozenset({"phone-number", "pool", "rcs-agent", "sender-id"})
"""``ResourceType`` of a sender that is not found. Others are the account's fault."""


def cause_of(exception: str, reason: str | None, *, field: str | None, resource: str | None) -> Cause:
    """The cause of a refusal: by exception, its ``Reason``, the first of its ``Fields`` and its ``ResourceType``."""
    if exception == "ResourceNotFoundException" and resource in SENDER_RESOURCES:
        return _SENDER
    cause = REASONS.get(reason or "") or EXCEPTIONS.get(exception, UNLISTED)
    if field and cause == _CALLER:
        return FIELDS.get(field.casefold(), _ACCOUNT)
    return cause
