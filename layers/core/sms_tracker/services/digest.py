"""Digest: tell people about failures once a minute, grouped, with what each group means and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from sms_tracker.domain.failure import Category, Reason
from sms_tracker.domain.ports import Topic
from sms_tracker.services.events import StatusChanged

ADVICE: Mapping[Reason, str] = {
    Reason.INVALID_RECIPIENT: "The number does not exist or takes no SMS. Check how it got into your data.",
    Reason.UNREACHABLE: "The handset was off or out of reach. Send again later.",
    Reason.BLOCKED: "The recipient, their carrier or a country rule blocks this message. Do not send again unchanged.",
    Reason.OPTED_OUT: "The recipient replied STOP. Do not write to them until they opt in again.",
    Reason.CONTENT_FILTERED: "A carrier took it for spam. Review the text and its links, and register the sender.",
    Reason.SENDER_REJECTED: "The sender may not be used for this recipient. Check the originator and its registration.",
    Reason.EXPIRED: "It could not be delivered within its validity. Send again if it still matters.",
    Reason.CANCELED: "It was canceled before it was sent.",
    Reason.LANDLINE: "The number is a landline. Ask for a mobile number.",
    Reason.ACCOUNT: "Our account or its configuration at the provider is at fault. Look at the provider's console now.",
    Reason.PROVIDER_ERROR: "The provider or a carrier had a fault. Send again; watch the provider's status page.",
    Reason.NOT_SENT: "No provider took it. Nothing was sent; send it again.",
    Reason.UNKNOWN: "The provider gave no usable reason. See its code in the table of docs/providers.",
}
_AGAIN = {
    Category.PERMANENT: "sending again will not help",
    Category.TEMPORARY: "sending again may help",
    Category.UNKNOWN: "whether sending again helps is not known",
}


_GROUPS, _EXAMPLES = 20, 5
"""Paragraphs in one notification, and message ids named in each."""


class _Envelope(BaseModel):
    """What EventBridge wraps around an event; the rest of it is of no interest here."""

    detail: StatusChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """``failures`` is how many messages were told of; ``unreadable`` are the queue ids that belong in the DLQ."""

    failures: int
    unreadable: tuple[str, ...] = ()


def digest(bodies: Iterable[tuple[str, str]], topic: Topic) -> Digested:
    """Tell the topic about a batch of ``(queue id, event as JSON)``; raises ``Unavailable`` if it cannot be told.

    Of several events of one message only the one with the highest version counts.
    """
    latest: dict[str, StatusChanged] = {}
    unreadable = []
    for queue_id, body in bodies:
        try:
            event = _Envelope.model_validate_json(body).detail
        except ValidationError:
            unreadable.append(queue_id)
            continue
        known = latest.get(event.message_id)
        if known is None or known.version < event.version:
            latest[event.message_id] = event
    if latest:
        topic.publish(_subject(len(latest)), text(list(latest.values())))
    return Digested(failures=len(latest), unreadable=tuple(unreadable))


def text(events: Sequence[StatusChanged]) -> str:
    """The notification: one paragraph for each provider, reason and code, most frequent first."""
    groups: dict[tuple[str, str, str], list[StatusChanged]] = defaultdict(list)
    for event in events:
        failure = event.failure
        groups[event.provider, failure.reason if failure else "", (failure and failure.code) or ""].append(event)
    ranked = sorted(groups.values(), key=len, reverse=True)
    paragraphs = [_paragraph(group) for group in ranked[:_GROUPS]]
    rest = len(ranked) - _GROUPS
    return "\n\n".join([_subject(len(events)), *paragraphs, *([f"... and {rest} smaller groups."] if rest > 0 else [])])


def _subject(count: int) -> str:
    return f"sms-tracker: {count} message{'s' if count != 1 else ''} not delivered"


def _paragraph(group: Sequence[StatusChanged]) -> str:
    first = group[0]
    examples = ", ".join(event.message_id for event in group[:_EXAMPLES])
    more = f" and {len(group) - _EXAMPLES} more" if len(group) > _EXAMPLES else ""
    if first.failure is None:
        meaning = "No final report came within 72 hours; it may or may not have arrived."
        title = f"{first.provider}, {first.status}"
    else:
        code = f", code {first.failure.code}" if first.failure.code else ""
        title = f"{first.provider}, {first.failure.reason}{code}"
        meaning = f"{ADVICE[first.failure.reason]} ({_AGAIN[first.failure.category]})"
    return f"{len(group)} x {title}\n  {meaning}\n  {examples}{more}"
