"""Count a message against its limits before it is handed over, and give back what its provider certainly did not take.

Large limits are claimed in blocks, which this execution environment then spends without a write.
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

_REREAD = 300
"""Seconds after which the countries that a client has used are read again."""
_NO_COUNTRY = "none"
"""The country of satellite and international numbers."""
_CLIENTS = 1_000
"""Clients whose countries an environment remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a message was counted in. ``outage`` is why some of it was not, so that people learn of it.

    ``to_new_country``: it goes to a country that is new to its client, whether a limit counts those or not.
    """

    counters: tuple[Counter, ...] = ()
    to_new_country: bool = False
    outage: str | None = None


def count(limiter: Limiter | None, record: Record) -> Counted | Bound:
    """As :meth:`Limiter.count`; without a limiter nothing is counted."""
    return limiter.count(record) if limiter else Counted()


def settle(limiter: Limiter | None, counted: Counted, outcome: SendOutcome, response: ApiResponse) -> ApiResponse:
    """Give back what the provider certainly did not take, and mark the response for the metrics and the log.

    After the answer is stored, where time may be short.
    """
    warning, is_refused = None, isinstance(outcome, Refused | NotProcessed)
    if limiter and is_refused:
        warning = limiter.give_back(counted)
    to_new = counted.to_new_country and not is_refused
    marked = replace(response, uncounted=counted.outage is not None, to_new_country=to_new)
    return marked.noting(counted.outage).noting(warning)


def _token() -> str:
    """48 random bits as 8 URL-safe characters: short, because counters keep the tokens of recent writes."""
    return urlsafe_b64encode(uuid4().bytes[:6]).decode()


def _counters(
    limits: SendLimits, record: Record, to: str, key: bytes, *, is_new: bool, now: datetime
) -> Iterator[Counter]:
    """The client's counter, then its range's: a client at its limit does not use up others' ranges."""
    yield client_counter(limits, record.client, to, is_new=is_new, now=now)
    if (counter := range_counter(limits, record.to, key=key, now=now)) is not None:
        yield counter


def over_limit(record: Record, bound: Bound, *, now: datetime, kept: bool) -> ApiResponse:
    """429: a limit is reached, so no provider was asked. ``kept``: the record stays, because it was there before."""
    ends = timestamp(bound.ends)
    detail = f"The limit {bound.name} is reached until {ends}; nothing was sent. Send the same request again then."
    members = {"limit": bound.name, "ends_at": ends, "message_id": record.message_id if kept else None}
    return problem("over-limit", detail, retry_after=(bound.ends - now).total_seconds(), members=members)


@dataclass(kw_only=True)
class Limiter:
    """Counts hand-overs. One execution environment has one, and one request at a time."""

    counters: LimitCounters
    settings: SettingsSource
    clock: Clock
    new_token: Callable[[], str] = _token
    _leases: dict[Counter, int] = field(default_factory=dict)
    """Sends that were counted ahead. What is left of them at the end of their hour is given back."""
    _used: dict[str, tuple[datetime, dict[str, int]]] = field(default_factory=dict)
    _uncounted: tuple[str, int] = ("", 0)
    """An hour, and the messages that this environment sent in it without counting."""

    def count(self, record: Record) -> Counted | Bound:
        """Count one message in every counter, or in none and return the limit that it would exceed.

        Raises ``Throttled``, and ``Unavailable`` in an outage of the counters that closes: nothing may be sent then.
        """
        settings = self.settings()
        if (limits := settings.limits) is None:
            return Counted()
        now, taken, is_new = self.clock(), list[Counter](), False
        try:
            to, first_used = self._first_use(record, now)
            is_new = limits.of(record.client).is_new(to, first_used=first_used, today=day_of(now))
            for counter in _counters(limits, record, to, settings.service_key, is_new=is_new, now=now):
                full = self._take(counter, now)
                if full is not None:
                    self._undo(taken)
                    return full
                taken.append(counter)
            if first_used is None:
                self._note_use(record.client, to, day_of(now))
        except Throttled:
            self._undo(taken)
            raise
        except SmsTrackerError as error:
            if not self._may_send_uncounted(limits, now):
                self._undo(taken)
                raise
            outage = f"not counted against its limits: {error}"
            return Counted(counters=tuple(taken), to_new_country=is_new, outage=outage)
        return Counted(counters=tuple(taken), to_new_country=is_new)

    def give_back(self, counted: Counted) -> str | None:
        """Undo a count, because the provider certainly did not take the message. Returns a warning where that failed.

        Then the message stays counted, because the write may have been applied.
        """
        failed = [error for counter in counted.counters if (error := self._give_back(counter))]
        return f"not given back to the limits: {failed[0]}" if failed else None

    def _undo(self, taken: list[Counter]) -> None:
        self.give_back(Counted(counters=tuple(taken)))

    def _give_back(self, counter: Counter) -> SmsTrackerError | None:
        if counter in self._leases:
            self._leases[counter] += 1
            return None
        try:
            self.counters.give_back(counter, 1, token=self.new_token())
        except SmsTrackerError as error:
            return error
        return None

    def _first_use(self, record: Record, now: datetime) -> tuple[str, int | None]:
        """The message's country, and the day on which its client first used it."""
        to = country(record.to) or _NO_COUNTRY
        return to, self._countries(record.client, now).get(to)

    def _note_use(self, client: str, to: str, today: int) -> None:
        with suppress(SmsTrackerError):  # the next message to that country stores it
            self.counters.note_use(client, to, day=today)
            self._used[client][1][to] = today

    def _countries(self, client: str, now: datetime) -> Mapping[str, int]:
        known = self._used.get(client)
        if known is None or (now - known[0]).total_seconds() > _REREAD:
            if len(self._used) >= _CLIENTS:
                self._used.clear()
            known = self._used[client] = (now, dict(self.counters.first_uses(client)))
        return known[1]

    def _take(self, counter: Counter, now: datetime) -> Bound | None:
        """Count one message: from what was claimed ahead, else with a block if one fits, else alone."""
        if left := self._leases.get(counter):
            self._leases[counter] = left - 1
            return None
        self._end_leases(counter)
        take = partial(self.counters.take, counter, now=int(now.timestamp()))
        if (block := counter.block) > 1 and take(block, token=self.new_token()) is None:
            self._leases[counter] = block - 1
            return None
        return take(1, token=self.new_token())

    def _end_leases(self, current: Counter) -> None:
        """Give back what was claimed ahead in hours that are over."""
        window = (current.expires_at, current.hour)
        for counter in [each for each in self._leases if (each.expires_at, each.hour) != window]:
            if left := self._leases.pop(counter):
                with suppress(SmsTrackerError):  # it stays counted: below the limit
                    self.counters.give_back(counter, left, token=self.new_token())

    def _may_send_uncounted(self, limits: SendLimits, now: datetime) -> bool:
        hour, sent = f"{now:%Y-%m-%dT%H}", 0
        if self._uncounted[0] == hour:
            sent = self._uncounted[1]
        if limits.outage is Outage.CLOSED or sent >= limits.allowance:
            return False
        self._uncounted = hour, sent + 1
        return True
