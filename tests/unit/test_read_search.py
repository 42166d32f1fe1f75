"""Find: walking all pages of any search gives exactly the matching records, newest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.indexes import (
    BY_ATTENTION,
    BY_PROVIDER_ID,
    BY_RECIPIENT,
    BY_REFERENCE,
    BY_TIME,
    Index,
    Position,
    Span,
    shard,
)
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import RankedFailure, State
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.read.search import SearchQuery, find_page, index_for
from tests.factories import record
from tests.fakes import START
from tests.memory_search import MemorySearch, walk

NOW = START + timedelta(days=60)
EVER = Span(since="2000-01-01T00:00:00.000Z", until=timestamp(NOW))
RECIPIENTS, REFERENCES, IDS = ("+31612345678", "+32470123456"), ("order-42", "a#b", None), ("SM1", "SM2", None)
FAILURES = [status for status in Status if status.outcome is Outcome.FAILURE]
STATUSES = (Status.PENDING, Status.SENT, Status.FAILED, Status.UNDELIVERED, Status.DELIVERED)

# Ids that share two of the sixteen shards, so that pages are cut in both of them.
CROWDED = [str(uuid5(NAMESPACE_OID, str(n))) for n in range(600) if shard(str(uuid5(NAMESPACE_OID, str(n)))) < "02"]


def made(number: int, created: datetime = START, *, failed_after: timedelta = timedelta(0), **values: Any) -> Record:
    """Message ``number``; its status, provider, provider id and reason, which is shown if it failed, are given flat."""
    reason = values.pop("reason", Reason.UNREACHABLE)
    known = values.pop("provider_message_id", None)
    state = State(
        status=values.pop("status", Status.SENT),
        attempt=1,
        at=timestamp(created),
        provider=values.pop("provider", "twilio"),
        failure=RankedFailure(failure=Failure(category=Category.PERMANENT, reason=reason), order=30),
        ids={1: known} if known else {},
    )
    return record(
        message_id=str(uuid5(NAMESPACE_OID, str(number))) if number >= len(CROWDED) else CROWDED[number],
        state=state,
        created_at=timestamp(created),
        updated_at=timestamp(created + failed_after),
        **values,
    )


def wanted(*statuses: Status, **values: Any) -> SearchQuery:
    chosen = {"statuses": frozenset(statuses)} if statuses else {}
    return SearchQuery(**{"client": "shop", "now": timestamp(NOW), "span": EVER, "limit": 20, **chosen, **values})


# Few moments, so that many records share one: three days with several, and two midnights, one of a month's end.
_moments = st.sampled_from([START + timedelta(days=d, milliseconds=ms) for d in (0, 1, 5) for ms in range(4)]) | (
    st.sampled_from([datetime.fromisoformat(f"2026-02-0{day}T00:00:00.000+00:00") for day in (1, 2)])
)
_records: st.SearchStrategy[list[dict[str, object]]] = st.lists(
    st.builds(
        dict,
        created=_moments,
        failed_after=st.sampled_from([timedelta(0), timedelta(milliseconds=1), timedelta(days=1), timedelta(days=31)]),
        client=st.sampled_from(["shop", "shop", "rival"]),
        to=st.sampled_from(RECIPIENTS),
        reference=st.sampled_from(REFERENCES),
        status=st.sampled_from(STATUSES),
        provider=st.sampled_from(["twilio", "messagebird"]),
        provider_message_id=st.sampled_from(IDS),
        reason=st.sampled_from([Reason.UNREACHABLE, Reason.BLOCKED]),
    ),
    max_size=24,
)
_spans = st.just(Span(since=timestamp(START), until=timestamp(START + timedelta(days=6)))) | st.builds(
    lambda one, two: Span(since=timestamp(min(one, two)), until=timestamp(max(one, two))), _moments, _moments
)


def by_creation(found: Record) -> tuple[str, str]:
    return found.created_at, found.message_id


def by_failing(found: Record) -> tuple[str, str]:
    return found.updated_at, found.message_id


@dataclass(frozen=True)
class Case:
    """A search, the index that serves it, and by another way what it should find in which order."""

    index: Index
    criteria: SearchQuery
    meets: Callable[[Record], bool]
    order: Callable[[Record], tuple[str, str]] = by_creation


CASES = {
    "to": Case(BY_RECIPIENT, wanted(to=RECIPIENTS[0]), lambda r: r.to == RECIPIENTS[0]),
    "reference": Case(BY_REFERENCE, wanted(reference="a#b"), lambda r: r.reference == "a#b"),
    "provider_message_id": Case(
        BY_PROVIDER_ID,
        wanted(provider_message_id="SM1"),
        lambda r: r.state.provider_message_id == "SM1",
        lambda r: ("", r.message_id),
    ),
    "failure": Case(BY_ATTENTION, wanted(Status.FAILED), lambda r: r.state.status is Status.FAILED, by_failing),
    "any failure": Case(BY_ATTENTION, wanted(*FAILURES), lambda r: r.state.status in FAILURES, by_failing),
    "failure by provider": Case(
        BY_ATTENTION,
        wanted(Status.FAILED, Status.UNDELIVERED, provider="twilio"),
        lambda r: r.state.status in FAILURES and r.state.provider == "twilio",
        by_failing,
    ),
    "failure by reason": Case(
        BY_ATTENTION,
        wanted(Status.FAILED, Status.UNDELIVERED, reason=Reason.BLOCKED),
        lambda r: getattr(r.state.shown_failure, "reason", None) is Reason.BLOCKED,
        by_failing,
    ),
    "failed or sent": Case(
        BY_TIME, wanted(Status.FAILED, Status.SENT), lambda r: r.state.status in {Status.FAILED, Status.SENT}
    ),
    "provider": Case(BY_TIME, wanted(provider="messagebird"), lambda r: r.state.provider == "messagebird"),
    "status": Case(BY_TIME, wanted(Status.SENT), lambda r: r.state.status is Status.SENT),
    "time": Case(BY_TIME, wanted(), lambda _: True),
    "to and failure": Case(
        BY_RECIPIENT,
        wanted(Status.UNDELIVERED, to=RECIPIENTS[1]),
        lambda r: r.to == RECIPIENTS[1] and r.state.status is Status.UNDELIVERED,
    ),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@cases
@given(specs=_records, span=_spans, limit=st.integers(1, 7), page=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_all_pages_together_are_exactly_what_matches_newest_first(
    case: Case, specs: list[dict[str, Any]], span: Span, limit: int, page: int
) -> None:
    stored = [made(number, **spec) for number, spec in enumerate(specs)]
    within = [r for r in stored if r.client == "shop" and span.since <= r.created_at <= span.until and case.meets(r)]

    found = walk(MemorySearch(stored, page=page), replace(case.criteria, span=span, limit=limit))

    assert index_for(case.criteria) is case.index
    assert found == sorted(within, key=case.order, reverse=True)


@pytest.mark.parametrize("page", [1, 2, 5])
def test_a_run_of_equal_times_longer_than_a_page_is_listed_whole(page: int) -> None:
    stored = [made(number) for number in range(30)] + [made(99, START - timedelta(seconds=1))]
    found = walk(MemorySearch(stored, page=page), wanted(to=stored[0].to, limit=4))
    assert found == sorted(stored, key=by_creation, reverse=True)


def test_records_of_years_ago_are_reached_by_short_pages() -> None:
    old = made(1, START - timedelta(days=5 * 365), status=Status.FAILED)
    search = MemorySearch([old])
    first = find_page(search, wanted(Status.FAILED))

    assert (first.records, first.after is not None) == ((), True)
    assert walk(search, wanted(Status.FAILED)) == [old]
    assert walk(search, wanted(span=replace(EVER, since="2020-01-01T00:00:00.000Z"))) == [old]


def test_one_page_reads_a_bounded_number_of_keys_and_records() -> None:
    search = MemorySearch([made(number, START + timedelta(milliseconds=number)) for number in range(2500)])

    page = find_page(search, wanted(Status.READ, to=RECIPIENTS[0], limit=1))

    assert (page.records, page.after is not None) == ((), True)
    assert 1000 <= search.looked_at <= 1100
    assert search.reads <= 12


def test_an_empty_stretch_costs_a_bounded_number_of_reads() -> None:
    search = MemorySearch([])
    page = find_page(search, wanted())
    assert (page.records, page.after is not None, search.reads) == ((), True, 32 * 16)


def test_a_full_page_reads_no_more_records_than_it_shows() -> None:
    search = MemorySearch([made(number, START + timedelta(seconds=number)) for number in range(300)])
    assert len(find_page(search, wanted(to=RECIPIENTS[0], limit=20)).records) == search.looked_at == 20


def test_a_record_that_expired_or_changed_behind_its_key_is_passed_over() -> None:
    search = MemorySearch([made(1), made(2), made(3, status=Status.FAILED)])
    search.stored = [made(1), made(3, status=Status.DELIVERED)]
    assert walk(search, wanted(Status.SENT, to=RECIPIENTS[0])) == [made(1)]
    assert walk(search, wanted(Status.FAILED)) == []


@pytest.mark.parametrize("status", Status)
def test_failures_are_found_by_attention_and_every_other_status_by_time(status: Status) -> None:
    expected = BY_ATTENTION if status.outcome is Outcome.FAILURE else BY_TIME
    assert index_for(wanted(status)) is expected


@cases
@pytest.mark.parametrize("at", ["", "0001-01-01T00:00:00.000Z", "1999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"])
def test_a_cursor_of_another_search_finds_what_is_older_and_breaks_nothing(case: Case, at: str) -> None:
    stored = [made(1, provider_message_id="SM1", reference="a#b"), made(2, status=Status.FAILED)]
    criteria = replace(case.criteria, span=Span(since=timestamp(START), until=timestamp(START + timedelta(days=1))))

    page = find_page(MemorySearch(stored), replace(criteria, after=Position(at, "g")))

    reached = at > "2026" or case.index is BY_PROVIDER_ID  # whose keys have no time
    assert list(page.records) == (walk(MemorySearch(stored), criteria) if reached else [])


def test_statuses_that_exclude_each_other_find_nothing_without_a_read() -> None:
    assert walk(MemorySearch([], error=Unavailable("Query: ThrottlingException")), wanted(statuses=frozenset())) == []
    with pytest.raises(Unavailable):
        find_page(MemorySearch([], error=Unavailable("Query: ThrottlingException")), wanted())


@pytest.mark.parametrize("searched", ["+541123456789", "+5491123456789"])
def test_a_number_is_found_in_both_its_spellings(searched: str) -> None:
    # Found in chatwoot/chatwoot#14926, google/libphonenumber#2693
    stored = [made(0, to="+541123456789"), made(1, START + timedelta(hours=1), to="+5491123456789"), made(2)]

    assert walk(MemorySearch(stored, page=1), wanted(to=searched, limit=1)) == [stored[1], stored[0]]
