"""Hear a reply: publish it, then state the opt-out that it asks for. Both are safe to repeat."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
from sms_tracker.services.opt_outs import OptOutRegister

_STATED = {Keyword.STOP: Kind.STOP, Keyword.START: Kind.START}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one queued message: heard, refusal, ignored, or dead (can never succeed)."""

    decision: str
    keyword: Keyword | None = None
    looks_like_opt_out: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Hears what is queued. ``register`` is None where opt-outs are off; ``claim`` is how long a claim lasts."""

    register: OptOutRegister | None
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
        asked = inbound.signal or (keyword(text) if text is not None else None)
        flagged = text is not None and asked is None and looks_like_opt_out(text)
        received_at = heard.received_at
        if text is not None:
            received_at = self._publish(self._received(heard, inbound, text, asked, flagged=flagged)) or received_at
        if asked in _STATED and self.register is not None:
            statement = Statement(kind=_STATED[asked], at=inbound.at or received_at, source=heard.provider)
            for recipient in self._recipients(heard.provider, inbound):
                self.register.state(recipient, [statement])
        return Result(decision="heard", keyword=asked, looks_like_opt_out=flagged)

    def _publish(self, received: OutboxItem) -> str | None:
        """When the same reply was received before, None for a new one.

        A STOP that comes once more after a START is then dated by its first receipt, and stays ended.
        """
        before = self.outbox.put(received)
        return None if before is None else str(json.loads(before.detail)["received_at"])

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
    metrics.count("RepliesHeard", sum(each.decision == "heard" for each in results))
    metrics.count("OptOutsAsked", sum(each.keyword is Keyword.STOP for each in results))
    metrics.count("OptOutsSuspected", sum(each.looks_like_opt_out for each in results))
    metrics.count("RepliesDead", sum(each.decision == "dead" for each in results))
