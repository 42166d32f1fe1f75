"""Costs: the price of each attempt, as its provider stated it last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from functools import reduce

NO_CURRENCY = "XXX"
"""ISO 4217's code for "no currency": the provider states none, or an invalid one."""


@dataclass(frozen=True, slots=True)
class Price:
    """``amount``: decimal digits of a number >= 0, without exponent and trailing zeros. ``currency``: ISO 4217."""

    amount: str
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The price of one attempt, observed at ``observed_at`` (RFC 3339), and the billed segments if stated."""

    price: Price
    observed_at: str
    segments: int | None = None

    @property
    def key(self) -> tuple[str, str, int, Decimal]:
        """The higher key wins: the later observation; the rest makes the order total."""
        return (self.observed_at, self.price.currency, self.segments or 0, Decimal(self.price.amount))


_EXACT = Context(prec=60, traps=[Inexact])
"""Decimal context for sums: raises instead of rounding."""


@dataclass(slots=True)
class CostSums:
    """Sums over attempts: how many a provider accepted, how many have a price, and the amounts by currency.

    Over attempts with billed segments: segments ``computed`` by us, ``billed``, and how many attempts ``different``.
    """

    attempts: int = 0
    priced: int = 0
    computed: int = 0
    billed: int = 0
    different: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def count(self, costs: Mapping[int, Cost], *, attempts: int, segments: int) -> None:
        """Count one message. ``attempts`` were accepted by providers; ``segments`` are computed per attempt."""
        self.attempts += attempts
        for cost in costs.values():
            self.priced += 1
            self._add_amount(cost.price.currency, Decimal(cost.price.amount))
            if cost.segments is not None:
                self.computed += segments
                self.billed += cost.segments
                self.different += cost.segments != segments

    def add(self, other: CostSums) -> None:
        """Add the sums of ``other``."""
        self.attempts += other.attempts
        self.priced += other.priced
        self.computed += other.computed
        self.billed += other.billed
        self.different += other.different
        for currency, amount in other.amounts.items():
            self._add_amount(currency, amount)

    def _add_amount(self, currency: str, amount: Decimal) -> None:
        self.amounts[currency] = _EXACT.add(self.amounts.get(currency, Decimal()), amount)


_NUMBER = re.compile(r"[+-]?(?=\.?[0-9])[0-9]{0,60}(\.[0-9]{0,60})?([eE][+-]?[0-9]{1,3})?")
_CURRENCY = re.compile("[A-Z]{3}")
_MAX_WHOLE, _MAX_FRACTION = 12, 15
"""Digits of an amount before and after the point."""


def parse_price(amount: str | None, currency: str | None) -> Price | None:
    """A price as a provider writes it. The sign is dropped, because Twilio's prices are negative.

    None if the amount is not a number, or has more than 12 digits before the point or 15 after it.
    """
    text = (amount or "").strip()
    if not _NUMBER.fullmatch(text):
        return None
    digits = plain_digits(Decimal(text))
    whole, _, fraction = digits.partition(".")
    if len(whole) > _MAX_WHOLE or len(fraction) > _MAX_FRACTION:
        return None
    code = (currency or "").strip().upper()
    return Price(digits, code if _CURRENCY.fullmatch(code) else NO_CURRENCY)


def total(prices: Iterable[Price | None]) -> Price | None:
    """The sum of the parts of one price, in the currency of the first; None if there are none.

    Not ``sum``, which rounds to 28 digits.
    """
    parts = [price for price in prices if price is not None]
    if not parts:
        return None
    return Price(plain_digits(reduce(_EXACT.add, (Decimal(part.amount) for part in parts))), parts[0].currency)


def plain_digits(amount: Decimal) -> str:
    """The digits of ``amount`` without sign, exponent and trailing zeros."""
    text = f"{amount.copy_abs():f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_MAX_BILLED_SEGMENTS = 35


def parse_segments(count: str | None) -> int | None:
    """A provider's number of segments; None unless it is 1 to 35."""
    text = count or ""
    number = int(text) if re.fullmatch("[0-9]{1,2}", text) else 0
    return number if 0 < number <= _MAX_BILLED_SEGMENTS else None
