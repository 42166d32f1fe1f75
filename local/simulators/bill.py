"""What a simulated provider charges: its own bill, which checkers compare with the service's sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from local.simulators.ledger import Message


@dataclass(frozen=True, slots=True)
class Charge:
    """The charge for one message in its present state."""

    amount: Decimal
    currency: str


def charged(message: Message, charge: Callable[[Message], Charge | None]) -> str | None:
    """What one message costs, such as ``0.0079 USD``."""
    due = charge(message)
    return None if due is None else f"{due.amount:f} {due.currency}"


def bill_json(messages: Iterable[Message], charge: Callable[[Message], Charge | None]) -> dict[str, Any]:
    """A line for each charged message, and the sum in each currency, in plain digits."""
    lines, sums = [], defaultdict[str, Decimal](Decimal)
    for message in messages:
        if (due := charge(message)) is not None:
            sums[due.currency] += due.amount
            lines.append({"id": message.id, "to": message.to, "amount": f"{due.amount:f}", "currency": due.currency})
    return {"lines": lines, "sums": {currency: f"{amount:f}" for currency, amount in sums.items()}}
