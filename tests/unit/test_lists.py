"""The providers' lists of messages: what may be ours in them, where they go on, and when they prove nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sms_tracker import providers
from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.outbound import Candidate, LookupFailed
from sms_tracker.providers.base import Listed
from tests.factories import MESSAGE_ID, criteria
from tests.fakes import MESSAGEBIRD, TWILIO

MESSAGE = {
    "sid": "SM1",
    "to": "+31612345678",
    "from": "+15551234567",
    "body": "Hello",
    "messaging_service_sid": None,
    "date_created": "Sat, 31 Jan 2026 12:00:01 +0000",
}
NEXT = "/2010-04-01/Accounts/AC/Messages.json?PageToken=PA1"
NEW, OLD = "2026-01-31T12:00:01+00:00", "2026-01-31T11:57:59+00:00"


def search(name: str, answer: object) -> Listed | LookupFailed:
    return providers.load(name).search_outcome(HttpResponse(200, {}, json.dumps(answer).encode()), criteria=criteria())


def twilio(*messages: object, following: object = None) -> Listed | LookupFailed:
    return search("twilio", {"messages": list(messages), "next_page_uri": following})


def bird(*items: object, offset: object = 0, total: object = 1) -> Listed | LookupFailed:
    return search("messagebird", {"items": list(items), "offset": offset, "totalCount": total})


OURS = Candidate(
    provider_message_id="SM1",
    to="+31612345678",
    sender="+15551234567",
    text="Hello",
    created="2026-01-31T12:00:01.000Z",
)


@pytest.mark.parametrize(
    ("stated", "candidate"),
    [
        ({}, OURS),
        ({"messaging_service_sid": "MG1"}, replace(OURS, sender="MG1")),
        ({"body": None}, replace(OURS, text=None)),
    ],
    ids=["with all that is compared", "sent by its service, not by the number that chose", "with its text redacted"],
)
def test_twilios_message_is_a_candidate(stated: dict[str, object], candidate: Candidate) -> None:
    assert twilio({**MESSAGE, **stated}) == Listed((candidate,), None)


@pytest.mark.parametrize(
    ("provider", "credentials", "page", "url"),
    [
        ("twilio", TWILIO, NEXT, f"https://api.twilio.com{NEXT}"),
        ("messagebird", MESSAGEBIRD, "400", "https://rest.messagebird.com/messages?limit=200&offset=400"),
    ],
)
def test_a_list_goes_on_at_its_next_page(provider: str, credentials: dict[str, str], page: str, url: str) -> None:
    assert twilio(following=NEXT) == Listed((), NEXT)
    assert providers.load(provider).search_request(criteria(), credentials=credentials, page=page).url == url


@pytest.mark.parametrize("following", ["https://elsewhere.example/2010-04-01/", "@elsewhere.example", "", 1, []])
def test_our_credentials_follow_to_no_other_host(following: object) -> None:
    assert isinstance(twilio(following=following), LookupFailed)


NO_LISTS: dict[str, list[object]] = {
    "twilio": [{}, {"messages": []}, {"messages": {}, "next_page_uri": None}, [], None],
    "messagebird": [
        *[{}, {"items": {}}, {"items": [], "offset": 0}, {"items": [1], "offset": 0, "totalCount": 1}],
        {"items": [], "offset": "0", "totalCount": 0},
    ],
}


@pytest.mark.parametrize(("provider", "answer"), [(name, each) for name in NO_LISTS for each in NO_LISTS[name]])
def test_what_is_no_list_proves_no_absence(provider: str, answer: object) -> None:
    assert isinstance(search(provider, answer), LookupFailed)


@pytest.mark.parametrize("message", [{}, 1, None, {"sid": None}, {"sid": {}}])
def test_a_message_of_twilios_that_cannot_be_read_may_be_ours(message: object) -> None:
    assert isinstance(twilio(MESSAGE, message), LookupFailed)


def test_twilios_list_has_messages_that_wait_to_be_sent() -> None:
    # Found in Twilio's SDK: DateSent filters by the time of sending, which a waiting message lacks
    url = providers.load("twilio").search_request(criteria(), credentials=TWILIO, page=None).url
    assert url.partition("?")[2] == "To=%2B31612345678&PageSize=200"


@pytest.mark.parametrize(
    ("created", "following"),
    [(["12:00:01", "11:57:59"], NEXT), (["11:57:59", "11:57:59"], None), ([None, "11:57:59"], NEXT)],
)
def test_twilios_list_ends_with_messages_from_before_the_send(created: list[str | None], following: str | None) -> None:
    times = (time and f"Sat, 31 Jan 2026 {time} +0000" for time in created)
    found = twilio(*({**MESSAGE, "date_created": time} for time in times), following=NEXT)
    assert isinstance(found, Listed)
    assert (len(found.candidates), found.next_page) == (2, following)


def test_messagebird_gives_our_reference_back() -> None:
    item = {"id": "bird-1", "reference": f"{MESSAGE_ID}.a-token", "createdDatetime": NEW}
    other = {"id": "bird-2", "reference": MESSAGE_ID, "createdDatetime": NEW}
    ours = Candidate(provider_message_id="bird-1", created="2026-01-31T12:00:01.000Z", certain=True)
    assert bird(other, item, total=900) == Listed((ours,), None)
    assert bird({"reference": f"{MESSAGE_ID}.a-token", "createdDatetime": NEW}) == Listed((), None), "it has no id"


@pytest.mark.parametrize(
    ("items", "offset", "total", "following"),
    [
        *[([NEW, OLD], 0, 3, "2"), ([NEW, OLD], 2, 4, None), ([OLD, OLD], 0, 900, None), ([None, OLD], 0, 900, "2")],
        *[([], 0, 0, None), ([], 200, 900, None)],
    ],
)
def test_a_list_is_read_back_to_the_send(
    items: list[str | None], offset: int, total: int, following: str | None
) -> None:
    listed = [{"id": "bird", "reference": "another", "createdDatetime": at} for at in items]
    assert bird(*listed, offset=offset, total=total) == Listed((), following)
