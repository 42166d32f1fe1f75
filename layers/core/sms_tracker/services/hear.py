"""Hear a reply: publish it, then state the opt-out that it asks for. Both are safe to repeat."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sms_tracker import providers
from sms_tracker.domain.errors import UnknownProvider, Unreadable
from sms_tracker.domain.inbound import Heard, Inbound, RefusedSend, decode, encodable
from sms_tracker.domain.indexes import BY_RECIPIENT
from sms_tracker.domain.invocation import Metrics
from sms_tracker.domain.keywords import Keyword, keyword, looks_like_opt_out
from sms_tracker.domain.opt_out import Kind, Recipient, ScopeMode, Statement, scope
from sms_tracker.domain.outbox import LIFETIME_DAYS, Outbox, OutboxItem
from sms_tracker.domain.ports import BusEvent, Clock, Messages, Queue, Search
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.spelling import spellings
from sms_tracker.services.events import RECEIVED, SOURCE, SmsReceived
from sms_tracker.services.opt_outs import OptOutRegister, OptOutSources

WAITING = "waiting"
_STATING = {Keyword.STOP, Keyword.START}
"""Keywords whose time counts: their order decides who is blocked."""
_PATIENCE = timedelta(minutes=5)
"""How long a provider is asked what a STOP covers. Then it covers everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one queued message: heard, refusal, ignored, dead (can never succeed) or waiting (comes again)."""

    decision: str
    keyword: Keyword | None = None
    looks_like_opt_out: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Hears what is queued. ``register`` is None where opt-outs are off; ``claim`` is how long a claim lasts."""

    register: OptOutRegister | None
    sources: OptOutSources
    mode: ScopeMode
    outbox: Outbox
    messages: Messages
    search: Search
    dead: Queue
    clock: Clock
    claim: timedelta

    def hear(self, body: str) -> Result:
        """One queued message; raises ``Unavailable`` where it has to come again."""
        try:
            queued = decode(body)
            return self._refused(queued) if isinstance(queued, RefusedSend) else self._heard(queued)
        except (Unreadable, UnknownProvider) as error:
            return self._set_aside(body, str(error))
        except ValueError as error:  # an event of it would not fit its schema
            return self._set_aside(body, type(error).__name__)

    def _set_aside(self, body: str, reason: str) -> Result:
        self.dead.send(body, reason=reason)
        return Result(decision="dead", error=reason)

    def _heard(self, heard: Heard) -> Result:
        inbound = encodable(providers.load(heard.provider).inbound(heard.fields, received_at=heard.received_at))
        text = inbound.text
        own = self.sources.keywords(heard.provider, inbound) if self.register and text is not None else {}
        asked = inbound.signal or keyword(text or "", own)
        flagged = text is not None and asked is None and looks_like_opt_out(text, own)
        if self.register and asked in _STATING:
            inbound = replace(inbound, at=self.sources.sent_at(heard.provider, inbound))
        if text is not None and (before := self._publish(self._received(heard, inbound, text, asked, flagged=flagged))):
            heard = replace(heard, received_at=before["received_at"])
            inbound = replace(inbound, at=before["sent_at"])
        settled = self._obey(heard, inbound, asked)
        return Result(decision="heard" if settled else WAITING, keyword=asked, looks_like_opt_out=flagged)

    def _obey(self, heard: Heard, inbound: Inbound, asked: Keyword | None) -> bool:
        """State what was asked for. False where the provider has yet to say what a STOP covers: until then everything.

        A text may come before the provider's own block of it. A notice of a block that has ended states nothing.
        """
        if asked is Keyword.START:
            self._state(heard, inbound, Kind.START)
        if asked is not Keyword.STOP or self.register is None:
            return True
        kinds = self.sources.blocks(heard.provider, inbound)
        if inbound.text is not None:  # a person's own STOP is no passing refusal
            kinds = (kinds or frozenset()) - {Kind.REFUSED} or None
        if kinds is None:
            fresh = self.clock() < datetime.fromisoformat(heard.received_at) + _PATIENCE
            if fresh and self._state(heard, inbound, Kind.REFUSED):
                return False
            kinds = frozenset({Kind.STOP})
        for kind in sorted(kinds):
            self._state(heard, inbound, kind)
        return True

    def _state(self, heard: Heard, inbound: Inbound, kind: Kind) -> bool:
        """State it for everything that the reply or notice is about; whether anything blocks one of them then.

        Nothing is stated where opt-outs are off.
        """
        if self.register is None:
            return False
        statement = Statement(kind=kind, at=inbound.at or heard.received_at, source=heard.provider)
        about = self._recipients(heard.provider, inbound)
        stored = [self.register.state(recipient, [statement]).opt_out for recipient in about]
        return any(each.blocked_by(self.clock()) for each in stored)

    def _publish(self, received: OutboxItem) -> dict[str, Any] | None:
        """The event of the same reply's first receipt, None for a new one.

        Its times stay those of the reply, even where the provider could not be asked then: a STOP that comes once more
        after a START stays ended.
        """
        before = self.outbox.put(received)
        return None if before is None else json.loads(before.detail)

    def _recipients(self, provider: str, inbound: Inbound) -> Iterator[Recipient]:
        """Every scope that the reply is about: each of our addresses, or each client that wrote to the person."""
        if self.mode is not ScopeMode.CLIENT:
            names = {scope(self.mode, provider=provider, sender=each, client="") for each in inbound.to}
        else:
            clients = set[str]().union(*map(self._clients, spellings(inbound.sender)))
            names = {scope(self.mode, provider="", sender="", client=each) for each in clients}
        yield from (Recipient(scope=name, number=inbound.sender) for name in sorted(names))

    def _clients(self, number: str) -> set[str]:
        """The clients of the last messages to ``number``."""
        found, _ = self.search.keys(BY_RECIPIENT, number, span=None, client=None)
        return {record.client for record in self.search.records([each.message_id for each in found])}

    def _received(
        self, heard: Heard, inbound: Inbound, text: str, asked: Keyword | None, *, flagged: bool
    ) -> OutboxItem:
        detail = SmsReceived(
            provider=heard.provider,
            provider_message_id=inbound.provider_message_id,
            sender=inbound.sender,
            to=inbound.to[0],
            body=text,
            keyword=asked,
            looks_like_opt_out=flagged,
            received_at=heard.received_at,
            sent_at=inbound.at,
        )
        return OutboxItem(
            identity=f"{RECEIVED}#{heard.provider}#{inbound.provider_message_id}",
            event=BusEvent(source=SOURCE, detail_type=RECEIVED, detail=detail.detail()),
            expires_at=int((self.clock() + timedelta(days=LIFETIME_DAYS)).timestamp()),
        )

    def _refused(self, refused: RefusedSend) -> Result:
        record = self.messages.get(refused.message_id)
        if self.register is None or record is None or not record.to:
            return Result(decision="ignored")
        provider = record.provider_of(refused.attempt)
        about = scope(self.mode, provider=provider, sender=record.sender, client=record.client)
        statement = Statement(kind=Kind.REFUSED, at=self._started(record, refused.attempt), source=provider)
        self.register.state(Recipient(scope=about, number=record.to), [statement])
        return Result(decision="refusal")

    def _started(self, record: Record, attempt: int) -> str:
        """When the attempt began. An answered one has no claim any more: then when its first report came."""
        if attempt == 1:
            return record.created_at
        if attempt == record.send.attempt and record.send.until:
            return timestamp(datetime.fromtimestamp(record.send.until, UTC) - self.claim)
        reports = (entry.received for entry in record.reports.values() if entry.attempt == attempt)
        return min(reports, default=record.created_at)


def measure(results: Sequence[Result], metrics: Metrics) -> None:
    """Count one batch."""
    heard = [each for each in results if each.decision == "heard"]
    metrics.count("RepliesHeard", len(heard))
    metrics.count("OptOutsAsked", sum(each.keyword is Keyword.STOP for each in heard))
    metrics.count("OptOutsSuspected", sum(each.looks_like_opt_out for each in results))
    metrics.count("RepliesDead", sum(each.decision == "dead" for each in results))
