"""Read raw events in the queue ``reports``: those of providers without a webhook, which arrive unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sms_tracker.domain import inbound
from sms_tracker.domain.envelope import Envelope, received
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.report import timestamp

if TYPE_CHECKING:
    from sms_tracker.domain.ports import Queue, SettingsSource
    from sms_tracker.providers.base import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvents:
    """Reads events of ``providers``; ``replies`` is the queue ``inbound``."""

    providers: Sequence[Webhooks]
    replies: Queue
    settings: SettingsSource

    def read(self, event: str, sent_at: datetime) -> Envelope | str:
        """The envelope of a report, or a decision: ``foreign`` (another stack's) or ``heard`` (a reply, now queued).

        ``sent_at`` is when the queue received the event, the same at each try. Raises ``Unreadable`` for an event of
        another provider.
        """
        request = HttpRequest("POST", "", body=event.encode("utf-8", "replace"))
        key, received_at = self.settings().service_key, timestamp(sent_at)
        for provider in self.providers:
            with suppress(Unreadable):
                fields = provider.fields(request)
                if provider.is_reply(fields):
                    heard = inbound.RawInbound(provider=provider.name, received_at=received_at, fields=fields)
                    self.replies.send(inbound.encode(heard))
                    return "heard"
                target = provider.target(request, fields)
                return received(provider.name, target, fields, key=key, received_at=received_at) or "foreign"
        raise Unreadable("the message is neither an envelope nor an event of a provider without a webhook")
