"""Limits of sending: which counters a send touches, whether it fits, and when a limit ends.

Windows are fixed hours and days of UTC. A counter is one stored item for one day, with an attribute for each window,
so that no window is ever reset.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

KNOWN_AFTER = 7
"""Days after its first use by a client until a country is no longer new to that client."""
_LINE = 4
"""Digits at a number's end that its range leaves out: a block of 10,000 numbers."""
_KEPT = timedelta(days=2)
"""A counter's lifetime from the start of its day: longer than anything that is given back."""
_SHARE, _BLOCK = 4_000, 25
"""A block is at most this part of the smallest limit, and at most so many sends."""


class Outage(StrEnum):
    """Whether messages are sent while the counters cannot be reached."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Sends an hour and a day; None is no limit."""

    hour: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """What one client may send.

    ``country`` holds for each country, unless ``approved`` (by ISO 3166 code) has a quota of its own. ``new_countries``
    holds for all countries together that the client has not used and that are not approved.
    """

    client: Quota = Quota()
    country: Quota = Quota()
    new_countries: Quota = Quota()
    approved: Mapping[str, Quota] = field(default_factory=dict)

    def in_country(self, country: str) -> Quota:
        """The quota of one country: its own where its approval has one."""
        own = self.approved.get(country, Quota())
        return self.country if own == Quota() else own

    def is_new(self, country: str, *, first_used: int | None, today: int) -> bool:
        """Whether ``country`` counts as new. Days are those since 1970; None: never used."""
        return country not in self.approved and (first_used is None or today - first_used < KNOWN_AFTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLimits:
    """All limits of a deployment. ``daily_cap`` holds for every client, whatever its own limits are.

    ``number_range`` and ``recipient`` count the sends of all clients together. ``allowance`` is how many messages one
    execution environment sends in an hour without counting, where ``outage`` is open.
    """

    daily_cap: int
    defaults: ClientLimits
    clients: Mapping[str, ClientLimits]
    number_range: Quota
    recipient: Quota
    outage: Outage
    allowance: int

    def of(self, client: str) -> ClientLimits:
        """The limits of a client."""
        return self.clients.get(client, self.defaults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One limit: its name as clients see it, the attribute that counts, the most that it may reach, and its end."""

    name: str
    attribute: str
    most: int
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One stored item, and the limits in it that a send counts against.

    ``key`` has no readable number. ``hour`` is the hour of the day, ``expires_at`` in epoch seconds.
    """

    key: str
    hour: int
    bounds: tuple[Bound, ...]
    expires_at: int

    def exceeded(self, values: Mapping[str, int], units: int = 1) -> Bound | None:
        """The limit that ``units`` more sends would exceed, the one that ends last; None if they fit."""
        full = [bound for bound in self.bounds if values.get(bound.attribute, 0) + units > bound.most]
        return max(full, key=lambda bound: bound.ends, default=None)

    @property
    def block(self) -> int:
        """Sends that one write may claim ahead: more than 1 only where the smallest limit is at least 8,000."""
        return max(1, min(_BLOCK, min(bound.most for bound in self.bounds) // _SHARE))


def day_of(moment: datetime) -> int:
    """Days since 1970, UTC."""
    return int(moment.timestamp()) // 86_400


def client_counter(limits: SendLimits, client: str, country: str, *, is_new: bool, now: datetime) -> Counter:
    """The client's counter, which always has the daily cap."""
    own = limits.of(client)
    is_capped = own.client.day is None or own.client.day > limits.daily_cap
    total = Quota(hour=own.client.hour, day=limits.daily_cap if is_capped else own.client.day)
    bounds = [
        *_bounds("client", total, "", now, daily="daily_cap" if is_capped else None),
        *_bounds("country", own.in_country(country), f".{country}", now),
        *(_bounds("new_countries", own.new_countries, ".new", now) if is_new else ()),
    ]
    return _counter("client", client, bounds, now)


def range_counter(limits: SendLimits, number: str, *, key: bytes, now: datetime) -> Counter | None:
    """The counter of a number's range (E.164), under hashes by the service's key; None if nothing limits it."""
    recipient = _hash(key, "recipient", number)[:8]
    bounds = [
        *_bounds("range", limits.number_range, "", now),
        *_bounds("recipient", limits.recipient, f".{recipient}", now),
    ]
    return _counter("range", _hash(key, "range", number[:-_LINE]), bounds, now) if bounds else None


def _bounds(name: str, quota: Quota, suffix: str, now: datetime, *, daily: str | None = None) -> list[Bound]:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    hour = now.astimezone(UTC).hour
    ends = {"hour": midnight + timedelta(hours=hour + 1), "day": midnight + timedelta(days=1)}
    found = []
    if quota.hour is not None:
        found.append(
            Bound(name=f"{name}_per_hour", attribute=f"h{hour:02}{suffix}", most=quota.hour, ends=ends["hour"])
        )
    if quota.day is not None:
        found.append(Bound(name=daily or f"{name}_per_day", attribute=f"d{suffix}", most=quota.day, ends=ends["day"]))
    return found


def _counter(kind: str, name: str, bounds: list[Bound], now: datetime) -> Counter:
    moment = now.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return Counter(
        key=f"{kind}#{moment:%Y-%m-%d}#{name}",
        hour=moment.hour,
        bounds=tuple(bounds),
        expires_at=int((midnight + _KEPT).timestamp()),
    )


def _hash(key: bytes, kind: str, text: str) -> str:
    """132 bits of an HMAC-SHA256 as 22 URL-safe characters."""
    return urlsafe_b64encode(hmac.digest(key, f"limit\x1f{kind}\x1f{text}".encode(), hashlib.sha256)).decode()[:22]


class LimitCounters(Protocol):
    """The counters. Every method raises ``Throttled`` or another ``Unavailable`` when its outcome is not known."""

    def take(self, counter: Counter, units: int, *, token: str, now: int) -> Bound | None:
        """Count ``units`` sends, once for each ``token``; or nothing, and return the limit that they would exceed.

        ``now`` is in epoch seconds.
        """
        ...

    def give_back(self, counter: Counter, units: int, *, token: str) -> None:
        """Undo ``units`` counted sends in the windows of ``counter``, once for each ``token``."""
        ...

    def first_uses(self, client: str) -> Mapping[str, int]:
        """The countries that a client has used, with the day of the first use."""
        ...

    def note_use(self, client: str, country: str, *, day: int) -> None:
        """Store the first use of a country; a stored one stays."""
        ...
