"""Opt-outs in memory, and the check that reads them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sms_tracker.domain.bus import OutboxItem
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.opt_out import Kind, OptOut, OptOutPage, Recipient, Statement, StoredOptOut, fold
from sms_tracker.domain.ports import Clock
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.services.opt_outs import OptOutRegister
from sms_tracker.services.provider_call import LiveOptOutCheck
from tests.fakes import START, MemoryQueue

PERSON, SENDER = "+31612345678", "+15551234567"


@dataclass
class MemoryOptOuts:
    """``asked`` are the reads; ``fail`` refuses them."""

    known: dict[tuple[str, str], OptOut] = field(default_factory=dict)
    asked: list[Recipient] = field(default_factory=list)
    fail: bool = False

    def get(self, recipient: Recipient) -> StoredOptOut:
        self.asked.append(recipient)
        if self.fail:
            raise Unavailable("GetItem: InternalServerError")
        known = self.known.get((recipient.scope, recipient.number), OptOut())
        return StoredOptOut(recipient=recipient, opt_out=known)

    def save(self, changed: StoredOptOut, *, event: OutboxItem | None) -> bool:  # noqa: ARG002  # no stream
        self.known[changed.recipient.scope, changed.recipient.number] = changed.opt_out
        return True

    def listed(self, *, cursor: str | None, limit: int) -> OptOutPage:  # noqa: ARG002  # nothing lists here
        return OptOutPage(items=(), next=None)

    def state(self, kind: Kind, *, sender: str = SENDER, provider: str = "twilio", number: str = PERSON) -> None:
        """State it as of the tests' start."""
        statement = Statement(kind=kind, at=timestamp(START), source=provider)
        pair = (f"sender:{provider}:{sender}".casefold(), number)
        self.known[pair] = fold([statement], base=self.known.get(pair))


def opt_out_check(
    opt_outs: MemoryOptOuts, clock: Clock, *, mode: ScopeMode = ScopeMode.SENDER, replies: MemoryQueue
) -> LiveOptOutCheck:
    """A check that reads ``opt_outs``."""
    return LiveOptOutCheck(opt_outs=opt_outs, mode=mode, replies=replies, clock=clock)


def blocked_by(register: OptOutRegister, recipient: Recipient) -> Statement | None:
    """The stored statement that blocks ``recipient``."""
    return register.opt_outs.get(recipient).opt_out.blocked_by(register.clock())
