"""The API's responses as types. mypy checks the code against them, and ``make openapi`` documents them.

No function imports this module at run time.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's own only from Python 3.12 on

from sms_tracker import providers
from sms_tracker.domain.callback import MESSAGE_ID
from sms_tracker.domain.opt_out import Kind
from sms_tracker.domain.report import TIMESTAMP_PATTERN
from sms_tracker.domain.status import MAX_ATTEMPT, Category, Outcome, Reason, Status
from sms_tracker.domain.text import Encoding

Time = Annotated[str, Field(pattern=TIMESTAMP_PATTERN, json_schema_extra={"format": "date-time"})]
MessageId = Annotated[
    str,
    Field(
        pattern=f"^{MESSAGE_ID.pattern}$",
        json_schema_extra={"format": "uuid"},
        description="Our id of the message",
    ),
]
Number = Annotated[str, Field(pattern=r"^\+[1-9][0-9]+$")]
Attempt = Annotated[int, Field(ge=1, le=MAX_ATTEMPT)]
Segments = Annotated[int, Field(ge=1, description="Parts that the text is sent in")]
ProviderMessageId = Annotated[str | None, Field(description="The provider's id; null until it is known")]
Reference = Annotated[str | None, Field(description="The client's own reference")]
Answer = Literal["ok", "unavailable"]


def _add_cost_description(schema: dict[str, Any]) -> None:
    stated = ", ".join(name for name in providers.names() if providers.load(name).PRICE)
    schema["description"] = (
        f"The provider's price of each attempt, if known. Reports of {stated} state it; others only a look-up"
    )


class AcceptedMessage(TypedDict):
    """A recorded message. Unless its status is `pending`, its provider took it."""

    message_id: MessageId
    status: Status
    provider: str
    provider_message_id: ProviderMessageId
    to: Annotated[Number | None, Field(description="Recipient, as E.164; null once forgotten")]
    reference: Reference
    encoding: Encoding
    segments: Segments
    created_at: Time
    warnings: NotRequired[
        Annotated[
            list[str],
            Field(min_length=1, description="Characters that cost segments or look broken; absent if none"),
        ]
    ]


class Failure(TypedDict):
    """Why a message did not arrive: in terms that are the same for all providers, and in the provider's own."""

    category: Annotated[Category, Field(description="Whether sending the same message again may help")]
    reason: Reason
    code: Annotated[str | None, Field(description="The provider's own code")]
    message: Annotated[str | None, Field(description="The provider's own text")]
    meaning: Annotated[str, Field(description="What the reason means and what to do, for people")]
    retryable: Annotated[
        bool | None,
        Field(
            description="Whether sending the same message again may help: true for `temporary`, false for "
            "`permanent`, null for `unknown`"
        ),
    ]
    retry_advice: Annotated[str, Field(description="The same for people")]
    docs_url: Annotated[
        str | None, Field(description="The provider's documentation of the code; null where it has none")
    ]


class Cost(TypedDict):
    """The provider's price of one attempt, as it was stated last."""

    amount: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", description="A decimal number with every digit")]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217; `XXX` if the provider names none")]
    observed_at: Annotated[Time, Field(description="When the provider stated it")]
    segments: Annotated[int | None, Field(description="Segments that the price is for; null if not stated")]


class Report(TypedDict):
    """One report about a message, by its provider or by this service."""

    provider_status: Annotated[str, Field(description="The provider's own word for the status")]
    status: Annotated[Status | None, Field(description="Our status for it; null where it has none")]
    code: Annotated[str | None, Field(description="The provider's own code")]
    message: Annotated[str | None, Field(description="The provider's own text")]
    occurred_at: Annotated[str | None, Field(description="The provider's time; unchanged if it cannot be parsed")]
    received_at: Time
    attempt: Attempt
    source: Annotated[str, Field(description="`callback`, `lookup` or `answer` (to sending)")]
    other_recipient: Annotated[bool, Field(description="About another recipient than the message's; never applied")]
    fields: Annotated[dict[str, str], Field(description="The provider's further fields, if they are kept")]
    failure: Annotated[Failure | None, Field(description="The failure that it reports; null if none")]
    applied: Annotated[bool, Field(description="Whether it changed the message's status or failure")]
    not_applied_reason: Annotated[str | None, Field(description="Why it was not applied; null if it was")]


class _Followed(TypedDict):
    message_id: MessageId
    version: Annotated[int, Field(ge=1, description="Rises by one with each change")]
    status: Status
    final: Annotated[bool, Field(description="Whether no further report is expected")]
    outcome: Outcome
    status_at: Annotated[Time, Field(description="When the status became true, by the provider's clock if known")]
    provider: str
    provider_message_id: ProviderMessageId
    attempt: Annotated[Attempt, Field(description="Attempt that the status is about")]
    client: Annotated[str, Field(description="The client that sent it")]
    to: Annotated[Number | None, Field(description="Recipient, as E.164; null once forgotten")]


_From = TypedDict("_From", {"from": Annotated[str, Field(description="Sender")]})


class Message(_Followed, _From):
    """A message with its timeline."""

    reference: Reference
    body: Annotated[str | None, Field(description="The text, if the deployment keeps it")]
    encoding: Encoding
    segments: Segments
    cost: Annotated[dict[str, Cost], Field(json_schema_extra=_add_cost_description)]
    network: Annotated[str | None, Field(description="The recipient's network (MCC and MNC), if known")]
    failure: Annotated[Failure | None, Field(description="Null unless the status is a failure")]
    created_at: Time
    updated_at: Time
    opt_out_scope: Annotated[
        str | None, Field(description="The `scope` in `GET /opt-outs`; null if they are off or the key does not see it")
    ]
    reports: Annotated[list[Report], Field(description="The timeline, oldest first")]


class MessagePage(TypedDict):
    """Messages newest first. A page may be short, even empty, and not be the last; `cursor` is null on the last."""

    messages: list[Message]
    cursor: Annotated[str | None, Field(description="Parameter `cursor` for the next page; null on the last")]


class Health(TypedDict):
    """The service is healthy."""

    status: Literal["ok"]
    version: str
    table: Answer
    queue: Answer


class WrongField(TypedDict):
    """One wrong field, header or parameter of a request."""

    field: Annotated[str, Field(description="Its name; empty for the body as a whole")]
    message: str


class Problem(TypedDict):
    """An error of this service (RFC 9457). `detail` is advice; further members depend on the type."""

    type: Annotated[str, Field(description="`urn:sms-tracker:problem:` and the problem's name")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: NotRequired[Annotated[list[WrongField], Field(description="Every wrong field")]]
    message_id: NotRequired[MessageId]
    provider: NotRequired[str]
    provider_code: NotRequired[Annotated[str, Field(description="The provider's own code")]]
    reason: NotRequired[Reason]
    cause: NotRequired[Annotated[Kind, Field(description="What blocks the recipient")]]
    at: NotRequired[Time]
    limit: NotRequired[Annotated[str, Field(description="The limit that is reached", examples=["client_per_hour"])]]
    ends_at: NotRequired[Annotated[Time, Field(description="When its window ends")]]
    version: NotRequired[str]
    table: NotRequired[Answer]
    queue: NotRequired[Answer]


class GatewayError(TypedDict):
    """An error of API Gateway itself, before any function is called."""

    message: str


class OptOut(TypedDict):
    """Whether a recipient is blocked. `cause`, `source`, `reason` and `at` are the block's, null without one."""

    to: Annotated[Number | None, Field(description="Recipient, as E.164; null once forgotten")]
    scope: Annotated[str, Field(description="`sender:{provider}:{sender}`, `client:{client}` or `all`")]
    blocked: bool
    cause: Annotated[Kind | None, Field(description="What blocks the recipient")]
    source: Annotated[str | None, Field(description="The provider or the client that stated it")]
    reason: str | None
    at: Time | None
    version: Annotated[int, Field(ge=0, description="Rises by one with each change; 0 where nothing is known")]
    changed_at: Time | None


class OptOutPage(TypedDict):
    """One page."""

    opt_outs: list[OptOut]
    cursor: Annotated[str | None, Field(description="For the next page; null at the end")]
