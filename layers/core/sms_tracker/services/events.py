"""The published events, and the digest of failures for people.

``make schema`` generates the JSON Schemas in events/schema/ from these models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field

from sms_tracker.domain.opt_out import Keyword, Kind
from sms_tracker.domain.ports import Topic
from sms_tracker.domain.report import TIMESTAMP_PATTERN
from sms_tracker.domain.status import (
    REASON_MEANINGS,
    RETRY_ADVICE,
    RETRYABLE,
    Category,
    Failure,
    Outcome,
    Reason,
    Status,
)

SOURCE = "sms-tracker"
TEST_SOURCE = f"{SOURCE}.test"
"""The source of events about messages of test keys. Rules for :data:`SOURCE` do not match it."""
STATUS_CHANGED = "SMS Status Changed"
RECEIVED = "SMS Received"
OPT_OUT_CHANGED = "SMS Opt-Out Changed"

Time = Annotated[str, Field(pattern=TIMESTAMP_PATTERN, description="RFC 3339, UTC")]


class FailureDetail(BaseModel):
    """Why a message did not arrive: in terms that are the same for all providers, and in the provider's own.

    Category and reason imply ``retryable`` and the two explanations; events of earlier versions lack them.
    """

    model_config = ConfigDict(frozen=True)

    category: Category
    reason: Reason
    code: str | None
    message: str | None

    @computed_field(description="Whether sending the same message again may help; null if unknown")  # type: ignore[prop-decorator]
    @property
    def retryable(self) -> bool | None:
        return RETRYABLE[self.category]

    @computed_field(description="What the reason means and what to do, for people")  # type: ignore[prop-decorator]
    @property
    def meaning(self) -> str:
        return REASON_MEANINGS[self.reason]

    @computed_field(description="`retryable` for people")  # type: ignore[prop-decorator]
    @property
    def retry_advice(self) -> str:
        return RETRY_ADVICE[self.category]

    @classmethod
    def of(cls, failure: Failure) -> FailureDetail:
        """The detail of a domain failure."""
        return cls(category=failure.category, reason=failure.reason, code=failure.code, message=failure.message)


class StatusChanged(BaseModel):
    """One stored change of status.

    Delivered at least once: dedupe on (message_id, version) and keep the highest version.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    event_schema: Annotated[Literal[1], Field(alias="schema")] = 1
    message_id: str
    version: Annotated[int, Field(ge=1)]
    client: str
    reference: str | None
    provider: str
    provider_message_id: str | None
    attempt: Annotated[int, Field(ge=1, le=19)]
    status: Status
    previous_status: Status
    final: bool
    outcome: Outcome
    corrects: Status | None
    failure: FailureDetail | None
    unconfirmed: Annotated[
        Literal[True] | None,
        Field(description="Present if a carrier took the message and no handset confirms it: unknown, not failed"),
    ] = None
    segments: Annotated[int, Field(ge=1)]
    created_at: Time
    updated_at: Time
    status_at: Time
    to: Annotated[str | None, Field(description="Only with EventPersonalData")] = None
    sender: Annotated[str | None, Field(alias="from", description="Only with EventPersonalData")] = None
    body: Annotated[str | None, Field(description="Only with EventPersonalData and while the text is stored")] = None

    def detail(self) -> str:
        """The event's ``detail`` as JSON. Personal fields that are not published are absent, not null."""
        absent = {name for name in ("unconfirmed", "to", "sender", "body") if getattr(self, name) is None}
        return self.model_dump_json(by_alias=True, exclude=absent)


class SmsReceived(BaseModel):
    """A text that somebody sent to one of our numbers.

    Delivered at least once: dedupe on (provider, provider_message_id).

    ``keyword`` is the provider's own verdict, or the keyword that makes up the whole text. ``looks_like_opt_out`` marks
    a text that a person should read; it changed no opt-out.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    event_schema: Annotated[Literal[1], Field(alias="schema")] = 1
    provider: str
    provider_message_id: str
    sender: Annotated[str, Field(alias="from", description="The person's number, E.164 or a short code")]
    to: Annotated[str, Field(description="Our number")]
    body: str
    keyword: Keyword | None
    looks_like_opt_out: bool
    received_at: Time
    sent_at: Annotated[Time | None, Field(description="The provider's time; null except for some STOP and START")]

    def detail(self) -> str:
        """The event's ``detail`` as JSON."""
        return self.model_dump_json(by_alias=True)


class OptOutChanged(BaseModel):
    """A block began or ended, or began or ceased to cover transactional messages.

    Dedupe on (scope, to, version) and keep the highest version. A block because of ``refused`` ends by itself after 24
    hours, without an event.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    event_schema: Annotated[Literal[1], Field(alias="schema")] = 1
    scope: str
    to: str
    blocked: bool
    cause: Kind
    source: Annotated[str, Field(description="The provider or the client that stated it")]
    reason: str | None
    at: Time
    version: Annotated[int, Field(ge=1)]
    changed_at: Time

    def detail(self) -> str:
        """The event's ``detail`` as JSON."""
        return self.model_dump_json(by_alias=True)


# --- The digest of failures


class _FailureEvent(BaseModel):
    """An event of a failure as EventBridge puts it into the queue; its other fields are ignored."""

    detail: StatusChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """``failures`` is the number of messages in the notification; ``unreadable`` are queue ids for the DLQ."""

    failures: int
    unreadable: tuple[str, ...] = ()


def digest(bodies: Iterable[tuple[str, str]], topic: Topic) -> Digested:
    """Publish one notification for a batch of ``(queue id, event as JSON)``; raises ``Unavailable``.

    Of several events of one message, the one with the highest version counts.
    """
    latest: dict[str, StatusChanged] = {}
    unreadable = []
    for queue_id, body in bodies:
        try:
            event = _FailureEvent.model_validate_json(body).detail
        except ValidationError:
            unreadable.append(queue_id)
            continue
        known = latest.get(event.message_id)
        if known is None or known.version < event.version:
            latest[event.message_id] = event
    if latest:
        topic.publish(_subject(len(latest)), digest_text(list(latest.values())))
    return Digested(failures=len(latest), unreadable=tuple(unreadable))


_MAX_GROUPS, _MAX_EXAMPLES = 20, 5
"""Paragraphs in one notification, and message ids in each."""


def digest_text(events: Sequence[StatusChanged]) -> str:
    """The notification: one paragraph for each provider, reason and code, most frequent first."""
    groups: dict[tuple[str, str, str], list[StatusChanged]] = defaultdict(list)
    for event in events:
        failure = event.failure
        groups[event.provider, failure.reason if failure else "", (failure and failure.code) or ""].append(event)
    ranked = sorted(groups.values(), key=len, reverse=True)
    parts = [_subject(len(events)), *map(_paragraph, ranked[:_MAX_GROUPS])]
    if (rest := len(ranked) - _MAX_GROUPS) > 0:
        parts.append(f"... and {rest} smaller groups.")
    return "\n\n".join(parts)


def _subject(count: int) -> str:
    return f"sms-tracker: {count} message{'s' if count != 1 else ''} not delivered"


def _paragraph(group: Sequence[StatusChanged]) -> str:
    first = group[0]
    examples = ", ".join(event.message_id for event in group[:_MAX_EXAMPLES])
    more = f" and {len(group) - _MAX_EXAMPLES} more" if len(group) > _MAX_EXAMPLES else ""
    if first.failure is None:
        meaning = "No final report came in time. The message may or may not have arrived."
        title = f"{first.provider}, {first.status}"
    else:
        code = f", code {first.failure.code}" if first.failure.code else ""
        title = f"{first.provider}, {first.failure.reason}{code}"
        meaning = f"{first.failure.meaning} ({first.failure.retry_advice})"
    return f"{len(group)} x {title}\n  {meaning}\n  {examples}{more}"
