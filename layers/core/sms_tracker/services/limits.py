"""Count a message against the limits before its hand-over, and give the count back if the provider did not take it.

Large limits are claimed in blocks. This execution environment then counts further messages without a write.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import uuid4

from sms_tracker.domain.errors import SmsTrackerError, Throttled
from sms_tracker.domain.limits import (
    Bound,
    Counter,
    LimitCounters,
    Outage,
    SendLimits,
    client_counter,
    day_of,
    range_counter,
)
from sms_tracker.domain.outbound import NotProcessed, Refused, SendOutcome
from sms_tracker.domain.ports import Clock, SettingsSource
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.services.numbers import country
from sms_tracker.services.responses import ApiResponse, problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The counters that a message was counted in. ``outage``: the error because of which others were left out.

    ``to_new_country``: the message goes to a country that is new to its client, limited or not. ``first_use``: client,
    country and day, if the client never used that country before.
    """

    counters: tuple[Counter, ...] = ()
    to_new_country: bool = False
    first_use: tuple[str, str, int] | None = None
    outage: str | None = None


def count_message(limiter: Limiter | None, record: Record) -> Counted | Bound:
    """As :meth:`Limiter.count`; counts nothing without a limiter."""
    return limiter.count(record) if limiter else Counted()


def settle_count(limiter: Limiter | None, counted: Counted, outcome: SendOutcome, response: ApiResponse) -> ApiResponse:
    """Give back the count if the provider did not take the message, else store a first use of its country.

    The response is marked for the metrics and the log. Called after the answer is stored: little time may be left.
    """
    is_refused = isinstance(outcome, Refused | NotProcessed)
    warning = limiter.give_back(counted) if limiter and is_refused else None
    if limiter and not is_refused:  # refused messages cost nothing, and must not make a country known
        limiter.store_first_use(counted)
    to_new = counted.to_new_country and not is_refused
    marked = replace(response, uncounted=counted.outage is not None, to_new_country=to_new)
    return marked.with_log_warning(counted.outage).with_log_warning(warning)


def over_limit(record: Record, bound: Bound, *, now: datetime, kept: bool) -> ApiResponse:
    """429: a limit is reached, so no provider was called. ``kept``: the record existed before and remains."""
    ends = timestamp(bound.ends)
    detail = f"The limit {bound.name} is reached until {ends}; nothing was sent. Send the same request again then."
    members = {"limit": bound.name, "ends_at": ends, "message_id": record.message_id if kept else None}
    return problem("over-limit", detail, retry_after=(bound.ends - now).total_seconds(), members=members)


_REREAD_AFTER = 300
"""Seconds after which a client's used countries are read again."""
_NO_COUNTRY = "none"
"""Instead of a country's code: satellite and international numbers."""
_MAX_CLIENTS = 1_000
"""Clients of which an environment caches the used countries."""


def _new_token() -> str:
    """48 random bits as 8 URL-safe characters: short, because counters keep the tokens of recent writes."""
    return urlsafe_b64encode(uuid4().bytes[:6]).decode()


@dataclass(kw_only=True)
class Limiter:
    """Counts hand-overs. One execution environment has one, and handles one request at a time."""

    counters: LimitCounters
    settings: SettingsSource
    clock: Clock
    new_token: Callable[[], str] = _new_token
    _reserved: dict[Counter, int] = field(default_factory=dict)
    """What is left of the claimed blocks. It is given back after the end of their hour."""
    _used: dict[str, tuple[datetime, dict[str, int]]] = field(default_factory=dict)
    """By client: when its used countries were read, and the day of each country's first use."""
    _uncounted: tuple[str, int] = ("", 0)
    """An hour, and how many messages this environment sent in it without counting."""

    def count(self, record: Record) -> Counted | Bound:
        """Count one message in every counter, or in none and return the limit that it would exceed.

        If the counters are unavailable, the result has those reached before, and the message uses the allowance. Raises
        ``Unavailable`` if the limits forbid that, and always ``Throttled``, because a flood causes it.
        """
        settings = self.settings()
        if (limits := settings.limits) is None:
            return Counted()
        now, counted = self.clock(), Counted()
        try:
            to = country(record.to) or _NO_COUNTRY
            first_used = self._first_uses(record.client, now).get(to)
            is_new = limits.of(record.client).is_new(to, first_used=first_used, today=day_of(now))
            first_use = (record.client, to, day_of(now)) if first_used is None else None
            counted = Counted(to_new_country=is_new, first_use=first_use)
            for counter in _counters(limits, record, to, settings.service_key, is_new=is_new, now=now):
                if full := self._take(counter, now):
                    self.give_back(counted)
                    return full
                counted = replace(counted, counters=(*counted.counters, counter))
        except SmsTrackerError as error:
            if isinstance(error, Throttled) or not self._take_allowance(limits, now):
                self.give_back(counted)
                raise
            return replace(counted, first_use=None, outage=f"not counted against its limits: {error}")
        return counted

    def give_back(self, counted: Counted) -> str | None:
        """Undo a count, because the provider did not take the message. Returns a warning if that failed.

        A failed write is not repeated, because it may have been applied: the message stays counted.
        """
        failed = [error for counter in counted.counters if (error := self._give_back(counter))]
        return f"not given back to the limits: {failed[0]}" if failed else None

    def store_first_use(self, counted: Counted) -> None:
        """Store the first use of a country, if it is one."""
        if counted.first_use is not None:
            client, country_code, today = counted.first_use
            with suppress(SmsTrackerError):  # the next message to that country stores it
                self.counters.note_use(client, country_code, day=today)
                self._used[client][1][country_code] = today

    def _give_back(self, counter: Counter) -> SmsTrackerError | None:
        if counter in self._reserved:
            self._reserved[counter] += 1
            return None
        try:
            self.counters.give_back(counter, 1, token=self.new_token())
        except SmsTrackerError as error:
            return error
        return None

    def _take(self, counter: Counter, now: datetime) -> Bound | None:
        """Count one message: from a claimed block, else with a new block if one fits, else alone."""
        if left := self._reserved.get(counter):
            self._reserved[counter] = left - 1
            return None
        self._return_expired(counter)
        take = partial(self.counters.take, counter, now=int(now.timestamp()))
        if (block := counter.block) > 1 and take(block, token=self.new_token()) is None:
            self._reserved[counter] = block - 1
            return None
        return take(1, token=self.new_token())

    def _return_expired(self, current: Counter) -> None:
        """Give back what is left of the blocks of past hours."""
        window = (current.expires_at, current.hour)
        for counter in [known for known in self._reserved if (known.expires_at, known.hour) != window]:
            if left := self._reserved.pop(counter):
                with suppress(SmsTrackerError):  # then it stays counted, and the limit is reached early
                    self.counters.give_back(counter, left, token=self.new_token())

    def _first_uses(self, client: str, now: datetime) -> Mapping[str, int]:
        """The day on which the client first used each country."""
        cached = self._used.get(client)
        if cached is None or (now - cached[0]).total_seconds() > _REREAD_AFTER:
            if len(self._used) >= _MAX_CLIENTS:
                self._used.clear()
            cached = self._used[client] = (now, dict(self.counters.first_uses(client)))
        return cached[1]

    def _take_allowance(self, limits: SendLimits, now: datetime) -> bool:
        """Use one of the messages that this environment may send uncounted in this hour; False if none is left."""
        hour = f"{now:%Y-%m-%dT%H}"
        sent = self._uncounted[1] if self._uncounted[0] == hour else 0
        if limits.outage is Outage.CLOSED or sent >= limits.allowance:
            return False
        self._uncounted = hour, sent + 1
        return True


def _counters(
    limits: SendLimits, record: Record, to: str, key: bytes, *, is_new: bool, now: datetime
) -> Iterator[Counter]:
    """The client's counter, then its range's: a client at its limit does not use up a range that others share."""
    yield client_counter(limits, record.client, to, is_new=is_new, now=now)
    if (counter := range_counter(limits, record.to, key=key, now=now)) is not None:
        yield counter
