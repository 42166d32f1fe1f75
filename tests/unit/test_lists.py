"""The providers' lists of messages: what may be ours in them, where they go on, and when they prove nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sms_tracker import providers
from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.outbound import Candidate, LookupFailed, SearchCriteria
from sms_tracker.providers.base import Listed
from tests.fakes import MESSAGEBIRD, TWILIO

SOUGHT = SearchCriteria(
    message_id="our-id",
    references=frozenset({"our-id.a-token"}),
    provider="any",
    to="+31612345678",
    sender="+15551234567",
    text_hash="a-hash",
    since="2026-03-01T11:58:00.000Z",
    until="2026-03-01T12:03:00.000Z",
)
MESSAGE = {
    "sid": "SM1",
    "to": "+31612345678",
    "from": "+15551234567",
    "body": "Hello",
    "messaging_service_sid": None,
    "date_created": "Sun, 01 Mar 2026 12:00:01 +0000",
}
NEXT = "/2010-04-01/Accounts/AC/Messages.json?PageToken=PA1"
NEW, OLD = "2026-03-01T12:00:01+00:00", "2026-03-01T11:57:59+00:00"


def search(name: str, answer: object) -> Listed | LookupFailed:
    return providers.load(name).search_outcome(HttpResponse(200, {}, json.dumps(answer).encode()), criteria=SOUGHT)


def twilio(*messages: object, following: object = None) -> Listed | LookupFailed:
    return search("twilio", {"messages": list(messages), "next_page_uri": following})


def bird(*items: object, offset: object = 0, total: object = 1) -> Listed | LookupFailed:
    return search("messagebird", {"items": list(items), "offset": offset, "totalCount": total})


def test_twilios_message_is_a_candidate_with_all_that_is_compared() -> None:
    ours = Candidate(
        provider_message_id="SM1",
        to="+31612345678",
        sender="+15551234567",
        text="Hello",
        created="2026-03-01T12:00:01.000Z",
    )
    assert twilio(MESSAGE) == Listed((ours,), None)


def test_a_message_that_named_a_service_was_sent_by_the_service_and_not_by_the_number_it_chose() -> None:
    found = twilio({**MESSAGE, "messaging_service_sid": "MG1"})
    assert isinstance(found, Listed)
    assert found.candidates[0].sender == "MG1"


def test_a_redacted_text_is_none() -> None:
    found = twilio({**MESSAGE, "body": None})
    assert isinstance(found, Listed)
    assert found.candidates[0].text is None


def test_twilios_list_goes_on_at_the_page_that_it_names() -> None:
    assert twilio(following=NEXT) == Listed((), NEXT)
    request = providers.load("twilio").search_request(SOUGHT, credentials=TWILIO, page=NEXT)
    assert request.url == f"https://api.twilio.com{NEXT}"


@pytest.mark.parametrize("following", ["https://elsewhere.example/2010-04-01/", "@elsewhere.example", "", 1, []])
def test_our_credentials_follow_to_no_other_host(following: object) -> None:
    assert isinstance(twilio(following=following), LookupFailed)


@pytest.mark.parametrize("answer", [{}, {"messages": []}, {"messages": {}, "next_page_uri": None}, [], None])
def test_what_is_no_list_of_twilios_proves_no_absence(answer: object) -> None:
    assert isinstance(search("twilio", answer), LookupFailed)


@pytest.mark.parametrize("message", [{}, 1, None, {"sid": None}, {"sid": {}}])
def test_a_message_of_twilios_that_cannot_be_read_may_be_ours(message: object) -> None:
    assert isinstance(twilio(MESSAGE, message), LookupFailed)


def test_messagebird_gives_our_reference_back() -> None:
    item = {"id": "bird-1", "reference": "our-id.a-token", "createdDatetime": NEW}
    other = {"id": "bird-2", "reference": "our-id", "createdDatetime": NEW}
    ours = Candidate(provider_message_id="bird-1", created="2026-03-01T12:00:01.000Z", certain=True)
    assert bird(other, item, total=900) == Listed((ours,), None)


@pytest.mark.parametrize(
    ("items", "offset", "total", "following"),
    [
        ([NEW, OLD], 0, 3, "2"),
        ([NEW, OLD], 2, 4, None),
        ([OLD, OLD], 0, 900, None),
        ([None, OLD], 0, 900, "2"),
        ([], 0, 0, None),
        ([], 200, 900, None),
    ],
)
def test_messagebirds_list_is_read_until_it_is_older_than_the_send(
    items: list[str | None], offset: int, total: int, following: str | None
) -> None:
    listed = [{"id": "bird", "reference": "another", "createdDatetime": at} for at in items]
    assert bird(*listed, offset=offset, total=total) == Listed((), following)


def test_messagebirds_next_page_is_an_offset() -> None:
    request = providers.load("messagebird").search_request(SOUGHT, credentials=MESSAGEBIRD, page="400")
    assert request.url == "https://rest.messagebird.com/messages?limit=200&offset=400"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"items": {}},
        {"items": [1], "offset": 0, "totalCount": 1},
        {"items": [], "offset": "0", "totalCount": 0},
        {"items": [], "offset": 0},
    ],
)
def test_what_is_no_list_of_messagebirds_proves_no_absence(answer: dict[str, Any]) -> None:
    assert isinstance(search("messagebird", answer), LookupFailed)


def test_a_reference_without_an_id_is_no_candidate() -> None:
    assert bird({"reference": "our-id.a-token", "createdDatetime": NEW}) == Listed((), None)
