"""Find the message of a send with a lost answer in its provider's list; search twice before the send is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sms_tracker import providers
from sms_tracker.domain.callback import callback_token
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.indexes import BY_RECIPIENT, Span
from sms_tracker.domain.outbound import (
    Candidate,
    LookupFailed,
    Matched,
    NotMatched,
    SearchCriteria,
    altered_matches,
    match,
    possible_matches,
    reference,
)
from sms_tracker.domain.overdue import attempt_started_at
from sms_tracker.domain.ports import Messages, Pace, Search
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import spellings, timestamp
from sms_tracker.domain.settings import Settings
from sms_tracker.services.validation import text_hash

_PAGES = 5
"""Pages of a provider's list read at most. With more messages in the window the search has no result."""
_RIVAL_PAGES = 5
"""Pages of our own messages to the same recipient read at most."""
_SLACK = timedelta(minutes=2)
"""Tolerance for clock differences and the provider's delay in creating a message."""
_RECORDED_BEFORE = timedelta(days=7)
"""A rival may be this much older than its last attempt; no message is open for longer."""

CallProvider = Callable[[str, HttpRequest], HttpResponse | NoResponse]
"""Makes one request to a provider (by name) at a limited rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRecovery:
    """Finds the one message in a provider's list that can only be of one record."""

    messages: Messages
    search: Search
    call: CallProvider

    def find(self, record: Record, settings: Settings) -> Matched | NotMatched | LookupFailed:
        """The message that can only be this record's; raises ``Unavailable`` when our records cannot be read."""
        criteria = _criteria(record, settings.service_key)
        listed = self._listed(criteria, settings)
        if not isinstance(listed, list):
            return listed
        possible = possible_matches(criteria, listed, lambda text: text_hash(settings.service_key, text))
        altered = altered_matches(criteria, listed, possible)
        others = self._others(record, criteria) if possible or altered else []
        if others is None:
            return NotMatched("too-many-messages")
        # The index shows an id with a delay, so the records are read too.
        held = {provider_id for each in (record, *others) for provider_id in _ids(each)}
        held |= {each.provider_message_id for each in (*possible, *altered) if self._is_of_another(record, each)}
        rivals = sum(_may_own(other, record) for other in others)
        return match(possible, held=frozenset(held), rivals=rivals, altered=altered)

    def _listed(self, criteria: SearchCriteria, settings: Settings) -> list[Candidate] | NotMatched | LookupFailed:
        adapter, credentials = providers.load(criteria.provider), settings.credentials[criteria.provider]
        found: list[Candidate] = []
        page: str | None = None
        for _ in range(_PAGES):
            request = adapter.search_request(criteria, credentials=credentials, page=page)
            outcome = adapter.search_outcome(self.call(criteria.provider, request), criteria=criteria)
            if isinstance(outcome, LookupFailed):
                return outcome
            found += outcome.candidates
            if (page := outcome.next_page) is None:
                return found
        return NotMatched("too-many-messages")

    def _is_of_another(self, record: Record, candidate: Candidate) -> bool:
        owner = self.messages.by_provider_id(record.state.provider, candidate.provider_message_id)
        return owner not in (None, record.message_id)

    def _others(self, record: Record, criteria: SearchCriteria) -> list[Record] | None:
        """Our other messages to the same recipient, None if there are too many to read."""
        earliest = datetime.fromisoformat(criteria.since) - _RECORDED_BEFORE
        span = Span(since=timestamp(earliest), until=criteria.until)
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
    return {*record.state.ids.values(), *(other for _, other in record.state.other_ids)}


def _may_own(other: Record, record: Record) -> bool:
    """Whether an attempt of ``other`` has an unknown outcome and would look the same at the provider."""
    provider = record.state.provider
    if (other.sender, other.text_hash, other.state.provider) != (record.sender, record.text_hash, provider):
        return False
    lost_now = other.send.phase is SendPhase.CLAIMED and other.send.attempt not in other.state.ids
    earlier = range(1, other.send.attempt)
    return lost_now or (other.resend_if_lost and any(attempt not in other.state.ids for attempt in earlier))


def _criteria(record: Record, key: bytes) -> SearchCriteria:
    """The criteria for the last attempt; with resend_if_lost, for any attempt.

    A request under an idempotency key may have been repeated until the key expired.
    """
    created, until = datetime.fromisoformat(record.created_at), datetime.fromtimestamp(record.send.until, tz=UTC)
    since = created if record.resend_if_lost else attempt_started_at(record)
    if record.send.request is not None and (idempotency := providers.load(record.state.provider).IDEMPOTENCY):
        until = max(until, created + timedelta(seconds=idempotency.seconds))
    return SearchCriteria(
        message_id=record.message_id,
        references=frozenset(_references(record, key)),
        provider=record.state.provider,
        to=record.to,
        sender=record.sender,
        text_hash=record.text_hash,
        since=timestamp(since - _SLACK),
        until=timestamp(until + _SLACK),
    )


def _references(record: Record, key: bytes) -> Iterator[str]:
    for attempt in range(1, record.send.attempt + 1):
        token = callback_token(key, record.state.provider, record.message_id, attempt)
        yield reference(record.message_id, token)


ABSENT_ONCE = "absent-once"
_PAUSE = 60.0
"""Seconds between the two searches, because a provider's list may show a message with a delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondSearches:
    """The messages of one run that the first search did not find.

    They are kept only in memory: after a crash, the next run begins with a first search.
    """

    messages: Messages
    pace: Pace
    _absent: list[tuple[str, float]] = field(default_factory=list)

    def add(self, record: Record) -> str:
        """Add a record for a second search. Returns the decision."""
        self._absent.append((record.message_id, self.pace.monotonic()))
        return ABSENT_ONCE

    def records(self, end: float) -> Iterator[Record]:
        """Each added record, read again a minute later, as long as that is before ``end`` (monotonic)."""
        for message_id, searched_at in self._absent:
            if searched_at + _PAUSE > end:
                return
            if (wait := searched_at + _PAUSE - self.pace.monotonic()) > 0:
                self.pace.sleep(wait)
            if (record := self.messages.get(message_id)) is not None:
                yield record
