"""Costs as DynamoDB stores them: one short text for each attempt. The texts sort as :attr:`Cost.key` does.

So a write's condition can compare two of them, and an item stays below 1 KB (ADR 18). The text has no separators:

    OkIv8s- EUR 1 2 10.5
            |   | | amount
            |   | digits before the point, hexadecimal
            |   segments, base 36, 0 if not stated
            milliseconds since 1970 in 7 characters, then the currency
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

from sms_tracker.domain.cost import Cost, Price, parse_price
from sms_tracker.domain.report import timestamp

_ALPHABET = f"-{digits}{ascii_uppercase}_{ascii_lowercase}"
"""The characters of URL-safe base64, sorted."""
_BASE36 = digits + ascii_lowercase
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_MOMENT = 7
"""Characters of a moment: enough until 2109."""
_TEXT = re.compile(
    "(?P<moment>[-0-9A-Z_a-z]{7})(?P<currency>[A-Z]{3})(?P<segments>[0-9a-z])[0-9a-f](?P<amount>[0-9]+([.][0-9]+)?)"
)


def cost_name(attempt: int) -> str:
    """The attribute of an attempt's cost."""
    return "cost" if attempt == 1 else f"cost{attempt}"


def cost_text(cost: Cost) -> str:
    """A cost as stored."""
    amount = cost.price.amount
    whole = len(amount.partition(".")[0])
    return f"{_moment(cost.observed_at)}{cost.price.currency}{_BASE36[cost.segments or 0]}{whole:x}{amount}"


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
    if (parts := _TEXT.fullmatch(text)) is None:
        raise ValueError("not a cost")
    at = sum(_ALPHABET.index(each) * 64**place for place, each in enumerate(reversed(parts["moment"])))
    return Cost(
        price=Price(parts["amount"], parts["currency"]),
        observed_at=timestamp(_EPOCH + at * _MILLISECOND),
        segments=int(parts["segments"], 36) or None,
    )


def _moment(at: str) -> str:
    milliseconds = (datetime.fromisoformat(at) - _EPOCH) // _MILLISECOND
    return "".join(_ALPHABET[(milliseconds >> 6 * place) & 63] for place in reversed(range(_MOMENT)))
