"""What Bird's events and records mean."""

import json
from typing import Any

import pytest

from sms_tracker.domain.callback import CallbackTarget
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.status import Failure, Reason, Status
from sms_tracker.providers.bird import report, webhook

RECEIVED = "2026-11-29T08:00:07.000Z"
MESSAGE_ID = "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa"
SMS_ID = "sms_01krdgeqcxet5s7t44vh8rt9mg"
OURS = {"message_id": MESSAGE_ID, "attempt": 2, "token": "a-token"}


def request(event: object, url: str = "https://sms.example.com/webhooks/bird") -> HttpRequest:
    return HttpRequest("POST", url, {}, json.dumps(event).encode())


def read(kind: object, **data: object) -> Report:
    event = {"type": kind, "timestamp": "2026-11-29T08:00:05Z", "data": {"sms_id": SMS_ID, **data}}
    return report.report(webhook.fields(request(event)), received_at=RECEIVED)


def failed(word: str, code: object) -> Failure:
    found = read(f"sms.{word}", error={"code": code, "description": "Absent +31612345678"})
    assert found.failure
    return found.failure


# What is read


def test_the_queue_holds_the_body_as_it_was_signed() -> None:
    body = '{ "type": "sms.sent",\n "data": {"to": "\\u002b31", "x": "é"} }'

    assert webhook.fields(HttpRequest("POST", "https://x", {}, body.encode())) == {"body": body}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"x", b"\xff", b'{"a":"\xff"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        webhook.fields(HttpRequest("POST", "https://x", {}, body))


# Whose message it is


def target(metadata: object, url: str = "https://sms.example.com/webhooks/bird") -> CallbackTarget:
    sent = request({"type": "sms.sent", "data": {"metadata": metadata}}, url)
    return webhook.target(sent, webhook.fields(sent))


def test_metadata_name_the_message_and_another_id_in_the_url_is_ignored() -> None:
    other = "https://sms.example.com/webhooks/bird?message_id=00000000-0000-4000-8000-000000000000&attempt=9&token=t"

    assert target(OURS) == target(OURS, other) == CallbackTarget(MESSAGE_ID, 2, "a-token")
    assert target({**OURS, "attempt": "2"}) == target(OURS), "they may come back as text"
    assert target(None, other) == CallbackTarget(None, 1, None)


@pytest.mark.parametrize(
    "metadata",
    [None, [], "x", {}, {"message_id": "m-1"}, {"message_id": 7}, {"message_id": None}, {"message_id": [MESSAGE_ID]}],
)
def test_metadata_that_are_not_ours_name_no_message(metadata: object) -> None:
    assert target(metadata).message_id is None


@pytest.mark.parametrize("attempt", [None, 0, 20, -1, 1.5, True, "two", [2], "2&message_id=x"])
def test_an_attempt_out_of_range_counts_as_the_first(attempt: object) -> None:
    assert target({**OURS, "attempt": attempt}) == CallbackTarget(MESSAGE_ID, 1, "a-token")


@pytest.mark.parametrize("event", [{"type": "sms.sent"}, {"data": []}, {"data": None}, {"type": ["x"], "data": "x"}])
def test_an_event_without_data_names_no_message_and_is_still_a_report(event: dict[str, Any]) -> None:
    fields = webhook.fields(request(event))

    assert webhook.target(request(event), fields) == CallbackTarget(None, 1, None)
    assert report.report(fields, received_at=RECEIVED).provider_message_id is None


# What it means


@pytest.mark.parametrize("kind", ["sms.teleported", "email.delivered", "whatsapp.read", "", None, 7, ["sms.sent"]])
def test_any_other_event_is_stored_without_effect(kind: object) -> None:
    found = read(kind)

    assert (found.status, found.recognised, found.failure) == (None, False, None)
    assert not report.knows(found.word)


def test_an_event_has_the_time_at_which_it_happened() -> None:
    assert read("sms.sent").occurred == "2026-11-29T08:00:05.000Z"
    assert report.report({"body": '{"type":"sms.sent","timestamp":"soon"}'}, received_at=RECEIVED).occurred == "soon"


@pytest.mark.parametrize("code", report.CODES)
@pytest.mark.parametrize("word", ["undelivered", "failed", "rejected", "expired"])
def test_a_code_decides_the_reason_for_any_word(word: str, code: str) -> None:
    category, reason = report.CODES[code]

    assert failed(word, code) == Failure(category=category, reason=reason, code=code, message="Absent [number]")


@pytest.mark.parametrize("word", report.WITHOUT_CODE)
@pytest.mark.parametrize(("code", "kept"), [("unknown", None), ("", None), (None, None), ("new_code", "new_code")])
def test_without_a_listed_code_the_word_decides_the_reason(word: str, code: str | None, kept: str | None) -> None:
    found = failed(word, code)

    assert (found.category, found.reason, found.code) == (*report.WITHOUT_CODE[word], kept)
    assert report.meaning(word, code, "Absent +31612345678") == (report.status(word, None), found)


def test_price_and_network_are_kept_and_what_is_personal_is_not() -> None:
    personal = {"to": "+31612345678", "from": "+15551234567", "text": "Your parcel is here", "metadata": OURS}
    cost = {"amount": "0.00790", "currency_code": "EUR"}
    found = read("sms.delivered", **personal, cost=cost, carrier="KPN", mcc_mnc="20408", segments={"count": 2})

    assert (str(found.price), found.network, found.recipient) == ("0.0079 EUR", "20408", "+31612345678")
    assert found.details == {"carrier": "KPN", "segments[count]": "2"}


def test_the_carriers_own_code_is_a_detail_and_a_reply_names_no_recipient_of_ours() -> None:
    found = read("sms.undelivered", error={"code": "unreachable", "description": "x", "carrier_error_code": "27"})

    assert (found.code, found.details["error[carrier_error_code]"]) == ("unreachable", "27")
    assert read("sms.received", to="+15551234567").recipient is None


def test_a_page_exists_for_the_errors_of_the_api_alone() -> None:
    assert report.page("E01001", Status.FAILED) == "https://docs.bird.com/errors/E01001"
    assert report.page("unreachable", Status.UNDELIVERED) is None
    assert report.page("E01001/../x", Status.FAILED) is None


# Bird's own record


def record(status: object, **more: object) -> dict[str, object]:
    times = {"created_at": "2026-11-29T08:00:00Z", "sent_at": "2026-11-29T08:00:01Z", "delivered_at": None}
    return {"id": SMS_ID, "direction": "outbound", "status": status, **times, **more}


LAST_ERROR = {"code": "blocked_by_carrier", "description": "As spam", "occurred_at": "2026-11-29T08:00:04Z"}


@pytest.mark.parametrize(
    ("status", "more", "occurred", "reason"),
    [
        ("accepted", {}, "2026-11-29T08:00:00.000Z", None),
        ("sent", {}, "2026-11-29T08:00:01.000Z", None),
        ("delivered", {"delivered_at": "2026-11-29T08:00:03Z"}, "2026-11-29T08:00:03.000Z", None),
        ("failed", {"last_error": LAST_ERROR}, "2026-11-29T08:00:04.000Z", Reason.BLOCKED),
        ("failed", {"last_error": None}, None, Reason.UNKNOWN),
        ("teleported", {}, None, None),
    ],
)
def test_a_record_has_the_time_of_its_status_and_the_last_error(
    status: str, more: dict[str, object], occurred: str | None, reason: Reason | None
) -> None:
    found = report.record_report(record(status, **more), received_at=RECEIVED)

    assert found
    assert (found.word, found.occurred, found.source) == (status, occurred, Source.LOOKUP)
    assert (found.failure and found.failure.reason) == reason
    assert reason is not Reason.BLOCKED or (found.failure and found.failure.message) == "As spam"


@pytest.mark.parametrize("broken", [{}, {"id": SMS_ID}, {"status": "sent"}, {"id": [], "status": "sent"}])
def test_a_record_without_id_or_status_is_none(broken: dict[str, object]) -> None:
    assert report.record_report(broken, received_at=RECEIVED) is None
