"""State that a recipient opts out or in again, and ask whether one may be sent to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.opt_out import OptOut, OptOuts, Recipient, Statement, StoredOptOut, fold
from sms_tracker.domain.outbox import LIFETIME_DAYS, OutboxItem
from sms_tracker.domain.ports import BusEvent, Clock
from sms_tracker.domain.report import timestamp
from sms_tracker.services.events import OPT_OUT_CHANGED, SOURCE, OptOutChanged

_ROUNDS = 8
"""Writes of one statement that may lose to others before the caller has to come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutRegister:
    """Every change of whether a recipient is blocked is stored together with its event."""

    opt_outs: OptOuts
    clock: Clock

    def blocked_by(self, recipient: Recipient, *, transactional: bool = False) -> Statement | None:
        """The statement that blocks ``recipient``, None where none does: one strongly consistent read."""
        return self.opt_outs.get(recipient).opt_out.blocked_by(self.clock(), transactional=transactional)

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
