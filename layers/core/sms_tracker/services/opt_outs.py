"""Store opt-outs with their events, and read what the providers' own APIs show about opt-outs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sms_tracker import providers
from sms_tracker.domain.bus import OUTBOX_DAYS, BusEvent, OutboxItem
from sms_tracker.domain.errors import Misconfigured, Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.opt_out import Kind, OptOut, OptOuts, OwnKeywords, Recipient, Statement, StoredOptOut, fold
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.ports import CallFailed, Clock, Http, SettingsSource, log_failed_call
from sms_tracker.domain.queued import Inbound
from sms_tracker.domain.report import timestamp
from sms_tracker.providers.base import Credentials
from sms_tracker.services.events import OPT_OUT_CHANGED, SOURCE, OptOutChanged
from sms_tracker.services.numbers import known_country

_MAX_WRITES = 8
"""Writes per call. Each refusal means that another writer was faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutRegister:
    """Stores each change of a recipient's block together with its event."""

    opt_outs: OptOuts
    clock: Clock

    def add(self, recipient: Recipient, statements: Iterable[Statement]) -> StoredOptOut:
        """Join ``statements`` to the stored ones, in any order and any number of times. Returns the stored result.

        Raises ``Unavailable``, also if other writers were faster every time. Repeating the call is safe.
        """
        added = tuple(statements)
        for _ in range(_MAX_WRITES):
            known = self.opt_outs.get(recipient)
            opt_out = fold(added, base=known.opt_out)
            if opt_out == known.opt_out:
                return known
            changed_at = timestamp(self.clock())
            changed = replace(
                known, recipient=recipient, opt_out=opt_out, version=known.version + 1, changed_at=changed_at
            )
            if self.opt_outs.save(changed, event=self._event(known, changed)):
                return changed
        raise Unavailable("other writers of the opt-out were faster every time")

    def _event(self, known: StoredOptOut, changed: StoredOptOut) -> OutboxItem | None:
        """The event of a change; None if the recipient's block stays as it was."""
        now = self.clock()
        if _extent(known.opt_out, now) == _extent(changed.opt_out, now):
            return None
        block = changed.opt_out.blocked_by(now)
        cause = block or _newest_statement(changed.opt_out, known.opt_out)
        detail = OptOutChanged(
            scope=changed.recipient.scope,
            to=changed.recipient.number,
            blocked=block is not None,
            cause=cause.kind,
            source=cause.source,
            reason=cause.reason or None,
            at=cause.at,
            version=changed.version,
            changed_at=changed.changed_at,
        )
        return OutboxItem(
            identity=f"{OPT_OUT_CHANGED}#{changed.recipient.scope}#{changed.recipient.number}#{changed.version}",
            event=BusEvent(source=SOURCE, detail_type=OPT_OUT_CHANGED, detail=detail.detail()),
            expires_at=int((now + timedelta(days=OUTBOX_DAYS)).timestamp()),
        )


def _extent(opt_out: OptOut, now: datetime) -> tuple[bool, bool]:
    """Whether the recipient is blocked, and whether for transactional messages too."""
    transactional = opt_out.blocked_by(now, transactional=True)
    return opt_out.blocked_by(now) is not None, transactional is not None


def _newest_statement(changed: OptOut, known: OptOut) -> Statement:
    """The newest statement of ``changed`` that ``known`` lacks."""
    return max(statement for kind, statement in changed.latest.items() if known.latest.get(kind) != statement)


KEYWORDS_LIFETIME, RETRY_PAUSE = 3600.0, 60.0
"""Seconds until keywords are read again, and until a provider that did not answer is called again."""
_TIMEOUT = 1.5
"""Seconds of one call. A batch of ten replies makes at most ten calls and has 20 seconds."""
_BUSY = frozenset({408, 429, *range(500, 600)})
_BLOCKS_EVERYTHING = frozenset({Kind.STOP})
_KeywordsKey = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutSources:
    """Reads opt-outs from providers with an API for them.

    ``now`` is in seconds. It must go on while Lambda freezes the environment, which a monotonic clock may not.
    """

    settings: SettingsSource
    http: Http
    now: Callable[[], float]
    failed: CallFailed
    _keywords: dict[_KeywordsKey, tuple[float, OwnKeywords]] = field(default_factory=dict)
    """By provider, number and country: until when the keywords are cached, and the keywords."""
    _down_until: dict[str, float] = field(default_factory=dict)
    """By provider that did not answer: when it may be called again."""

    def keywords(self, provider: str, reply: Inbound) -> OwnKeywords:
        """The keywords of the number that was replied to, cached for an hour, or longer while they cannot be read.

        Empty for a provider without such an API and until the first reading: then the default keywords apply.
        """
        source = providers.opt_outs(provider)
        if source is None:
            return {}
        number, country = reply.to[0], known_country(reply.sender)
        until, cached = self._keywords.get((provider, number, country), (0.0, {}))
        if self.now() < until:
            return cached
        answer = self._call(
            provider, lambda credentials: source.keywords_request(number, country, credentials=credentials)
        )
        read = source.keywords_outcome(answer)
        keywords, lifetime = (cached, RETRY_PAUSE) if isinstance(read, LookupFailed) else (read, KEYWORDS_LIFETIME)
        self._keywords[(provider, number, country)] = (self.now() + lifetime, keywords)
        return keywords

    def blocks(self, provider: str, reply: Inbound) -> frozenset[Kind] | None:
        """The provider's blocks of messages to the person; None while it does not answer.

        ``Kind.STOP`` for a provider without such an API, or if it refuses the request.
        """
        source = providers.opt_outs(provider)
        if source is None:
            return _BLOCKS_EVERYTHING
        person, number = reply.sender, reply.to[0]
        answer = self._call(
            provider,
            lambda credentials: source.blocks_request(credentials=credentials, person=person, number=number),
        )
        listed = source.blocks_outcome(answer)
        if not isinstance(listed, LookupFailed):
            return frozenset(block.kind for block in listed.found)
        return None if _is_down(answer) else _BLOCKS_EVERYTHING

    def sent_at(self, provider: str, reply: Inbound) -> str | None:
        """The provider's time of a reply: its own, else that of the provider's record; None if neither can be read."""
        source = providers.reply_time(provider)
        if reply.at is not None or source is None:
            return reply.at
        message_id = reply.provider_message_id
        answer = self._call(provider, lambda credentials: source.time_request(message_id, credentials=credentials))
        return source.time_outcome(answer)

    def _call(self, provider: str, request: Callable[[Credentials], HttpRequest]) -> HttpResponse | NoResponse:
        """Call the provider, unless it did not answer within the last minute."""
        if self.now() < self._down_until.get(provider, 0.0):
            return NoResponse(written=False, reason="not asked again yet")
        try:
            made = request(self.settings().credentials.get(provider, {}))
        except Misconfigured as error:
            return NoResponse(written=False, reason=str(error))
        answer = self.http(made, timeout=_TIMEOUT)
        if _is_down(answer):
            self._down_until[provider] = self.now() + RETRY_PAUSE
        if isinstance(answer, NoResponse) or answer.status not in range(200, 300):
            log_failed_call(self.failed, f"{provider} {made.method}", answer)
        return answer


def _is_down(answer: HttpResponse | NoResponse) -> bool:
    return isinstance(answer, NoResponse) or answer.status in _BUSY
