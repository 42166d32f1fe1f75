"""What clients are answered, as types: the code is checked against them, and the OpenAPI document is made from them.

Nothing imports this module when a function runs, so no function pays for it.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's own only from Python 3.12 on

from sms_tracker.domain.failure import Category, Reason
from sms_tracker.domain.segments import Encoding
from sms_tracker.domain.status import MAX_ATTEMPT, Outcome, Status

Time = Annotated[
    str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$", json_schema_extra={"format": "date-time"})
]
MessageId = Annotated[
    str,
    Field(
        pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
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


class AcceptedMessage(TypedDict):
    """A message that is recorded and, unless its status is `pending`, taken by its provider."""

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
        Annotated[list[str], Field(min_length=1, description="What costs segments or looks broken; where there is any")]
    ]


class Failure(TypedDict):
    """Why a message did not arrive, in words that do not depend on the provider, beside the provider's own."""

    category: Annotated[Category, Field(description="Whether sending the same again could help")]
    reason: Reason
    code: Annotated[str | None, Field(description="The provider's own code")]
    message: Annotated[str | None, Field(description="The provider's own text")]
    meaning: Annotated[str, Field(description="What it means and what to do, in plain words")]
    retryable: Annotated[
        bool | None,
        Field(
            description="Whether sending the same message again may help: true for `temporary`, false for "
            "`permanent`, null for `unknown`"
        ),
    ]
    retry_advice: Annotated[str, Field(description="The same in plain words")]
    docs_url: Annotated[
        str | None, Field(description="The provider's documentation of the code; null where it has none")
    ]


class Report(TypedDict):
    """One claim about a message, by its provider or by this service."""

    provider_status: Annotated[str, Field(description="The provider's own word for the status")]
    status: Annotated[Status | None, Field(description="Our status for it; null where it has none")]
    code: Annotated[str | None, Field(description="The provider's own code")]
    message: Annotated[str | None, Field(description="The provider's own text")]
    occurred_at: Annotated[str | None, Field(description="The provider's time; as it came where it cannot be read")]
    received_at: Time
    attempt: Attempt
    source: Annotated[str, Field(description="How it came: `callback`, `lookup` or `answer`")]
    other_recipient: Annotated[bool, Field(description="About another recipient than the message's: moves nothing")]
    fields: Annotated[dict[str, str], Field(description="The provider's further fields, where they are kept")]
    failure: Annotated[Failure | None, Field(description="What the report says went wrong; null where nothing did")]
    applied: Annotated[bool, Field(description="Whether it changed the message's status or failure when it came")]
    not_applied_reason: Annotated[str | None, Field(description="Why it did not; null where `applied` is true")]


class _Followed(TypedDict):
    message_id: MessageId
    version: Annotated[int, Field(ge=1, description="Rises by one with each change")]
    status: Status
    final: Annotated[bool, Field(description="Whether the provider is expected to say nothing more")]
    outcome: Outcome
    status_at: Annotated[Time, Field(description="When the status became true, by the provider's clock if it said")]
    provider: str
    provider_message_id: ProviderMessageId
    attempt: Annotated[Attempt, Field(description="Handing to the provider that the status is about")]
    client: Annotated[str, Field(description="Whose key sent it")]
    to: Annotated[Number | None, Field(description="Recipient, as E.164; null once forgotten")]


_From = TypedDict("_From", {"from": Annotated[str, Field(description="Sender")]})


class Message(_Followed, _From):
    """A message as it stands, with its timeline."""

    reference: Reference
    body: Annotated[str | None, Field(description="The text, where the deployment keeps it")]
    encoding: Encoding
    segments: Segments
    price: Annotated[str | None, Field(description="What the provider charged, if it said")]
    network: Annotated[str | None, Field(description="The recipient's network (MCC and MNC), if the provider said")]
    failure: Annotated[Failure | None, Field(description="Only while the status is a failure")]
    created_at: Time
    updated_at: Time
    reports: Annotated[list[Report], Field(description="The timeline, oldest first")]


class MessagePage(TypedDict):
    """Messages newest first. A page may be short, even empty, and still not be the last: only `cursor` says so."""

    messages: list[Message]
    cursor: Annotated[str | None, Field(description="Parameter `cursor` of the next page; null on the last")]


class SecondsToDelivery(TypedDict):
    """How long the delivered messages took, from our record to the provider's report."""

    counts: Annotated[list[int], Field(description="Deliveries by `bounds`; the last is what took longer")]
    p50: Annotated[float | None, Field(description="Half took no longer; null where nothing was delivered")]
    p90: Annotated[float | None, Field(description="Nine of ten took no longer")]


class Figures(TypedDict):
    """What was counted of some messages."""

    messages: int
    statuses: Annotated[dict[str, int], Field(description="Messages by status; those that there are")]
    outcomes: Annotated[dict[str, int], Field(description="Messages by outcome; all four")]
    delivery_rate: Annotated[float | None, Field(description="Success among what is final; null where nothing is")]
    reasons: Annotated[dict[str, int], Field(description="Failures by reason")]
    seconds_to_delivery: SecondsToDelivery


class Group(Figures):
    """The figures of messages that have something in common; it has the one name that was asked for."""

    hour: NotRequired[Time]
    day: NotRequired[Time]
    provider: NotRequired[str]
    client: NotRequired[str]


class Freshness(TypedDict):
    """How fresh the figures of one hour are."""

    hour: Time
    computed_at: Annotated[Time | None, Field(description="When it was counted last; null if it never was")]
    final: Annotated[bool, Field(description="Whether it will not be counted again")]


class Stats(TypedDict):
    """Messages counted by the hour in which they were created."""

    since: Annotated[Time, Field(description="Start of the first hour")]
    until: Annotated[Time, Field(description="End of the last hour")]
    by: str
    client: Annotated[str | None, Field(description="Null: all clients")]
    provider: Annotated[str | None, Field(description="Null: all providers")]
    bounds: Annotated[list[int], Field(description="Seconds up to which each of `counts` reaches")]
    total: Figures
    groups: list[Group]
    hours: list[Freshness]


class Health(TypedDict):
    """The service is well."""

    status: Literal["ok"]
    version: str
    table: Answer
    queue: Answer


class WrongField(TypedDict):
    """One field, header or parameter of a request and what is wrong with it."""

    field: Annotated[str, Field(description="Its name; empty for the body as a whole")]
    message: str


class Problem(TypedDict):
    """An error of ours (RFC 9457). `detail` says what to do; further members depend on the type."""

    type: Annotated[str, Field(description="`urn:sms-tracker:problem:` and the problem's name")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: NotRequired[Annotated[list[WrongField], Field(description="Every field that is wrong")]]
    message_id: NotRequired[MessageId]
    provider: NotRequired[str]
    provider_code: NotRequired[Annotated[str, Field(description="The provider's own code")]]
    reason: NotRequired[Reason]
    version: NotRequired[str]
    table: NotRequired[Answer]
    queue: NotRequired[Answer]


class GatewayError(TypedDict):
    """An error of API Gateway's own, from before any function of ours is asked."""

    message: str
