"""Records as DynamoDB items and back, and the parts of an item that updates write: reports, claims, failures, costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

from sms_tracker.aws.api import UNREADABLE, Item, marshal, unmarshal
from sms_tracker.domain.cost import Cost, Price, parse_price
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.indexes import client_references, failed_shard, time_shard
from sms_tracker.domain.record import Entry, Record, Send, SendPhase
from sms_tracker.domain.report import Report, Source, timestamp, timestamp_before
from sms_tracker.domain.state import RankedFailure, State
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.domain.text import Encoding, Segmentation


def to_item(record: Record) -> Item:
    """The item of a new record, before any report, with its index keys."""
    state = record.state
    return marshal(
        {
            "message_id": record.message_id,
            "version": record.version,
            "status": str(state.status),
            "order": state.order,
            "attempt": state.attempt,
            "final": state.status.final,
            "status_at": state.at,
            "provider": state.provider,
            "ids": {},
            "reports": {},
            "send": send_values(record.send),
            "client": record.client,
            "to": record.to or None,
            "from": record.sender,
            "reference": record.reference,
            "encoding": str(record.segmentation.encoding),
            "segments": record.segmentation.segments,
            "fingerprint": record.fingerprint,
            "text": record.text_hash,  # short, to keep an item with three reports below 1 KB
            "resend_if_lost": record.resend_if_lost or None,
            "validity_seconds": record.validity_seconds,
            "category": record.category,
            "body": record.body,
            "test": record.test or None,
            "created_at": record.created_at,
            "updated_at": record.updated_at,
            "expires_at": record.expires_at,
            "client_reference": client_references(record.client, record.reference)[0] if record.reference else None,
            "time_shard": time_shard(record.created_at, record.message_id),
        }
    )


def from_item(item: Item) -> Record:
    """A stored item as a record; raises ``KeyError``, ``ValueError`` or the like if it is none."""
    values = unmarshal(item)
    return Record(
        message_id=values["message_id"],
        version=int(values["version"]),
        state=_state(values),
        send=_send(values["send"]),
        client=values["client"],
        to=values.get("to", ""),
        sender=values["from"],
        segmentation=Segmentation(Encoding(values["encoding"]), int(values["segments"])),
        fingerprint=values["fingerprint"],
        text_hash=values.get("text", ""),  # missing in older records; equals no HMAC
        created_at=values["created_at"],
        updated_at=values["updated_at"],
        expires_at=int(values["expires_at"]),
        reference=values.get("reference"),
        resend_if_lost=values.get("resend_if_lost", False),
        validity_seconds=int(values["validity_seconds"]) if "validity_seconds" in values else None,
        category=values.get("category"),
        body=values.get("body"),
        test=values.get("test", False),
        costs=costs_of(values),
        network=values.get("network"),
        reports={key: _entry(entry) for key, entry in values["reports"].items()},
        providers={int(attempt): name for attempt, name in values.get("providers", {}).items()},
    )


def record_of(item: Item) -> Record:
    """A stored item as a record; raises ``Unavailable``, with the id, if it cannot be read."""
    try:
        return from_item(item)
    except UNREADABLE as error:
        raise Unavailable(f"record {item['message_id']['S']} cannot be read: {type(error).__name__}") from error


def _state(values: Mapping[str, Any]) -> State:
    others = (other.split("#", 1) for other in values.get("other_ids", ()))
    return State(
        status=Status(values["status"]),
        attempt=int(values["attempt"]),
        at=values["status_at"],
        provider=values["provider"],
        ids={int(attempt): provider_id for attempt, provider_id in values["ids"].items()},
        other_ids=frozenset((int(attempt), other) for attempt, other in others),
        failure=_failure(values.get("failure")),
    )


def _failure(values: Mapping[str, Any] | None) -> RankedFailure | None:
    if values is None:
        return None
    failure = Failure(
        category=Category(values["category"]),
        reason=Reason(values["reason"]),
        code=values.get("code"),
        message=values.get("message"),
    )
    return RankedFailure(failure=failure, order=int(values["order"]))


def _send(values: Mapping[str, Any]) -> Send:
    return Send(
        phase=SendPhase(values["state"]),
        attempt=int(values["attempt"]),
        token=values["token"],
        until=int(values["until"]),
        cause=values.get("cause"),
        request=values.get("request"),
    )


def _entry(values: Mapping[str, Any]) -> Entry:
    lag = values.get("lag")
    return Entry(
        word=values["word"],
        received=values["received"],
        attempt=int(values["attempt"]),
        source=values.get("source", str(Source.CALLBACK)),
        code=values.get("code"),
        occurred=values.get("occurred") if lag is None else timestamp_before(values["received"], int(lag)),
        text=values.get("text"),
        foreign=values.get("foreign", False),
        fields=values.get("fields", {}),
    )


def entry_values(report: Report, *, foreign: bool, keep_fields: bool) -> dict[str, object]:
    """A report as the timeline stores it, with the further fields of failures and unknown words, or of all reports.

    To keep an item below 1 KB (ADR 18), the usual source (callback) is left out, and the provider's time is stored as
    its distance from the receipt.
    """
    lag = report.lag
    has_fields = report.details and (keep_fields or report.is_failure or not report.recognised)
    values = {
        "word": report.word,
        "code": report.code,
        "occurred": report.occurred if lag is None else None,
        "lag": lag,
        "received": report.received,
        "attempt": report.attempt,
        "source": None if report.source is Source.CALLBACK else str(report.source),
        "text": report.failure.message if report.failure else None,
        "foreign": True if foreign else None,
        "fields": dict(report.details) if has_fields else None,
    }
    return _without_none(values)


def send_values(send: Send) -> dict[str, object]:
    """A claim as stored."""
    values = {"state": str(send.phase), "attempt": send.attempt, "token": send.token, "until": send.until}
    return values | ({"request": send.request} if send.request else {})


def failure_values(failure: RankedFailure) -> dict[str, object]:
    """A failure as stored."""
    cause = failure.failure
    values = {"category": str(cause.category), "reason": str(cause.reason), "order": failure.order}
    return values | _without_none({"code": cause.code, "message": cause.message})


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def attention(state: State, message_id: str, now: str) -> str | None:
    """A failure's key in the sparse index by_attention; None for other statuses."""
    return failed_shard(now, message_id) if state.status.outcome is Outcome.FAILURE else None


_BASE64 = f"-{digits}{ascii_uppercase}_{ascii_lowercase}"
"""The characters of URL-safe base64, sorted."""
_BASE36 = digits + ascii_lowercase
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_MOMENT_LENGTH = 7
"""Characters of a time: enough until 2109."""
_COST_TEXT = re.compile(
    "(?P<moment>[-0-9A-Z_a-z]{7})(?P<currency>[A-Z]{3})(?P<segments>[0-9a-z])[0-9a-f](?P<amount>[0-9]+([.][0-9]+)?)"
)
"""A cost such as ``OkIv8s-EUR1210.5``: milliseconds since 1970, currency, segments in base 36 (0: not stated), digits
before the point in hexadecimal, amount. Without separators these texts sort as :attr:`Cost.key` does, so a write's
condition can compare two, and an item stays below 1 KB (ADR 18)."""


def cost_name(attempt: int) -> str:
    """The attribute of an attempt's cost."""
    return "cost" if attempt == 1 else f"cost{attempt}"


def cost_text(cost: Cost) -> str:
    """A cost as stored."""
    amount = cost.price.amount
    whole = len(amount.partition(".")[0])
    return f"{_encoded_time(cost.observed_at)}{cost.price.currency}{_BASE36[cost.segments or 0]}{whole:x}{amount}"


def costs_of(values: Mapping[str, Any]) -> dict[int, Cost]:
    """The costs in an item's values, by attempt; raises ``ValueError`` for an invalid text."""
    costs = {int(name[4:] or 1): _cost(text) for name, text in values.items() if name.startswith("cost")}
    older = _older_cost(values["price"], values["created_at"]) if "price" in values else None
    return costs if older is None else {int(values["attempt"]): older, **costs}


def _older_cost(text: str, created_at: str) -> Cost | None:
    """The price in an older item, such as ``-0.00750 USD``, as if observed at creation: any later one outranks it."""
    amount, _, currency = text.partition(" ")
    price = parse_price(amount, currency)
    return None if price is None else Cost(price=price, observed_at=created_at)


def _cost(text: str) -> Cost:
    if (parts := _COST_TEXT.fullmatch(text)) is None:
        raise ValueError("not a cost")
    at = sum(_BASE64.index(each) * 64**place for place, each in enumerate(reversed(parts["moment"])))
    return Cost(
        price=Price(parts["amount"], parts["currency"]),
        observed_at=timestamp(_EPOCH + at * _MILLISECOND),
        segments=int(parts["segments"], 36) or None,
    )


def _encoded_time(at: str) -> str:
    milliseconds = (datetime.fromisoformat(at) - _EPOCH) // _MILLISECOND
    return "".join(_BASE64[(milliseconds >> 6 * place) & 63] for place in reversed(range(_MOMENT_LENGTH)))
