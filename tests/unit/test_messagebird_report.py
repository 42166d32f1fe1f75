"""What the MessageBird adapter reads in a status report."""

import json

import pytest

from sms_tracker import providers
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.report import MAX_VALUE, Report
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.providers.messagebird.report import DELIVERY_ERRORS, FAILED_STATUSES, STATUS_REASONS, STATUSES

ADAPTER = providers.load("messagebird")
RECEIVED = "2025-03-14T09:26:55.000Z"
CALLBACK = "https://sms.example.com/webhooks/messagebird?message_id=9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa&attempt=1"


def report(**fields: str) -> Report:
    return ADAPTER.report(fields, received_at=RECEIVED)


# Fields


QUERY = "message_id=1&attempt=1&token=t&id=007&status=sent&mccmnc=&price[amount]=0.07&statusReason=a+b"
FORM = {"content-type": "Application/X-WWW-Form-Urlencoded"}
JSON = b'{"id": 7, "status": "sent", "price": {"amount": 0.5}, "ported": null}'


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (
            HttpRequest("GET", f"https://sms.example.com/webhooks/messagebird?{QUERY}"),
            {"id": "007", "status": "sent", "mccmnc": "", "price[amount]": "0.07", "statusReason": "a b"},
        ),
        (HttpRequest("GET", f"{CALLBACK}&id=7", {}, b'{"id": 8}'), {"id": "7"}),
        (HttpRequest("POST", CALLBACK, {}, JSON), {"id": "7", "status": "sent", "price[amount]": "0.5"}),
        (HttpRequest("POST", CALLBACK, FORM, b"id=7&status=sent"), {"id": "7", "status": "sent"}),
        (HttpRequest("POST", f"{CALLBACK}&id=7"), {"id": "7"}),
    ],
    ids=["a query without ours", "not the body of a GET", "the JSON of a POST", "a form", "a POST without a body"],
)
def test_the_fields_are(request_: HttpRequest, fields: dict[str, str]) -> None:
    assert ADAPTER.fields(request_) == fields


@pytest.mark.parametrize("body", [b"[]", b"\xff", b"{}", b"[" * 100_000], ids=["array", "bytes", "empty", "deep"])
def test_a_body_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        ADAPTER.fields(HttpRequest("POST", CALLBACK, {}, body))


# Reports


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_each_status_word_is_recognised_and_a_failed_one_has_a_meaning(word: str, status: Status) -> None:
    made = report(status=word)
    assert (made.status, made.recognised, made.is_failure) == (status, True, status in FAILED_STATUSES)


@pytest.mark.parametrize(("word", "status"), [*STATUSES.items(), ("rerouted", None)])
def test_a_code_never_changes_what_a_word_means(word: str, status: Status | None) -> None:
    assert {ADAPTER.status(word, code) for code in (None, "0", *DELIVERY_ERRORS)} == {status}


@pytest.mark.parametrize("word", ["", "Delivered", "rerouted"])
def test_an_unfamiliar_status_is_stored_without_effect(word: str) -> None:
    found = report(status=word, statusErrorCode="1")
    assert (found.word, found.status, found.recognised, found.failure, found.code) == (word, None, False, None, "1")


@pytest.mark.parametrize(("code", "cause"), DELIVERY_ERRORS.items())
def test_a_delivery_error_code_decides_the_cause(code: str, cause: tuple[Category, Reason]) -> None:
    found = report(status="delivery_failed", statusErrorCode=code, statusReason="expired").failure
    assert found == Failure(category=cause[0], reason=cause[1], code=code, message="expired")


@pytest.mark.parametrize(
    ("fields", "category", "reason", "code"),
    [
        (
            {"status": "delivery_failed", "statusErrorCode": "999", "statusReason": "Unknown Subscriber"},
            Category.PERMANENT,
            Reason.INVALID_RECIPIENT,
            "999",
        ),
        ({"status": "expired", "statusReason": "handset exploded"}, Category.TEMPORARY, Reason.EXPIRED, None),
        ({"status": "delivery_failed", "statusErrorCode": "0"}, Category.UNKNOWN, Reason.UNKNOWN, None),
    ],
    ids=["the reason where the code is not listed", "the status where the reason is unknown", "none: 0 is no code"],
)
def test_the_cause_is_told_by(fields: dict[str, str], category: Category, reason: Reason, code: str | None) -> None:
    found, message = report(**fields), fields.get("statusReason")
    assert found.failure == Failure(category=category, reason=reason, code=code, message=message)
    assert found.code == code


@pytest.mark.parametrize(("text", "cause"), STATUS_REASONS.items())
def test_a_status_reason_is_compared_as_words_without_case(text: str, cause: tuple[Category, Reason]) -> None:
    joined = (text.replace(" ", mark) for mark in ("_", "-", "  "))
    for given in (text, text.upper(), text.title(), *joined, f" {text}.", f"{text}\r"):
        found = report(status="delivery_failed", statusReason=given).failure
        assert found is not None
        assert (found.category, found.reason, found.code) == (*cause, None)


@pytest.mark.parametrize("given", ["Received network error", "received_network_error", "RECEIVED  NETWORK ERROR"])
def test_a_network_error_without_a_code_is_temporary(given: str) -> None:
    # Found in docs.bird.com
    found = report(status="delivery_failed", statusReason=given, statusErrorCode="0").failure
    assert found is not None
    assert (found.category, found.reason) == (Category.TEMPORARY, Reason.PROVIDER_ERROR)


@pytest.mark.parametrize(
    ("given", "category", "reason"),
    [
        ("incorrect number", Category.PERMANENT, Reason.INVALID_RECIPIENT),
        ("timeout", Category.TEMPORARY, Reason.EXPIRED),
    ],
)
def test_each_documented_reason_without_a_code_has_its_cause(given: str, category: Category, reason: Reason) -> None:
    # Found in developers.messagebird.com
    found = report(status="delivery_failed", statusReason=given, statusErrorCode="0").failure
    assert found is not None
    assert (found.category, found.reason) == (category, reason)


@pytest.mark.parametrize(("word", "reason"), [("delivered", "successfully delivered"), ("sent", "pending DLR")])
def test_a_reason_beside_a_word_that_is_no_failure_is_data(word: str, reason: str) -> None:
    found = report(status=word, statusReason=reason)
    assert (found.failure, dict(found.details)) == (None, {"statusReason": reason})


def test_a_failure_holds_its_reason_once_and_without_numbers() -> None:
    found = report(status="delivery_failed", statusReason="no route to 31612345678")
    assert found.failure == Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN, message="no route to [number]")
    assert dict(found.details) == {}


def test_a_space_in_the_offset_is_the_plus_that_was_not_escaped_and_an_unreadable_time_is_kept_raw() -> None:
    assert report(statusDatetime="2025-03-14T11:26:53 02:00").occurred == "2025-03-14T09:26:53.000Z"
    assert report(statusDatetime="yesterday").occurred == "yesterday"


@pytest.mark.parametrize("given", ["31612345678", "+31612345678", " 31612345678"])
def test_the_recipient_is_made_e164_and_left_out_where_it_is_no_number(given: str) -> None:
    assert report(recipient=given, id="00E8077d").recipient == "+31612345678"
    found = report(recipient="Parcels", id="00E8077d")
    assert (found.recipient, dict(found.details), found.provider_message_id) == (None, {}, "00E8077d")


@pytest.mark.parametrize(
    ("fields", "price"),
    [
        ({"price[amount]": "0.07", "price[currency]": "EUR"}, "0.07 EUR"),
        ({"price[amount]": "5.81e-05", "price[currency]": "EUR"}, "0.0000581 EUR"),
        ({"price[amount]": "0.07"}, "0.07 XXX"),
        ({"price[amount]": "0" * 300, "price[currency]": "EUR"}, "None"),
        ({"price[currency]": "EUR"}, "None"),
    ],
)
def test_the_price_has_an_amount(fields: dict[str, str], price: str) -> None:
    assert str(report(**fields).price) == price


def test_details_have_the_other_fields_but_no_personal_data() -> None:
    found = report(status="sent", recipient="31612345678", originator="31600000000", body="hello", ported="1\n", x="")
    assert dict(found.details) == {"ported": "1", "x": ""}


def test_details_are_few_short_and_named() -> None:
    found = report(**{"": "nameless", **{f"extra{number}": "v" * 999 for number in range(200)}})
    assert list(found.details) == [f"extra{number}" for number in range(40)]
    assert {len(value) for value in found.details.values()} == {MAX_VALUE}


RECEIVER = {"contacts": [{"identifierValue": "+31612345678"}]}
CHANNELS_EVENT = {
    "service": "channels",
    "event": "sms.outbound",
    "payload": {"id": "5cbae1a4", "status": "delivered", "receiver": RECEIVER},
}


@pytest.mark.parametrize("without", ["", "service"])
def test_an_event_of_birds_middle_generation_is_set_aside_with_that_reason(without: str) -> None:
    event = {name: value for name, value in CHANNELS_EVENT.items() if name != without}
    fields = ADAPTER.fields(HttpRequest("POST", CALLBACK, {}, json.dumps(event).encode()))

    made = ADAPTER.report(fields, received_at=RECEIVED)

    assert str(made.set_aside).startswith("signed in Bird's middle generation")
    assert made.provider_message_id is None


@pytest.mark.parametrize("fields", [{}, {"id": "7"}, {"event": "x"}, {"status": "sent", "event": "x", "payload": "y"}])
def test_a_report_of_the_classic_api_is_not_set_aside_however_odd(fields: dict[str, str]) -> None:
    assert report(**fields).set_aside is None
