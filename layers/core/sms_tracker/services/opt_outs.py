"""State that a recipient opts out or in again, and ask about opt-outs: our register, and the providers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import phonenumbers

from sms_tracker import providers
from sms_tracker.domain.errors import Misconfigured, Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.inbound import Inbound
from sms_tracker.domain.invocation import ignore_failed_call, log_failed_call
from sms_tracker.domain.keywords import OwnKeywords
from sms_tracker.domain.opt_out import Kind, OptOut, OptOuts, Recipient, Statement, StoredOptOut, fold
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.outbox import LIFETIME_DAYS, OutboxItem
from sms_tracker.domain.ports import BusEvent, CallFailed, Clock, Http, SettingsSource
from sms_tracker.domain.report import timestamp
from sms_tracker.providers.base import Credentials
from sms_tracker.services.events import OPT_OUT_CHANGED, SOURCE, OptOutChanged

_ROUNDS = 8
"""Writes of one statement that may lose to others before the caller has to come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutRegister:
    """Every change of whether a recipient is blocked is stored together with its event."""

    opt_outs: OptOuts
    clock: Clock

    def state(self, recipient: Recipient, statements: Iterable[Statement]) -> StoredOptOut:
        """Join ``statements`` to what is stored, in any order and any number of times; returns what is stored then.

        Raises ``Unavailable``, also where others write faster; repeating it is safe.
        """
        stated = tuple(statements)
        for _ in range(_ROUNDS):
            known = self.opt_outs.get(recipient)
            opt_out = fold(stated, base=known.opt_out)
            if opt_out == known.opt_out:
                return known
            now = self.clock()
            changed = replace(
                known, recipient=recipient, opt_out=opt_out, version=known.version + 1, changed_at=timestamp(now)
            )
            if self.opt_outs.save(changed, event=self._event(known, changed)):
                return changed
        raise Unavailable("the opt-out is being changed by others")

    def _event(self, known: StoredOptOut, changed: StoredOptOut) -> OutboxItem | None:
        now = self.clock()
        if _extent(known.opt_out, now) == _extent(changed.opt_out, now):
            return None
        after = changed.opt_out.blocked_by(now)
        cause = after or _latest(changed.opt_out, known.opt_out)
        detail = OptOutChanged(
            scope=changed.recipient.scope,
            to=changed.recipient.number,
            blocked=after is not None,
            cause=cause.kind,
            source=cause.source,
            reason=cause.reason or None,
            at=cause.at,
            version=changed.version,
            changed_at=changed.changed_at,
        )
        identity = f"{OPT_OUT_CHANGED}#{changed.recipient.scope}#{changed.recipient.number}#{changed.version}"
        return OutboxItem(
            identity=identity,
            event=BusEvent(source=SOURCE, detail_type=OPT_OUT_CHANGED, detail=detail.detail()),
            expires_at=int((now + timedelta(days=LIFETIME_DAYS)).timestamp()),
        )


def _extent(opt_out: OptOut, now: datetime) -> tuple[bool, bool]:
    """Whether the recipient is blocked, and whether for transactional messages too."""
    everything = opt_out.blocked_by(now, transactional=True)
    return opt_out.blocked_by(now) is not None, everything is not None


def _latest(changed: OptOut, known: OptOut) -> Statement:
    """The newest of the statements that ``changed`` has and ``known`` has not."""
    return max(each for kind, each in changed.latest.items() if known.latest.get(kind) != each)


LIFETIME, RETRY = 3600.0, 60.0
"""Seconds after which keywords are read again, and in which a provider that did not answer is not asked."""
_TIMEOUT = 1.5
"""Seconds of one call. A batch of ten replies makes at most ten calls and has 20 seconds."""
_BUSY = frozenset({408, 429, *range(500, 600)})
_EVERYTHING = frozenset({Kind.STOP})
_Key = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutSources:
    """The providers that answer such questions; no other is asked. ``monotonic`` is in seconds."""

    settings: SettingsSource
    http: Http
    monotonic: Callable[[], float]
    failed: CallFailed = ignore_failed_call
    _keywords: dict[_Key, tuple[float, OwnKeywords]] = field(default_factory=dict)
    _silent: dict[str, float] = field(default_factory=dict)

    def keywords(self, provider: str, reply: Inbound) -> OwnKeywords:
        """The keywords of the number that was replied to, as read within the hour, older while they cannot be read.

        Empty for a provider that has none to show, and until the first reading: then the default table holds.
        """
        source = providers.opt_outs(provider)
        if source is None:
            return {}
        number, country = reply.to[0], _country(reply.sender)
        until, known = self._keywords.get((provider, number, country), (0.0, {}))
        if self.monotonic() < until:
            return known
        answer = self._ask(provider, lambda given: source.keywords_request(number, country, credentials=given))
        found = source.keywords_outcome(answer)
        read, lifetime = (known, RETRY) if isinstance(found, LookupFailed) else (found, LIFETIME)
        self._keywords[(provider, number, country)] = (self.monotonic() + lifetime, read)
        return read

    def blocks(self, provider: str, reply: Inbound) -> frozenset[Kind] | None:
        """What blocks messages to the person at the provider; None where it cannot be asked for now.

        A stop where the provider has nothing to show.
        """
        source = providers.opt_outs(provider)
        if source is None:
            return _EVERYTHING
        person, number = reply.sender, reply.to[0]
        answer = self._ask(
            provider, lambda given: source.blocks_request(credentials=given, person=person, number=number)
        )
        listed = source.blocks_outcome(answer)
        if not isinstance(listed, LookupFailed):
            return frozenset(each.kind for each in listed.found)
        return None if isinstance(answer, NoResponse) or answer.status in _BUSY else _EVERYTHING

    def sent_at(self, provider: str, reply: Inbound) -> str | None:
        """The provider's time of a reply, from its record where the reply has none; None where neither can be read."""
        source = providers.reply_time(provider)
        if reply.at is not None or source is None:
            return reply.at
        known = reply.provider_message_id
        return source.time_outcome(self._ask(provider, lambda given: source.time_request(known, credentials=given)))

    def _ask(self, provider: str, request: Callable[[Credentials], HttpRequest]) -> HttpResponse | NoResponse:
        """One call, unless the last one within a minute had no answer."""
        if self.monotonic() < self._silent.get(provider, 0.0):
            return NoResponse(written=False, reason="not asked again yet")
        try:
            made = request(self.settings().credentials.get(provider, {}))
        except Misconfigured as error:
            return NoResponse(written=False, reason=str(error))
        answer = self.http(made, timeout=_TIMEOUT)
        if isinstance(answer, NoResponse) or answer.status in _BUSY:
            self._silent[provider] = self.monotonic() + RETRY
        if isinstance(answer, NoResponse) or answer.status not in range(200, 300):
            log_failed_call(self.failed, f"{provider} {made.method}", answer)
        return answer


def _country(number: str) -> str | None:
    """ISO 3166 code of a person's number; None for a short code and for numbers of no country."""
    try:
        found = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return found if found and found.isalpha() else None
