"""Find the message of a send without an answer in its provider's list, and search again before a send is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sms_tracker import providers
from sms_tracker.domain.callback import callback_token
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.indexes import BY_RECIPIENT, Span
from sms_tracker.domain.invocation import Pace
from sms_tracker.domain.matching import Candidate, Matched, NotMatched, Sought, match, possible_matches
from sms_tracker.domain.outbound import LookupFailed, reference
from sms_tracker.domain.overdue import asked_at
from sms_tracker.domain.ports import Messages, Search
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import Settings
from sms_tracker.domain.spelling import spellings
from sms_tracker.services.text import text_hash

_PAGES = 5
"""Pages of a provider's list that are read. With more messages in the window nothing can be concluded."""
_RIVAL_PAGES = 5
"""Pages of our own messages to the same recipient that are read at most."""
_SLACK = timedelta(minutes=2)
"""Tolerance for the difference of the clocks and for the provider's delay in creating a message."""
_RECORDED_BEFORE = timedelta(days=7)
"""A rival may have been recorded this long before its last attempt; no message is open for longer."""

Ask = Callable[[str, HttpRequest], HttpResponse | NoResponse]
"""Makes one request to a provider (by name) at a limited rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRecovery:
    """Finds one message in its provider's list that can belong to no other record."""

    messages: Messages
    search: Search
    ask: Ask

    def find(self, record: Record, settings: Settings) -> Matched | NotMatched | LookupFailed:
        """The message that can only be this record's; raises ``Unavailable`` when our records cannot be read."""
        sought = _sought(record, settings.service_key)
        listed = self._listed(sought, settings)
        if not isinstance(listed, list):
            return listed
        possible = possible_matches(sought, listed, lambda text: text_hash(settings.service_key, text))
        others = self._others(record, sought) if possible else []
        if others is None:
            return NotMatched("too-many-messages")
        # The records are read as well as the index, which shows an id a little later.
        held = {known for each in (record, *others) for known in _ids(each)}
        held |= {each.provider_message_id for each in possible if self._holder(record, each)}
        return match(possible, held=frozenset(held), rivals=sum(_may_own(other, record) for other in others))

    def _listed(self, sought: Sought, settings: Settings) -> list[Candidate] | NotMatched | LookupFailed:
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
        return NotMatched("too-many-messages")

    def _holder(self, record: Record, candidate: Candidate) -> bool:
        holder = self.messages.by_provider_id(record.state.provider, candidate.provider_message_id)
        return holder not in (None, record.message_id)

    def _others(self, record: Record, sought: Sought) -> list[Record] | None:
        """Our other messages to the same recipient, None if there are too many to read."""
        earliest = datetime.fromisoformat(sought.since) - _RECORDED_BEFORE
        span = Span(since=timestamp(earliest), until=sought.until)
        others: dict[str, Record] = {}
        for to in spellings(record.to):
            if (found := self._sent_to(to, span)) is None:
                return None
            others |= {other.message_id: other for other in found if other.message_id != record.message_id}
        return list(others.values())

    def _sent_to(self, number: str, span: Span) -> list[Record] | None:
        found: list[Record] = []
        for _ in range(_RIVAL_PAGES):
            keys, reach = self.search.keys(BY_RECIPIENT, number, span=span, client=None)
            found += self.search.records([key.message_id for key in keys])
            if reach is None:
                return found
            span = Span(since=span.since, until=reach)
        return None


def _ids(record: Record) -> set[str]:
    return {*record.state.ids.values(), *(known for _, known in record.state.other_ids)}


def _may_own(other: Record, record: Record) -> bool:
    """Whether an attempt of ``other`` has an unknown outcome and would look the same at the provider."""
    provider = record.state.provider
    if (other.sender, other.text_hash, other.state.provider) != (record.sender, record.text_hash, provider):
        return False
    lost_now = other.send.phase is SendPhase.CLAIMED and other.send.attempt not in other.state.ids
    earlier = range(1, other.send.attempt)
    return lost_now or (other.resend_if_lost and any(attempt not in other.state.ids for attempt in earlier))


def _sought(record: Record, key: bytes) -> Sought:
    """The search. With resend_if_lost any attempt may be found, otherwise only the last one.

    A request that may be repeated can have made its message as long as it is.
    """
    created, asked_until = datetime.fromisoformat(record.created_at), datetime.fromtimestamp(record.send.until, tz=UTC)
    asked_from = created if record.resend_if_lost else asked_at(record)
    if record.send.request is not None and (known := providers.load(record.state.provider).IDEMPOTENCY):
        asked_until = max(asked_until, created + timedelta(seconds=known.seconds))
    return Sought(
        message_id=record.message_id,
        references=frozenset(_references(record, key)),
        provider=record.state.provider,
        to=record.to,
        sender=record.sender,
        text_hash=record.text_hash,
        since=timestamp(asked_from - _SLACK),
        until=timestamp(asked_until + _SLACK),
    )


def _references(record: Record, key: bytes) -> Iterator[str]:
    name, known = record.state.provider, record.message_id
    for attempt in range(1, record.send.attempt + 1):
        yield reference(known, callback_token(key, name, known, attempt))


ABSENT_ONCE = "absent-once"
_APART = 60.0
"""Seconds between the two searches: a provider's list may show a message a little later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondSearches:
    """The messages of one run that its first search did not find.

    They are kept in memory: a run that dies between leaves nothing, and the next one begins with a first search.
    """

    messages: Messages
    pace: Pace
    _absent: list[tuple[str, float]] = field(default_factory=list)

    def note(self, record: Record) -> str:
        """Remember the record for a second search. Returns the decision."""
        self._absent.append((record.message_id, self.pace.monotonic()))
        return ABSENT_ONCE

    def records(self, end: float) -> Iterator[Record]:
        """Each noted record as it is stored a minute later, if that is before ``end`` (monotonic)."""
        for message_id, noted in self._absent:
            if noted + _APART > end:
                return
            if (wait := noted + _APART - self.pace.monotonic()) > 0:
                self.pace.sleep(wait)
            if (record := self.messages.get(message_id)) is not None:
                yield record
