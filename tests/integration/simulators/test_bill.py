"""What messages cost by our statistics, against the bills of the simulated providers: equal to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from local import simulators
from local.simulators.aws import SIMULATOR as AWS
from sms_tracker.domain.hourly_stats import counting_stages
from sms_tracker.domain.http import Caller
from sms_tracker.domain.settings import PriceLookup
from sms_tracker.read.stats import StatsReader
from sms_tracker.reconcile.hourly_stats import HourlyCounter
from tests.integration.simulators.conftest import account
from tests.integration.simulators.running import Received, Receiver, Simulator, number
from tests.integration.simulators.service import Service
from tests.memory_statistics import MemoryStatistics
from tests.unit.test_reconcile import LiveSearch

NAMES = ("bird", "messagebird", "twilio")
TEXTS = ("Your parcel is here", "Ihr Paket ist da: 12 € – bis gleich, am gewohnten Ort", 12 * "Your parcel is here. ")
COURSES = ("delivered", "undelivered", "tangled", "corrected", "shuffled", "silent", "early", "broken-answer")


@dataclass
class Accounts:
    """A stack that sends through three simulated providers, and their bills."""

    service: Service
    providers: dict[str, Simulator]
    receiver: Receiver
    chance: Random = field(default_factory=lambda: Random(5))

    def send(self, to: str, provider: str, text: str, key: str | None = None) -> int:
        """The status of the answer."""
        return self.service.sending.post(key or str(uuid4()), to=to, provider=provider, body=text).status

    def take_in(self) -> None:
        """Every report, in any order, a third of them twice."""
        self.service.take_in(self.received())

    def received(self) -> list[Received]:
        """Likewise, not taken in yet."""
        for each in self.providers.values():
            each.idle()
        reports = [*self.receiver.requests]
        reports += self.chance.sample(reports, len(reports) // 3)
        self.chance.shuffle(reports)
        return reports

    def reconcile(self, *hours: float) -> None:
        """A run at each time after the messages were sent."""
        sent = self.service.clock.now
        for hour in hours:
            self.service.clock.now = sent + timedelta(hours=hour)
            self.service.reconcile(PriceLookup.ALL)
        self.service.clock.now = sent

    def billed(self) -> dict[str, Decimal]:
        """The sums of all charges by currency."""
        sums: dict[str, Decimal] = {}
        charges = (message["charged"] for each in self.providers.values() for message in each.ledger()["messages"])
        for amount, currency in (charge.split() for charge in charges if charge):
            sums[currency] = sums.get(currency, Decimal()) + Decimal(amount)
        return sums

    def stats(self, by: str) -> Any:
        """What GET /stats answers once the messages are counted."""
        statistics, clock = MemoryStatistics(), self.service.clock
        HourlyCounter(
            search=LiveSearch(self.service.messages),
            statistics=statistics,
            clock=clock,
            monotonic=lambda: 0.0,
            stages=counting_stages(timedelta(hours=72)),
            seconds=60,
        ).run()
        reader = Caller("shop", frozenset({"read"}))
        return StatsReader(statistics=statistics, clock=clock).answer(reader, {"by": by}).body


@pytest.fixture
def accounts(urls: dict[str, Any], receiver: Receiver) -> Iterator[Accounts]:
    with ExitStack() as opened:
        providers = {name: opened.enter_context(account(urls, name)) for name in NAMES}
        known = {name: simulators.load(name).credentials(each.url) for name, each in providers.items()}
        base = receiver.url.removesuffix("/hook")
        service = Service("prod", "bird", known.pop("bird"), base, further=known)
        providers["bird"].settings(webhook_url=service.url)
        yield Accounts(service, providers, receiver)


@pytest.fixture
def aws_account(urls: dict[str, Any], receiver: Receiver) -> Iterator[Accounts]:
    """A stack that sends through AWS alone, with the receiver as its topic."""
    base = receiver.url.removesuffix("/hook")
    with account(urls, "aws") as aws:
        aws.settings(aws_url=base, topic_arn="arn:aws:sns:eu-central-1:000000000000:events")
        yield Accounts(Service("prod", "aws", AWS.credentials(aws.url), base), {"aws": aws}, receiver)


def amounts(figures: Any) -> dict[str, Decimal]:
    return {currency: Decimal(amount) for currency, amount in figures["cost"]["amounts"].items()}


def test_the_sums_by_country_are_the_providers_bills_to_the_last_digit(accounts: Accounts) -> None:
    """With corrections, prices that grow and prices that come late, every report in any order and some lost."""
    accounts.providers["twilio"].settings(late_prices="2")
    for position, course in enumerate(COURSES):
        for name in NAMES:
            to, text = number(course), f"{position} {TEXTS[position % 3]}"
            assert accounts.send(to, name, text) == 202
            assert accounts.send(to.replace("+316123456", "+49151123456"), name, text) == 202
    assert accounts.send(number("refused"), "twilio", "never taken") == 422
    accounts.take_in()
    accounts.reconcile(0.2, 0.3, 1.02, 1.1, 6.1, 24.05, 48.05)

    stats = accounts.stats("country")
    assert stats["total"]["statuses"].keys() == {"delivered", "undelivered", "failed"}
    assert amounts(stats["total"]) == accounts.billed()
    assert stats["total"]["cost"]["priced"] == stats["total"]["cost"]["attempts"] == 2 * len(COURSES) * len(NAMES)
    assert [group["country"] for group in stats["groups"]] == ["DE", "NL"]
    assert amounts(stats["groups"][0]) == amounts(stats["groups"][1]) != {}
    segments = stats["total"]["cost"]["segments"]
    assert (segments["computed"], segments["different"]) == (segments["billed"], 0)


def test_a_retry_at_another_provider_is_paid_twice_if_the_first_took_the_message_after_all(accounts: Accounts) -> None:
    to, key = number("delivered"), str(uuid4())
    refused = {"name": "refused and taken", "like": "delivered", "error": 20003, "taken": True}
    accounts.providers["twilio"].script(to, refused)

    assert accounts.send(to, "twilio", TEXTS[0], key) == 502
    assert accounts.send(to, "messagebird", TEXTS[0], key) == 202
    accounts.take_in()
    accounts.reconcile(1.02)

    (record,) = accounts.service.messages.records.values()
    assert {attempt: str(cost.price) for attempt, cost in record.costs.items()} == {1: "0.0079 USD", 2: "0.07 EUR"}
    stats = accounts.stats("provider")
    assert (stats["total"]["messages"], stats["total"]["cost"]["attempts"]) == (1, 2)
    assert amounts(stats["total"]) == accounts.billed()


def test_segments_that_a_provider_counts_in_another_way_are_counted(accounts: Accounts) -> None:
    to = number("delivered")
    fields = {"messagePartCount": "2", "price[amount]": "1.4e-01"}
    accounts.providers["messagebird"].script(to, {"name": "counted", "like": "delivered", "fields": fields})

    for _ in range(2):
        assert accounts.send(to, "messagebird", TEXTS[0]) == 202
    assert accounts.send(number("read"), "messagebird", TEXTS[0]) == 202
    accounts.take_in()

    cost = accounts.stats("country")["total"]["cost"]
    assert cost["segments"] == {"computed": 3, "billed": 5, "different": 2}
    assert cost["amounts"] == {"EUR": "0.35"}


def test_the_sum_of_awss_events_is_its_bill_except_where_no_event_came(aws_account: Accounts) -> None:
    """Price and carrier fee in one sum. There is no look-up, so what no event states stays without a price."""
    courses = [course for course in COURSES if course != "silent"]
    for position, course in enumerate(courses):
        text = f"{position} {TEXTS[position % 3]}"
        assert aws_account.send(number(course), "aws", text) == 202
    assert aws_account.send(number("refused"), "aws", "never taken") == 422
    aws_account.service.take_in_events(aws_account.received())

    total = aws_account.stats("country")["total"]
    assert amounts(total) == aws_account.billed() != {}
    assert total["cost"]["priced"] == total["cost"]["attempts"] == len(courses)
    assert total["cost"]["segments"]["different"] == 0

    assert aws_account.send(number("silent"), "aws", TEXTS[0]) == 202
    aws_account.providers["aws"].idle()
    aws_account.reconcile(1.02, 48.05)

    cost = aws_account.stats("country")["total"]["cost"]
    assert (cost["priced"], cost["attempts"]) == (len(courses), len(courses) + 1)
    assert aws_account.billed()["USD"] - amounts({"cost": cost})["USD"] == Decimal("0.00883")
