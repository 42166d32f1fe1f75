"""POST /messages: the entry point, the model of its body, and the validated draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from sms_tracker import providers
from sms_tracker.domain.errors import InvalidMessage, NoSender
from sms_tracker.domain.http import SEND, Caller, HttpRequest
from sms_tracker.domain.operator_rules import EVERY_COUNTRY
from sms_tracker.domain.ports import Metrics
from sms_tracker.domain.record import Record
from sms_tracker.domain.text import CONTROLS, Segmentation, segment
from sms_tracker.services import responses, validation
from sms_tracker.services.idempotency import idempotency_key
from sms_tracker.services.numbers import country, destination_flaw, e164
from sms_tracker.services.policy import (
    Policy,
    Senders,
    add_categories,
    add_category_description,
    add_resend_description,
    add_sender_description,
    add_sender_pattern,
    add_validity_description,
    add_validity_range,
    check_category,
    check_provider,
    check_resend,
    check_sender,
    check_validity,
)
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.validation import MAX_LENGTH, MAX_SEGMENTS, Json, invalid_message, json_body, text_to_send


def submit(send: Callable[[str, Json, str | None], ApiResponse], caller: Caller, request: HttpRequest) -> ApiResponse:
    """Check the scope, decode the request and ``send`` it. The response to an invalid request is a problem."""
    if SEND not in caller.scopes:
        return responses.scope_missing(SEND)
    try:
        key = idempotency_key(request.headers.get("idempotency-key"))
        return send(caller.client, json_body(request.body), key)
    except InvalidMessage as error:
        return responses.invalid(error)


def _whole(value: object) -> object:
    """60 for 60.0: JSON has only one type of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _recipient(number: str, info: ValidationInfo[Policy]) -> str:
    recipient = e164(number, info.context.allowed.countries)
    if flaw := destination_flaw(recipient, info.context.allowed):
        raise ValueError(flaw)
    return recipient


def _text(text: str, info: ValidationInfo[Policy]) -> str:
    return text_to_send(text, smart=info.data.get("smart_encoding", False))


class SendRequest(BaseModel):
    """The body of ``POST /messages``; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    to: Annotated[
        str,
        AfterValidator(_recipient),
        Field(
            description="Recipient: an international number, written with digits, one `+` in front and separators; a "
            "national number only where the deployment sends to one country (`AllowedCountries`). Premium, satellite "
            "and similar numbers only where that lists their range",
            examples=["+31612345678"],
            json_schema_extra={"format": "phone-number"},
        ),
    ]
    smart_encoding: Annotated[
        bool,
        Field(
            description="Replace typographic characters (quotes, dashes, spaces, ligatures …) by their GSM look-alikes "
            "if that makes the whole text GSM-7"
        ),
    ] = False
    body: Annotated[
        str,
        StringConstraints(min_length=1, max_length=MAX_LENGTH),
        AfterValidator(_text),
        Field(
            description=f"The text, not blank; it may need at most {MAX_SEGMENTS} segments. Written in GSM-7 where "
            "that has all its characters (160 in one segment, 153 in each of several), otherwise in UCS-2 (70 and 67)",
            examples=["Your parcel is here"],
            json_schema_extra={"pattern": f"^[^{CONTROLS}]*$"},
        ),
    ]
    provider: Annotated[
        Annotated[str, Field(json_schema_extra={"enum": [*providers.all_names()]})] | None,
        AfterValidator(check_provider),
        Field(
            description="Provider to send it, of those enabled here; the deployment's default if absent. With a test "
            "key always `test`"
        ),
    ] = None
    sender: Annotated[
        Annotated[str, Field(json_schema_extra=add_sender_pattern)] | None,
        AfterValidator(check_sender),
        Field(
            alias="from",
            examples=["+15551234567", "My Shop"],
            json_schema_extra=add_sender_description,
        ),
    ] = None
    reference: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$"),
        Field(description="The client's own reference, which `GET /messages` can search for", examples=["order-42"]),
    ] = None
    validity_seconds: Annotated[
        Annotated[int, Field(json_schema_extra=add_validity_range), BeforeValidator(_whole)] | None,
        AfterValidator(check_validity),
        Field(json_schema_extra=add_validity_description),
    ] = None
    resend_if_lost: Annotated[
        bool,
        AfterValidator(check_resend),
        Field(json_schema_extra=add_resend_description),
    ] = False
    category: Annotated[
        Annotated[str, Field(json_schema_extra=add_categories)] | None,
        AfterValidator(check_category),
        Field(json_schema_extra=add_category_description),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A valid message with its defaults.

    ``to`` is E.164, ``body`` the text as sent, ``warnings`` are about the text. ``default_sender``: the request named
    no sender; then ``sender`` is empty until :func:`with_sender`.
    """

    to: str = field(repr=False)
    body: str = field(repr=False)
    provider: str
    sender: str = field(repr=False)
    default_sender: bool = False
    reference: str | None
    validity_seconds: int | None
    resend_if_lost: bool = False
    category: str | None = None
    segmentation: Segmentation
    warnings: tuple[str, ...] = ()


def draft_from_request(payload: Json, policy: Policy) -> Draft:
    """Validate a decoded JSON body; raises ``InvalidMessage`` with every wrong field."""
    try:
        request = SendRequest.model_validate(payload, context=policy)
    except ValidationError as error:
        raise invalid_message(error, "field") from None
    provider = request.provider or policy.default_provider
    return Draft(
        to=request.to,
        body=request.body,
        provider=provider,
        sender=request.sender or "",
        default_sender=request.sender is None,
        reference=request.reference,
        validity_seconds=request.validity_seconds,
        resend_if_lost=request.resend_if_lost,
        category=request.category,
        segmentation=segment(request.body),
        warnings=validation.text_warnings(request.body),
    )


def draft_from_record(stored: Record, *, validity_seconds: int | None) -> Draft:
    """The draft of a lost message. Its sender counts as the default, so a refusal releases the client's key."""
    return Draft(
        to=stored.to,
        body=stored.body or "",
        provider=stored.state.provider,
        sender=stored.sender,
        default_sender=True,
        reference=stored.reference,
        validity_seconds=validity_seconds,
        resend_if_lost=True,
        category=stored.category,
        segmentation=stored.segmentation,
    )


def with_sender(draft: Draft, senders: Senders, defaults: Mapping[str, str]) -> Draft:
    """The draft with the operator's sender if the request named none; raises ``NoSender``.

    The sender is that of the recipient's country, else that of ``*``, else the provider's default.
    """
    if not draft.default_sender:
        return draft
    by_country = senders.get(draft.provider, {})
    code = country(draft.to) if by_country.keys() - {EVERY_COUNTRY} else None
    sender = by_country.get(code or "") or by_country.get(EVERY_COUNTRY) or defaults.get(draft.provider)
    if not sender:
        raise NoSender(draft.provider)
    return replace(draft, sender=sender)


_METRICS = {
    "refused-by-provider": "SendsRefused",
    "recipient-opted-out": "SendsOptedOut",
    "over-limit": "SendsOverLimit",
    "account-refused": "AccountRefused",
    "no-sender": "AccountRefused",
}


_SERVER_ERROR = 500


def measure_send(response: ApiResponse, metrics: Metrics, *, provider_calls: int) -> None:
    """Count one answered ``POST /messages``."""
    if response.decision in _METRICS:
        metrics.count(_METRICS[response.decision])
    has_failed = response.status >= _SERVER_ERROR and response.decision != "sending-stopped"
    if has_failed or response.decision in {"outcome-unknown", "throttled"} or response.uncounted:
        metrics.count("SendErrors")
    if response.to_new_country:
        metrics.count("SendsToNewCountries")
    metrics.count("ProviderRetries", max(0, provider_calls - 1))
