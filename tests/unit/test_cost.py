from __future__ import annotations

import json
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker import providers
from sms_tracker.aws.items import cost_name, cost_text, costs_of
from sms_tracker.domain.cost import Cost, Price, parse_price, parse_segments, plain_digits, total
from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.report import Report, Source
from sms_tracker.domain.transition import costs, observed_cost
from tests.factories import NOW, cost, report

LATER, LATEST = "2026-01-31T12:00:01.000Z", "2026-01-31T12:00:02.000Z"


# -- Reading a price ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "digits"),
    [
        *[("0.0700", "0.07"), ("-0.00750", "0.0075"), ("+1", "1"), ("0", "0"), ("-0", "0"), ("-0.0", "0")],
        *[("5.81e-05", "0.0000581"), ("5.81E-05", "0.0000581"), ("1e3", "1000"), (" 007.50 ", "7.5")],
        *[(".5", "0.5"), ("5.", "5"), ("0.07" + 38 * "0", "0.07")],
        *[(digits, digits) for digits in ("0." + 14 * "0" + "1", 12 * "9")],
    ],
)
def test_an_amount_is_plain_digits_without_a_sign(amount: str, digits: str) -> None:
    assert parse_price(amount, "EUR") == Price(digits, "EUR")


@pytest.mark.parametrize(
    "amount",
    [
        *[None, "", " ", "NaN", "-Infinity", "sNaN1", "a lot", "0,07", "1_0", "0x1", "+", ".", "e5", "٣", "1 2"],
        *["1e-400", "1e400", "1e999999999", "0." + 39 * "0" + "1", 40 * "9", 13 * "9", "0" * 300],
    ],
)
def test_an_invalid_amount_is_no_price(amount: str | None) -> None:
    assert parse_price(amount, "EUR") is None


@pytest.mark.parametrize(
    ("currency", "code"), [("eur", "EUR"), (" USD ", "USD"), *[(c, "XXX") for c in (None, "", "€", "EURO")]]
)
def test_a_price_without_a_currency_has_the_code_for_none(currency: str | None, code: str) -> None:
    assert parse_price("1", currency) == Price("1", code)


@given(st.decimals(0, 10**12 - 1, places=15, allow_nan=False))
def test_an_amount_keeps_every_digit(amount: Decimal) -> None:
    read = parse_price(str(-amount), "EUR")

    assert read is not None
    assert Decimal(read.amount) == amount


@pytest.mark.parametrize(
    ("count", "known"), [("1", 1), ("35", 35), *[(each, None) for each in (None, "", "0", "36", "100", "-1", "x", "٣")]]
)
def test_segments_are_a_small_number_or_not_known(count: str | None, known: int | None) -> None:
    assert parse_segments(count) == known


def test_parts_of_a_price_are_summed_without_rounding() -> None:
    parts = [Price("999999999999", "USD"), None, Price("0.123456789012345", "USD"), Price("0.000000000000001", "USD")]

    assert total(parts) == Price("999999999999.123456789012346", "USD")
    assert total([None]) is None


ITEM = {"status": "delivered", "messagePartCount": 2, "price": "PRICE"}
LOOKED_UP = {
    "twilio": {"sid": "SM1", "status": "delivered", "price": "PRICE", "price_unit": "USD", "num_segments": "2"},
    "messagebird": {"id": "1", "recipients": {"items": [ITEM]}},
    "bird": {"id": "sms_1", "status": "delivered", "segments": {"count": 2}, "cost": "PRICE"},
}
CURRENCY = {"messagebird": "currency", "bird": "currency_code"}


def stating(provider: str, amount: str) -> bytes:
    """A provider's record of a message with that price, as JSON."""
    price = "AMOUNT" if provider == "twilio" else {"amount": "AMOUNT", CURRENCY[provider]: "USD"}
    record = json.dumps(LOOKED_UP[provider]).replace('"PRICE"', json.dumps(price))
    return record.replace('"AMOUNT"', amount).encode()


@pytest.mark.parametrize("provider", LOOKED_UP)
@pytest.mark.parametrize(
    ("amount", "read"),
    [
        ("5.81e-05", Price("0.0000581", "USD")),
        ('"-5.81e-05"', Price("0.0000581", "USD")),
        ("0.1000000000000001", None),
        ("0.100000000000001", Price("0.100000000000001", "USD")),
        ("123456789012.100000000000001", Price("123456789012.100000000000001", "USD")),
        ("7", Price("7", "USD")),
        *[(odd, None) for odd in ("null", '""', "NaN", '"NaN"', "Infinity", "1e-400", "true", "[]", "{}", 40 * "1")],
    ],
)
def test_a_number_in_json_keeps_its_digits(provider: str, amount: str, read: Price | None) -> None:
    found = providers.load(provider).lookup_outcome(HttpResponse(200, body=stating(provider, amount)), received_at=NOW)

    assert isinstance(found, Report)
    assert (found.word, found.price, found.segments) == ("delivered", read, 2)


# -- The latest observation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "occurred", "at"),
    [
        (Source.CALLBACK, NOW, NOW),
        (Source.CALLBACK, LATEST, LATER),  # the provider's clock is ahead
        (Source.CALLBACK, "0001-01-01T00:00:00.000Z", "2000-01-01T00:00:00.000Z"),
        (Source.CALLBACK, "unreadable", LATER),
        (Source.CALLBACK, None, LATER),
        (Source.ANSWER, NOW, NOW),
        (Source.LOOKUP, NOW, LATER),
    ],
)
def test_a_look_up_observes_now_and_an_event_its_own_time(source: Source, occurred: str | None, at: str) -> None:
    stated = report(source=source, occurred=occurred, received=LATER, price=Price("1", "EUR"), segments=3)

    assert observed_cost(stated) == cost("1", at, segments=3)


def test_a_look_up_within_the_second_of_an_event_does_not_hide_the_larger_amount_of_the_event() -> None:
    looked_up = report(source=Source.LOOKUP, received="2026-01-31T12:00:01.700Z", price=Price("0.005", "EUR"))
    event = report(occurred=LATER, received="2026-01-31T12:00:01.900Z", price=Price("0.0079", "EUR"))

    assert costs([event, looked_up]) == costs([looked_up, event]) == {1: cost("0.0079", LATER)}
    assert observed_cost(report(segments=3)) is None, "without a price there is no observation"


def test_amounts_that_grow_and_a_correction_downwards_end_at_the_last_in_every_order() -> None:
    stated = [
        report(occurred=at, received=LATEST, attempt=attempt, price=Price(amount, "EUR"))
        for attempt, at, amount in [(1, NOW, "0.05"), (1, LATER, "0.0679"), (1, LATEST, "0.06"), (2, NOW, "0.01")]
    ]

    for order in permutations([*stated, *stated[:2], report()]):
        found: dict[int, Cost] = {}
        for each in order:
            found |= costs([each], found)
        assert found == {1: cost("0.06", LATEST), 2: cost("0.01")}


# -- As it is stored ---------------------------------------------------------------------------------------------------

known_costs = st.builds(
    cost,
    st.decimals(0, 10**12 - 1, places=15, allow_nan=False).map(plain_digits) | st.sampled_from(["0", "9", "9.5", "10"]),
    st.sampled_from(["2000-01-01T00:00:00.000Z", NOW, "2026-01-31T12:00:00.001Z", LATER, "2108-12-31T23:59:59.999Z"]),
    st.sampled_from(["EUR", "USD", "XXX"]),
    st.sampled_from([None, 1, 9, 10, 35]),
)


@given(known_costs, known_costs)
def test_the_stored_text_reads_back_and_sorts_as_the_costs_do(first: Cost, second: Cost) -> None:
    assert costs_of({cost_name(1): cost_text(first), cost_name(19): cost_text(second)}) == {1: first, 19: second}
    assert (cost_text(first) < cost_text(second)) == (first.key < second.key)


def test_the_usual_cost_takes_few_bytes() -> None:
    assert cost_text(cost("0.07", segments=1)) == "OkIv8s-EUR110.07"
