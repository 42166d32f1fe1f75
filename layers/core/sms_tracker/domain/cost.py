"""Costs: what each attempt costs, as its provider stated it last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact

NO_CURRENCY = "XXX"
"""ISO 4217's code for none: the provider names no currency, or something else."""
EXACT = Context(prec=60, traps=[Inexact])
"""For sums of amounts: it never rounds."""
MAX_SEGMENTS = 35
_NUMBER = re.compile(r"[+-]?(?=\.?[0-9])[0-9]{0,60}(\.[0-9]{0,60})?([eE][+-]?[0-9]{1,3})?")
_CURRENCY = re.compile("[A-Z]{3}")
_WHOLE, _FRACTION = 12, 15


@dataclass(frozen=True, slots=True)
class Price:
    """``amount`` is a decimal number of at least 0 in plain digits, without trailing zeros; ``currency`` ISO 4217."""

    amount: str
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The price of one attempt at ``observed_at`` (RFC 3339), and the segments that it is for, where stated."""

    price: Price
    observed_at: str
    segments: int | None = None

    @property
    def key(self) -> tuple[str, str, int, Decimal]:
        """The higher one wins: the later observation and, of one moment, the larger amount."""
        return (self.observed_at, self.price.currency, self.segments or 0, Decimal(self.price.amount))


@dataclass(slots=True)
class CostSums:
    """Sums over attempts: those that a provider took, and of them those with a price, their sum in each currency.

    Of the attempts whose bill states segments: the ``computed`` and the ``billed`` ones, and how many attempts differ.
    """

    attempts: int = 0
    priced: int = 0
    computed: int = 0
    billed: int = 0
    different: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def count(self, costs: Mapping[int, Cost], *, attempts: int, segments: int) -> None:
        """Count one message of so many computed segments, which providers took so many times."""
        self.attempts += attempts
        for cost in costs.values():
            self.priced += 1
            self._pay(cost.price.currency, Decimal(cost.price.amount))
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
            self._pay(currency, amount)

    def _pay(self, currency: str, amount: Decimal) -> None:
        self.amounts[currency] = EXACT.add(self.amounts.get(currency, Decimal()), amount)


def price(amount: str | None, currency: str | None) -> Price | None:
    """A provider's price, whose sign says nothing: Twilio's are negative.

    None where the amount is no number, or has more than 12 digits before the point or 15 after it.
    """
    text = (amount or "").strip()
    if not _NUMBER.fullmatch(text):
        return None
    digits = plain(Decimal(text))
    whole, _, fraction = digits.partition(".")
    if len(whole) > _WHOLE or len(fraction) > _FRACTION:
        return None
    code = (currency or "").strip().upper()
    return Price(digits, code if _CURRENCY.fullmatch(code) else NO_CURRENCY)


def total(prices: Iterable[Price | None]) -> Price | None:
    """The sum of the parts of one price, in the currency of the first; None without any."""
    known = [each for each in prices if each is not None]
    return Price(plain(exact_sum(Decimal(each.amount) for each in known)), known[0].currency) if known else None


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Without rounding; ``sum`` rounds to 28 digits."""
    found = Decimal()
    for amount in amounts:
        found = EXACT.add(found, amount)
    return found


def plain(amount: Decimal) -> str:
    """The digits without sign, exponent and trailing zeros."""
    text = f"{amount.copy_abs():f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def segments(count: str | None) -> int | None:
    """A provider's number of segments; None where it is none from 1 to 35."""
    text = count or ""
    number = int(text) if re.fullmatch("[0-9]{1,2}", text) else 0
    return number if 0 < number <= MAX_SEGMENTS else None
