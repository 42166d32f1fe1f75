"""Which counters a send touches, when it fits, and what an operator may write."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.limits import (
    KNOWN_AFTER,
    ClientLimits,
    Counter,
    Outage,
    Quota,
    client_counter,
    day_of,
    range_counter,
)
from sms_tracker.domain.limits_document import read_limits
from tests.limits import limits

NOON = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
KEY = b"k" * 32
NUMBER = "+31612345678"
BOTH = {"hour": 10, "day": 50}


def of_client(to: str = "NL", *, is_new: bool = False, now: datetime = NOON, **document: object) -> Counter:
    return client_counter(limits(**document), "shop", to, is_new=is_new, now=now)


def bounds(counter: Counter | None) -> dict[str, tuple[str, int]]:
    assert counter is not None
    return {bound.name: (bound.attribute, bound.most) for bound in counter.bounds}


class TestClient:
    def test_without_own_limits_a_client_has_the_daily_cap(self) -> None:
        assert bounds(of_client()) == {"daily_cap": ("d", 1_000_000)}

    def test_each_limit_counts_in_an_attribute_of_its_own(self) -> None:
        counter = of_client(is_new=True, client=BOTH, country=BOTH, new_countries=BOTH)

        assert bounds(counter) == {
            "client_per_hour": ("h12", 10),
            "client_per_day": ("d", 50),
            "country_per_hour": ("h12.NL", 10),
            "country_per_day": ("d.NL", 50),
            "new_countries_per_hour": ("h12.new", 10),
            "new_countries_per_day": ("d.new", 50),
        }
        assert counter.key == "client#2026-01-31#shop"

    def test_a_known_country_does_not_count_as_new(self) -> None:
        assert "new_countries_per_day" not in bounds(of_client(new_countries=BOTH))

    def test_a_clients_own_limits_replace_the_defaults_one_by_one(self) -> None:
        own = {"shop": {"client": {"hour": 3}}}

        assert bounds(of_client(client=BOTH, country={"day": 7}, clients=own)) == {
            "client_per_hour": ("h12", 3),
            "daily_cap": ("d", 1_000_000),
            "country_per_day": ("d.NL", 7),
        }

    @pytest.mark.parametrize("own", [{}, {"day": 9_999_999}])
    def test_the_daily_cap_holds_for_a_client_without_limit_or_with_a_higher_one(self, own: dict[str, int]) -> None:
        assert bounds(of_client(clients={"shop": {"client": own}}))["daily_cap"] == ("d", 1_000_000)

    def test_an_approved_country_may_have_a_quota_of_its_own(self) -> None:
        approved = {"NL": {"day": 900}, "BE": {}}

        assert bounds(of_client("NL", country={"day": 7}, approved=approved))["country_per_day"] == ("d.NL", 900)
        assert bounds(of_client("BE", country={"day": 7}, approved=approved))["country_per_day"] == ("d.BE", 7)


class TestNewCountry:
    def test_a_country_is_new_until_a_week_after_its_first_use(self) -> None:
        today = day_of(NOON)

        assert ClientLimits().is_new("NL", first_used=None, today=today)
        assert ClientLimits().is_new("NL", first_used=today - KNOWN_AFTER + 1, today=today)
        assert not ClientLimits().is_new("NL", first_used=today - KNOWN_AFTER, today=today)

    def test_an_approved_country_is_not_new(self) -> None:
        own = limits(approved={"NL": {}}, clients={"shop": {"approved": {"FR": {}}}}).of("shop")

        assert [own.is_new(each, first_used=None, today=1) for each in ("NL", "FR", "DE")] == [False, False, True]


class TestRange:
    def test_neighbours_share_a_counter_and_have_attributes_of_their_own(self) -> None:
        strict = limits(range=BOTH, recipient={"hour": 2})
        one, other = (range_counter(strict, each, key=KEY, now=NOON) for each in (NUMBER, "+31612345679"))
        assert one
        assert other

        assert one.key == other.key
        assert (
            [each.attribute for each in one.bounds[:2]] == [each.attribute for each in other.bounds[:2]] == ["h12", "d"]
        )
        assert one.bounds[2].attribute != other.bounds[2].attribute

    def test_another_range_has_another_counter(self) -> None:
        strict = limits(range=BOTH)
        keys = {range_counter(strict, each, key=KEY, now=NOON).key for each in (NUMBER, "+31612355678")}  # type: ignore[union-attr]  # has bounds

        assert len(keys) == 2

    def test_the_spellings_of_a_number_are_one_recipient(self) -> None:
        # Found in AfterShip/phone#18
        strict = limits(range=BOTH, recipient=BOTH)
        mobile, as_a_text_is_sent = (
            range_counter(strict, each, key=KEY, now=NOON) for each in ("+5491112345678", "+541112345678")
        )

        assert mobile == as_a_text_is_sent

    def test_nothing_shows_a_number_and_another_service_has_other_hashes(self) -> None:
        strict = limits(range=BOTH, recipient=BOTH)
        shown, other = (repr(range_counter(strict, NUMBER, key=key, now=NOON)) for key in (KEY, b"x" * 32))

        assert not any(NUMBER[at : at + 6] in shown for at in range(len(NUMBER) - 5))
        assert shown != other

    def test_there_is_no_counter_without_a_limit(self) -> None:
        assert range_counter(limits(client=BOTH), NUMBER, key=KEY, now=NOON) is None


class TestWindows:
    def test_limits_end_at_the_full_hour_and_at_midnight_utc_whatever_the_zone(self) -> None:
        elsewhere = NOON.astimezone(timezone(timedelta(hours=14)))
        counter = of_client(client=BOTH, now=elsewhere)

        assert [bound.ends for bound in counter.bounds] == [
            datetime(2026, 1, 31, 13, tzinfo=UTC),
            datetime(2026, 2, 1, tzinfo=UTC),
        ]
        assert (counter.key, counter.hour) == ("client#2026-01-31#shop", 12)

    def test_a_counter_outlives_its_day(self) -> None:
        assert of_client().expires_at == datetime(2026, 2, 2, tzinfo=UTC).timestamp()

    def test_the_last_hour_of_a_month_ends_with_it(self) -> None:
        (hourly, daily) = of_client(client=BOTH, now=datetime(2026, 12, 31, 23, 59, tzinfo=UTC)).bounds

        assert hourly.ends == daily.ends == datetime(2027, 1, 1, tzinfo=UTC)


class TestExceeded:
    def test_the_last_one_fits_and_the_next_one_does_not(self) -> None:
        counter = of_client(client={"hour": 10})

        assert counter.exceeded({"h12": 9}) is None
        assert counter.exceeded({"h12": 10}) == counter.bounds[0]

    def test_of_several_the_one_that_ends_last_is_named(self) -> None:
        found = of_client(client=BOTH).exceeded({"h12": 10, "d": 50})

        assert found
        assert found.name == "client_per_day"

    def test_a_limit_of_zero_allows_nothing(self) -> None:
        assert of_client(client={"hour": 0}).exceeded({})

    @pytest.mark.parametrize(("most", "block"), [(100, 1), (7_999, 1), (8_000, 2), (100_000, 25), (10_000_000, 25)])
    def test_a_block_is_a_small_share_of_the_smallest_limit(self, most: int, block: int) -> None:
        assert of_client(client={"hour": most}, country={"day": 10_000_000}).block == block


class TestDocument:
    def test_everything_but_the_cap_may_be_left_out(self) -> None:
        found = read_limits('\ufeff{"daily_cap": 7}')

        assert (found.daily_cap, found.defaults, found.clients) == (7, ClientLimits(), {})
        assert (found.number_range, found.recipient, found.outage, found.allowance) == (
            Quota(),
            Quota(),
            Outage.OPEN,
            100,
        )

    def test_everything_may_be_stated(self) -> None:
        found = limits(outage="closed", allowance=3, range=BOTH, recipient={"day": 1})

        assert (found.outage, found.allowance) == (Outage.CLOSED, 3)
        assert (found.number_range, found.recipient) == (Quota(hour=10, day=50), Quota(day=1))

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"daily_cap": 5, "daily_cap": 5000}'])
    def test_what_is_not_json_or_has_a_name_twice_is_refused(self, text: str) -> None:
        # Found in hjson/hjson#92
        with pytest.raises(Misconfigured, match="not JSON"):
            read_limits(text)

    @pytest.mark.parametrize(
        ("document", "flaw"),
        [
            ([], "the document is no object"),
            ({}, "daily_cap is missing"),
            ({"daily_cap": "5"}, "daily_cap is no whole number"),
            ({"daily_cap": True}, "daily_cap is no whole number"),
            ({"daily_cap": -1}, "daily_cap is no whole number"),
            ({"daily_cap": 1, "allowance": 1.5}, "allowance is no whole number"),
            ({"daily_cap": 1, "outage": ["open"]}, "outage is none of open, closed"),
            ({"daily_cap": 1, "recipients": {}}, "recipients is no setting"),
            ({"daily_cap": 1, "range": 5}, "range is no object"),
            ({"daily_cap": 1, "range": {"minute": 5}}, "range.minute is no setting"),
            ({"daily_cap": 1, "recipient": {"hour": None}}, "recipient.hour is no whole number"),
            ({"daily_cap": 1, "client": {"day": 2e9}}, "client.day is no whole number"),
            ({"daily_cap": 1, "approved": ["NL"]}, "approved is no object"),
            ({"daily_cap": 1, "approved": {"nl": {}}}, "approved.nl is no ISO 3166 code"),
            ({"daily_cap": 1, "approved": {"NL": 5}}, "approved.NL is no object"),
            ({"daily_cap": 1, "clients": []}, "clients is no object"),
            ({"daily_cap": 1, "clients": {"shop": 5}}, "clients.shop is no object"),
            ({"daily_cap": 1, "clients": {"shop": {"range": {}}}}, "clients.shop.range is no setting"),
            (
                {"daily_cap": 1, "clients": {"shop": {"country": {"hour": "1"}}}},
                "clients.shop.country.hour is no whole",
            ),
        ],
    )
    def test_every_flaw_is_named(self, document: object, flaw: str) -> None:
        with pytest.raises(Misconfigured, match=flaw):
            read_limits(json.dumps(document))

    def test_several_flaws_are_named_at_once(self) -> None:
        with pytest.raises(Misconfigured, match=r"x is no setting; daily_cap is missing"):
            read_limits('{"x": 1}')
