"""Which counters a send touches, when it fits, and what an operator may write."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
from sms_tracker.domain.operator_rules import read_limits
from tests.limits import limits

NOON = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
KEY = b"k" * 32
NUMBER, NEIGHBOUR = "+31612345678", "+31612345679"
BOTH = {"hour": 10, "day": 50}


def of_client(to: str = "NL", *, is_new: bool = False, now: datetime = NOON, **document: object) -> Counter:
    return client_counter(limits(**document), "shop", to, is_new=is_new, now=now)


def bounds(counter: Counter | None) -> dict[str, tuple[str, int]]:
    assert counter is not None
    return {bound.name: (bound.attribute, bound.most) for bound in counter.bounds}


class TestClient:
    def test_without_own_limits_a_client_has_the_daily_cap(self) -> None:
        assert bounds(of_client()) == bounds(of_client(new_countries=BOTH)) == {"daily_cap": ("d", 1_000_000)}

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
    def test_a_country_is_new_until_a_week_after_its_first_use_unless_it_is_approved(self) -> None:
        today = day_of(NOON)

        for first_used, new in ((None, True), (today - KNOWN_AFTER + 1, True), (today - KNOWN_AFTER, False)):
            assert ClientLimits().is_new("NL", first_used=first_used, today=today) is new

        own = limits(approved={"NL": {}}, clients={"shop": {"approved": {"FR": {}}}}).of("shop")

        assert [own.is_new(each, first_used=None, today=1) for each in ("NL", "FR", "DE")] == [False, False, True]


class TestRange:
    def test_neighbours_share_a_counter_and_have_attributes_of_their_own(self) -> None:
        strict = limits(range=BOTH, recipient={"hour": 2})
        one, other, far = (
            range_counter(strict, each, key=KEY, now=NOON) for each in (NUMBER, NEIGHBOUR, "+31612355678")
        )
        assert one
        assert other
        assert far

        assert one.key == other.key != far.key
        assert [*bounds(one).values()][:2] == [*bounds(other).values()][:2] == [("h12", 10), ("d", 50)]
        assert one.bounds[2].attribute != other.bounds[2].attribute

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
        assert range_counter(limits(client=BOTH), NUMBER, key=KEY, now=NOON) is None


class TestWindows:
    def test_limits_end_at_the_full_hour_and_at_midnight_utc_whatever_the_zone(self) -> None:
        counter = of_client(client=BOTH, now=NOON.astimezone(timezone(timedelta(hours=14))))
        last_of_year = of_client(client=BOTH, now=datetime(2026, 12, 31, 23, 59, tzinfo=UTC))

        midnight = datetime(2026, 2, 1, tzinfo=UTC)
        assert [bound.ends for bound in counter.bounds] == [datetime(2026, 1, 31, 13, tzinfo=UTC), midnight]
        assert [bound.ends for bound in last_of_year.bounds] == [datetime(2027, 1, 1, tzinfo=UTC)] * 2
        assert (counter.key, counter.hour) == ("client#2026-01-31#shop", 12)
        assert counter.expires_at == datetime(2026, 2, 2, tzinfo=UTC).timestamp(), "it outlives its day"


class TestExceeded:
    def test_the_last_one_fits_and_of_several_limits_the_one_that_ends_last_is_named(self) -> None:
        hourly = of_client(client={"hour": 10})
        both = of_client(client=BOTH)

        assert hourly.exceeded({"h12": 9}) is None
        assert hourly.exceeded({"h12": 10}) == hourly.bounds[0]
        assert both.exceeded({"h12": 10, "d": 50}) == both.bounds[1]
        assert of_client(client={"hour": 0}).exceeded({}), "zero allows nothing"

    @pytest.mark.parametrize(("most", "block"), [(100, 1), (7_999, 1), (8_000, 2), (100_000, 25), (10_000_000, 25)])
    def test_a_block_is_a_small_share_of_the_smallest_limit(self, most: int, block: int) -> None:
        assert of_client(client={"hour": most}, country={"day": 10_000_000}).block == block


FLAWS: Mapping[str, dict[str, object]] = {
    "daily_cap is missing": {},
    "daily_cap is no whole number": {"daily_cap": "5"},
    "allowance is no whole number": {"allowance": 1.5},
    "outage is none of open, closed": {"outage": ["open"]},
    "recipients is no setting": {"recipients": {}},
    "range is no object": {"range": 5},
    "range.minute is no setting": {"range": {"minute": 5}},
    "recipient.hour is no whole number": {"recipient": {"hour": None}},
    "client.day is no whole number": {"client": {"day": 2e9}},
    "approved is no object": {"approved": ["NL"]},
    "approved.nl is no ISO 3166 code": {"approved": {"nl": {}}},
    "approved.NL is no object": {"approved": {"NL": 5}},
    "clients is no object": {"clients": []},
    "clients.shop is no object": {"clients": {"shop": 5}},
    "clients.shop.range is no setting": {"clients": {"shop": {"range": {}}}},
    "clients.shop.country.hour is no whole number": {"clients": {"shop": {"country": {"hour": "1"}}}},
}


class TestDocument:
    def test_everything_but_the_cap_may_be_left_out_and_everything_may_be_stated(self) -> None:
        least = read_limits('\ufeff{"daily_cap": 7}')
        whole = limits(outage="closed", allowance=3, range=BOTH, recipient={"day": 1})

        assert (least.daily_cap, least.defaults, least.clients) == (7, ClientLimits(), {})
        assert (least.number_range, least.recipient) == (Quota(), Quota())
        assert (whole.number_range, whole.recipient) == (Quota(hour=10, day=50), Quota(day=1))
        assert [(each.outage, each.allowance) for each in (least, whole)] == [(Outage.OPEN, 100), (Outage.CLOSED, 3)]

    @pytest.mark.parametrize("flaw", FLAWS)
    def test_every_flaw_is_named(self, flaw: str) -> None:
        document = FLAWS[flaw]
        with pytest.raises(Misconfigured, match=f"limits: {flaw}( from 0 to 1000000000)?$"):
            read_limits(json.dumps({"daily_cap": 1, **document} if document else {}))

    @pytest.mark.parametrize(
        ("text", "flaw"),
        [
            *[(text, "not JSON") for text in ("", "{", "[" * 100_000)],
            ('{"daily_cap": 5, "daily_cap": 5000}', "not JSON"),  # Found in hjson/hjson#92
            ("[]", "the document is no object"),
            *[(f'{{"daily_cap": {cap}}}', "daily_cap is no whole number") for cap in ("true", "-1")],
            ('{"x": 1}', "x is no setting; daily_cap is missing"),
        ],
    )
    def test_a_document_of_another_form_and_several_flaws_are_named(self, text: str, flaw: str) -> None:
        with pytest.raises(Misconfigured, match=flaw):
            read_limits(text)
