"""Process the queue ``inbound``: publish each reply, and store the opt-outs that replies and refusals state.

Every step may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sms_tracker import providers
from sms_tracker.domain.bus import OUTBOX_DAYS, BusEvent, Outbox, OutboxItem
from sms_tracker.domain.errors import UnknownProvider, Unreadable
from sms_tracker.domain.indexes import BY_RECIPIENT
from sms_tracker.domain.opt_out import Keyword, Kind, Recipient, Statement, keyword, looks_like_opt_out, opt_out_scope
from sms_tracker.domain.ports import Clock, Messages, Metrics, Queue, Search
from sms_tracker.domain.queued import Inbound, RawInbound, RefusedSend, decode_reply, encodable
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import spellings, timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.services.events import RECEIVED, SOURCE, SmsReceived
from sms_tracker.services.opt_outs import OptOutRegister, OptOutSources

WAITING = "waiting"
_DATED = {Keyword.STOP, Keyword.START}
"""Keywords of which the later one decides, so the provider's time of them is needed."""
_WAIT = timedelta(minutes=5)
"""How long the queue repeats a STOP while its provider cannot state what it covers. Then it covers everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessedReply:
    """The result for one queued message.

    ``decision`` is heard, refusal, ignored, dead (can never succeed) or waiting (the queue delivers it again).
    """

    decision: str
    keyword: Keyword | None = None
    looks_like_opt_out: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyProcessor:
    """Processes queued replies and refusals.

    ``register`` is None where opt-outs are off; ``claim`` is how long a send's claim lasts; ``dlq`` is the queue's DLQ.
    """

    register: OptOutRegister | None
    sources: OptOutSources
    mode: ScopeMode
    outbox: Outbox
    messages: Messages
    search: Search
    dlq: Queue
    clock: Clock
    claim: timedelta

    def process(self, body: str) -> ProcessedReply:
        """Process one queued message; raises ``Unavailable`` if it must be delivered again."""
        try:
            queued = decode_reply(body)
            return self._refusal(queued) if isinstance(queued, RefusedSend) else self._reply(queued)
        except (Unreadable, UnknownProvider) as error:
            return self._dead_letter(body, str(error))
        except ValueError as error:  # the event would violate its schema
            return self._dead_letter(body, type(error).__name__)

    def _dead_letter(self, body: str, reason: str) -> ProcessedReply:
        self.dlq.send(body, reason=reason)
        return ProcessedReply(decision="dead", error=reason)

    def _reply(self, heard: RawInbound) -> ProcessedReply:
        reply = encodable(providers.load(heard.provider).inbound(heard.fields, received_at=heard.received_at))
        text = reply.text
        own = self.sources.keywords(heard.provider, reply) if self.register and text is not None else {}
        found = reply.signal or keyword(text or "", own)
        suspected = text is not None and found is None and looks_like_opt_out(text, own)
        if self.register and found in _DATED:
            reply = replace(reply, at=self.sources.sent_at(heard.provider, reply))
        if text is not None:
            published = self._publish(heard, reply, text, found, suspected=suspected)
            heard = replace(heard, received_at=published["received_at"])
            reply = replace(reply, at=published["sent_at"])
        is_complete = self._apply(heard, reply, found)
        return ProcessedReply(decision="heard" if is_complete else WAITING, keyword=found, looks_like_opt_out=suspected)

    def _publish(
        self, heard: RawInbound, reply: Inbound, text: str, found: Keyword | None, *, suspected: bool
    ) -> dict[str, Any]:
        """Put the reply's event into the outbox. Returns the stored event, which may be that of an earlier receipt.

        The first receipt's times count, so that a STOP received again after a START stays ended.
        """
        detail = SmsReceived(
            provider=heard.provider,
            provider_message_id=reply.provider_message_id,
            sender=reply.sender,
            to=reply.to[0],
            body=text,
            keyword=found,
            looks_like_opt_out=suspected,
            received_at=heard.received_at,
            sent_at=reply.at,
        )
        event = BusEvent(source=SOURCE, detail_type=RECEIVED, detail=detail.detail())
        item = OutboxItem(
            identity=f"{RECEIVED}#{heard.provider}#{reply.provider_message_id}",
            event=event,
            expires_at=int((self.clock() + timedelta(days=OUTBOX_DAYS)).timestamp()),
        )
        first = self.outbox.put(item) or event
        published: dict[str, Any] = json.loads(first.detail)
        return published

    def _apply(self, heard: RawInbound, reply: Inbound, found: Keyword | None) -> bool:
        """Store the opt-out or opt-in. False for a STOP that the queue must deliver again.

        While the provider cannot state what the STOP covers, a refusal blocks everything; after ``_WAIT`` a STOP does.
        A START that came in between has ended the refusal, so then nothing has to wait.
        """
        if found is Keyword.START:
            self._store(heard, reply, Kind.START)
        if found is not Keyword.STOP or self.register is None:
            return True
        blocks = self._blocks(heard.provider, reply)
        may_wait = self.clock() < datetime.fromisoformat(heard.received_at) + _WAIT
        if blocks is None and may_wait and self._store(heard, reply, Kind.REFUSED):
            return False
        for kind in sorted({Kind.STOP} if blocks is None else blocks):
            self._store(heard, reply, kind)
        return True

    def _blocks(self, provider: str, reply: Inbound) -> frozenset[Kind] | None:
        """The provider's blocks of messages to the person.

        None if it cannot state them yet: it does not answer, or has not stored the block of a person's STOP. Its own
        notice of a STOP (a reply without a text) may find no block: it has ended since.
        """
        blocks = self.sources.blocks(provider, reply)
        if blocks is None or reply.text is None:
            return blocks
        return blocks - {Kind.REFUSED} or None  # a refusal expires, a person's own STOP does not

    def _store(self, heard: RawInbound, reply: Inbound, kind: Kind) -> bool:
        """Store the statement in each scope of the reply. Returns whether the person is then blocked in any of them.

        False where opt-outs are off. A time after the receipt comes from a wrong clock: nothing could end such a STOP.
        """
        if self.register is None:
            return False
        at = min(reply.at or heard.received_at, heard.received_at)
        statement = Statement(kind=kind, at=at, source=heard.provider)
        recipients = [Recipient(scope=name, number=reply.sender) for name in self._scopes(heard.provider, reply)]
        stored = [self.register.add(recipient, [statement]).opt_out for recipient in recipients]
        return any(opt_out.blocked_by(self.clock()) for opt_out in stored)

    def _scopes(self, provider: str, reply: Inbound) -> list[str]:
        """The scopes of each of our addresses, or of each client that wrote to the person."""
        if self.mode is not ScopeMode.CLIENT:
            addresses = {*reply.to, *self._answered_senders(provider, reply)}
            names = {opt_out_scope(self.mode, provider=provider, sender=address, client="") for address in addresses}
        else:
            clients = set[str]().union(*map(self._clients, spellings(reply.sender)))
            names = {opt_out_scope(self.mode, provider="", sender="", client=client) for client in clients}
        return sorted(names)

    def _answered_senders(self, provider: str, reply: Inbound) -> list[str]:
        """The sender of our message that the reply answers: it may be a pool, of which ``reply.to`` is one number."""
        known = reply.answers and self.messages.by_provider_id(provider, reply.answers)
        record = self.messages.get(known) if known else None
        return [record.sender] if record else []

    def _clients(self, number: str) -> set[str]:
        """The clients of the last messages to ``number``."""
        found, _ = self.search.keys(BY_RECIPIENT, number, span=None, client=None)
        return {record.client for record in self.search.records([key.message_id for key in found])}

    def _refusal(self, refused: RefusedSend) -> ProcessedReply:
        record = self.messages.get(refused.message_id)
        if self.register is None or record is None or not record.to:
            return ProcessedReply(decision="ignored")
        provider = record.provider_of(refused.attempt)
        name = opt_out_scope(self.mode, provider=provider, sender=record.sender, client=record.client)
        statement = Statement(kind=Kind.REFUSED, at=self._started(record, refused.attempt), source=provider)
        self.register.add(Recipient(scope=name, number=record.to), [statement])
        return ProcessedReply(decision="refusal")

    def _started(self, record: Record, attempt: int) -> str:
        """When the attempt began; the time of its first report if its claim was replaced by the answer."""
        if attempt == 1:
            return record.created_at
        if attempt == record.send.attempt and record.send.until:
            return timestamp(datetime.fromtimestamp(record.send.until, UTC) - self.claim)
        reports = (entry.received for entry in record.reports.values() if entry.attempt == attempt)
        return min(reports, default=record.created_at)


def measure(results: Sequence[ProcessedReply], metrics: Metrics) -> None:
    """Count one batch."""
    heard = [result for result in results if result.decision == "heard"]
    metrics.count("RepliesHeard", len(heard))
    metrics.count("OptOutsAsked", sum(result.keyword is Keyword.STOP for result in heard))
    metrics.count("OptOutsSuspected", sum(result.looks_like_opt_out for result in results))
    metrics.count("RepliesDead", sum(result.decision == "dead" for result in results))
