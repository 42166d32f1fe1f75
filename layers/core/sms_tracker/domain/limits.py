"""Limits of sending: the counters of a send, whether it fits, and when a limit ends.

Windows are fixed hours and days of UTC. A counter is one stored item a day with one attribute for each window, so no
window is ever reset.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sms_tracker.domain.report import spellings


class Outage(StrEnum):
    """Whether messages are sent (``open``) while the counters cannot be reached."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Sends per hour and per day; None: no limit."""

    hour: int | None = None
    day: int | None = None


KNOWN_AFTER = 7
"""Days from a client's first use of a country until the country is no longer new to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """The quotas of one client.

    ``country`` limits each country, unless ``approved`` (by ISO 3166 code) has a quota for it. ``new_countries`` limits
    the sum of all countries that are new to the client and not approved.
    """

    client: Quota = Quota()
    country: Quota = Quota()
    new_countries: Quota = Quota()
    approved: Mapping[str, Quota] = field(default_factory=dict)

    def in_country(self, country: str) -> Quota:
        """The quota of one country: from its approval if that has one."""
        own = self.approved.get(country, Quota())
        return self.country if own == Quota() else own

    def is_new(self, country: str, *, first_used: int | None, today: int) -> bool:
        """Whether ``country`` counts as new. Days are counted from 1970; None: never used."""
        return country not in self.approved and (first_used is None or today - first_used < KNOWN_AFTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLimits:
    """All limits of a deployment. ``daily_cap`` limits every client, whatever its own limits are.

    ``number_range`` and ``recipient`` count the sends of all clients together. ``allowance``: the messages an hour that
    one execution environment sends uncounted during an outage, if ``outage`` is open.
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
    """One limit: its public name, the counting attribute, its highest allowed value, and the end of its window."""

    name: str
    attribute: str
    most: int
    ends: datetime


_BLOCK_SHARE, _MAX_BLOCK = 4_000, 25
"""A block is at most 1/4000 of the smallest limit, and at most 25 sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One stored item, and the limits in it that a send counts against.

    ``key`` has phone numbers only as hashes. ``hour`` is the hour of the day, ``expires_at`` in epoch seconds.
    """

    key: str
    hour: int
    bounds: tuple[Bound, ...]
    expires_at: int

    def exceeded(self, values: Mapping[str, int], units: int = 1) -> Bound | None:
        """The limit that ``units`` more sends would exceed (of several, the one that ends last); None if they fit."""
        full = [bound for bound in self.bounds if values.get(bound.attribute, 0) + units > bound.most]
        return max(full, key=lambda bound: bound.ends, default=None)

    @property
    def block(self) -> int:
        """Sends that one write may claim in advance: more than 1 only if the smallest limit is at least 8,000."""
        return max(1, min(_MAX_BLOCK, min(bound.most for bound in self.bounds) // _BLOCK_SHARE))


def day_of(moment: datetime) -> int:
    """Days since 1970, UTC."""
    return int(moment.timestamp()) // 86_400


def client_counter(limits: SendLimits, client: str, country: str, *, is_new: bool, now: datetime) -> Counter:
    """The client's counter. It always has a daily limit, because of the daily cap."""
    own = limits.of(client)
    total, daily_name = own.client, "client_per_day"
    if total.day is None or total.day > limits.daily_cap:
        total, daily_name = replace(total, day=limits.daily_cap), "daily_cap"
    bounds = [
        *_bounds("client", total, "", now, daily_name=daily_name),
        *_bounds("country", own.in_country(country), f".{country}", now),
        *(_bounds("new_countries", own.new_countries, ".new", now) if is_new else ()),
    ]
    return _counter("client", client, bounds, now)


_RANGE_DIGITS = 4
"""Last digits that a number range leaves open: 10,000 numbers."""


def range_counter(limits: SendLimits, number: str, *, key: bytes, now: datetime) -> Counter | None:
    """The counter of a number's range (E.164), with HMACs by the service's key; None if no limit applies.

    The spellings of one number count as one recipient.
    """
    number = spellings(number)[0]
    recipient = _hash(key, "recipient", number)[:8]
    bounds = [
        *_bounds("range", limits.number_range, "", now),
        *_bounds("recipient", limits.recipient, f".{recipient}", now),
    ]
    return _counter("range", _hash(key, "range", number[:-_RANGE_DIGITS]), bounds, now) if bounds else None


def _bounds(name: str, quota: Quota, suffix: str, now: datetime, *, daily_name: str | None = None) -> Iterator[Bound]:
    midnight, hour = _day_and_hour(now)
    if quota.hour is not None:
        ends = midnight + timedelta(hours=hour + 1)
        yield Bound(name=f"{name}_per_hour", attribute=f"h{hour:02}{suffix}", most=quota.hour, ends=ends)
    if quota.day is not None:
        ends = midnight + timedelta(days=1)
        yield Bound(name=daily_name or f"{name}_per_day", attribute=f"d{suffix}", most=quota.day, ends=ends)


_COUNTER_LIFETIME = timedelta(days=2)
"""A counter's lifetime from the start of its day: longer than any claimed block is kept."""


def _counter(kind: str, name: str, bounds: list[Bound], now: datetime) -> Counter:
    midnight, hour = _day_and_hour(now)
    return Counter(
        key=f"{kind}#{midnight:%Y-%m-%d}#{name}",
        hour=hour,
        bounds=tuple(bounds),
        expires_at=int((midnight + _COUNTER_LIFETIME).timestamp()),
    )


def _day_and_hour(now: datetime) -> tuple[datetime, int]:
    """The start of the day in UTC, and the hour of the day."""
    utc = now.astimezone(UTC)
    return utc.replace(hour=0, minute=0, second=0, microsecond=0), utc.hour


def _hash(key: bytes, kind: str, text: str) -> str:
    """132 bits of an HMAC-SHA256 as 22 URL-safe characters."""
    return urlsafe_b64encode(hmac.digest(key, f"limit\x1f{kind}\x1f{text}".encode(), hashlib.sha256)).decode()[:22]


class LimitCounters(Protocol):
    """The counters. Every method raises ``Throttled`` or another ``Unavailable`` when its outcome is not known."""

    def take(self, counter: Counter, units: int, *, token: str, now: int) -> Bound | None:
        """Count ``units`` sends, once per ``token``. If they would exceed a limit, count nothing and return it.

        ``now`` is in epoch seconds.
        """
        ...

    def give_back(self, counter: Counter, units: int, *, token: str) -> None:
        """Subtract ``units`` sends in the windows of ``counter``, once per ``token``."""
        ...

    def first_uses(self, client: str) -> Mapping[str, int]:
        """The countries that a client has used, each with the day of its first use (since 1970)."""
        ...

    def note_use(self, client: str, country: str, *, day: int) -> None:
        """Store the first use of a country; an earlier one is not replaced."""
        ...
