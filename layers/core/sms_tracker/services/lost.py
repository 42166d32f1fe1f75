"""Lost: find out at the provider what became of a send whose answer never came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sms_tracker import providers
from sms_tracker.domain.adopt import Adopted, Candidate, NotAdopted, Sought, adopt, matching
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.ports import Messages, Search, Settings
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.search import BY_RECIPIENT, Span
from sms_tracker.services.validation import text_hash

_PAGES = 5
"""Pages of a provider's list that are read; more messages than that in the window: nothing can be concluded."""
_SLACK = timedelta(minutes=2)
"""How far the provider's clock may be from ours, and how long it may take to create what it took."""

Ask = Callable[[str, HttpRequest], HttpResponse | NoResponse]
"""Makes one request to a provider (by name) at the agreed pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Looks for one message in its provider's list, and makes sure that it is nobody else's."""

    messages: Messages
    search: Search
    ask: Ask

    def find(self, record: Record, settings: Settings) -> Adopted | NotAdopted | LookupFailed:
        """The one that can only be this record's; raises ``Unavailable`` when our own records cannot be read."""
        sought = _sought(record)
        listed = self._listed(sought, settings)
        if isinstance(listed, LookupFailed):
            return listed
        possible = matching(sought, listed, lambda text: text_hash(settings.service_key, text))
        held = {each.provider_message_id for each in possible if self._holder(record, each)}
        return adopt(possible, held=frozenset(held), rivals=self._rivals(record, sought) if possible else 0)

    def _listed(self, sought: Sought, settings: Settings) -> list[Candidate] | LookupFailed:
        adapter, credentials = providers.load(sought.provider), settings.credentials[sought.provider]
        found: list[Candidate] = []
        page: str | None = None
        for _ in range(_PAGES):
            request = adapter.search_request(sought, credentials=credentials, page=page)
            outcome = adapter.search_outcome(self.ask(sought.provider, request), sought=sought)
            if isinstance(outcome, LookupFailed):
                return outcome
            found += outcome.candidates
            if (page := outcome.next_page) is None:
                return found
        return LookupFailed(reason="more messages in the window than are read")

    def _holder(self, record: Record, candidate: Candidate) -> bool:
        holder = self.messages.by_provider_id(record.state.provider, candidate.provider_message_id)
        return holder not in (None, record.message_id)

    def _rivals(self, record: Record, sought: Sought) -> int:
        """Other records that may have made what was found: same recipient, sender and text, and no id of their own."""
        span: Span | None = Span(since=_earlier(sought.since), until=sought.until)
        others: list[Record] = []
        while span is not None:
            keys, reach = self.search.keys(BY_RECIPIENT, record.to, span=span, client=None)
            others += self.search.records([key.message_id for key in keys if key.message_id != record.message_id])
            span = None if reach is None else Span(since=span.since, until=reach)
        return sum(_may_own(other, record) for other in others)


def _may_own(other: Record, record: Record) -> bool:
    alike = (other.sender, other.text_hash, other.state.provider) == (
        record.sender,
        record.text_hash,
        record.state.provider,
    )
    return alike and other.send.attempt not in other.state.ids and other.send.phase is SendPhase.CLAIMED


def _sought(record: Record) -> Sought:
    asked_by = datetime.fromtimestamp(record.send.until, tz=UTC)
    asked_from = datetime.fromisoformat(record.created_at if record.send.attempt == 1 else record.state.at)
    return Sought(
        message_id=record.message_id,
        provider=record.state.provider,
        to=record.to,
        sender=record.sender,
        text_hash=record.text_hash,
        since=timestamp(asked_from - _SLACK),
        until=timestamp(asked_by + _SLACK),
    )


def _earlier(since: str) -> str:
    """A rival may have been recorded well before it was handed over as a later attempt."""
    return timestamp(datetime.fromisoformat(since) - timedelta(days=1))
