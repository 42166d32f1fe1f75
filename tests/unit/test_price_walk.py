"""Prices that no report stated: looked up at three ages, each once, until they are there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from sms_tracker.domain.indexes import shard
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import PriceLookup
from sms_tracker.domain.state import fold
from sms_tracker.domain.status import Status
from sms_tracker.reconcile.lookup import Budget
from tests.factories import cost, report
from tests.fakes import START
from tests.setups import BIRD_ID, SID
from tests.unit.test_reconcile import BUSY, DAY, HOUR, MINUTE, Account, Setup, in_turn, lost, taken


def listed(sid: str = SID, **changes: Any) -> dict[str, Any]:
    """Twilio's record of a delivered message without a price."""
    return {"sid": sid, "status": "delivered", "price": None, "price_unit": "USD", "num_segments": "1", **changes}


def priced(amount: str = "-0.00750", sid: str = SID) -> dict[str, Any]:
    return listed(sid, price=amount)


def pricing(*records: Record, age: timedelta, mode: PriceLookup = PriceLookup.ALL, **values: Any) -> Setup:
    setup = Setup(*records, age=age, **values)
    setup.prices = mode
    return setup


def prices(setup: Setup) -> dict[str, int]:
    """The decisions about prices of one run, processed."""
    done = {name: count for name, count in setup.run().items() if name.startswith("price")}
    setup.drain()
    return done


def numbered(count: int) -> list[Record]:
    """Delivered messages, a second apart."""
    return in_turn(partial(taken, Status.DELIVERED), timedelta(seconds=1), count)


def test_a_price_that_no_report_stated_is_looked_up_after_an_hour_and_nothing_else_changes() -> None:
    setup = pricing(taken(Status.DELIVERED), account=Account([priced()]), age=HOUR)
    assert prices(setup) == {}
    setup.clock.now = START + HOUR + MINUTE

    assert prices(setup) == {"price-looked-up": 1}
    known, version = setup.record.costs, setup.record.version
    assert (known, version) == ({1: cost("0.0075", timestamp(setup.clock.now), "USD", segments=1)}, 1)
    assert setup.record.send.phase is SendPhase.ANSWERED
    assert {request.method for request in setup.account.requests} == {"GET"}


def test_a_late_price_is_looked_up_at_each_age() -> None:
    setup = pricing(taken(Status.DELIVERED), account=Account([listed()]), age=HOUR)
    decisions = []
    for hours in range(1, 80):
        setup.clock.now = START + hours * HOUR + MINUTE
        setup.account.messages = [priced() if hours >= 30 else listed()]
        decisions += [(hours, *each) for each in prices(setup).items()]

    assert decisions == [(1, "price-nothing-new", 1), (24, "price-nothing-new", 1), (48, "price-looked-up", 1)]
    assert str(setup.record.price(1)) == "0.0075 USD"


@pytest.mark.parametrize(
    "settled",
    [
        taken(Status.SENT),
        replace(taken(Status.DELIVERED), costs={1: cost("0")}),
        replace(lost(), state=fold([report(Status.FAILED, provider_message_id=None)], base=lost().state)),
        replace(taken(Status.DELIVERED), state=replace(taken(Status.DELIVERED).state, provider="aws")),
    ],
    ids=["open", "priced", "never taken", "no look-up"],
)
def test_no_other_message_is_looked_up(settled: Record) -> None:
    setup = pricing(settled, account=Account([listed(status="sent")]), age=HOUR + MINUTE)
    assert prices(setup) == {}


def test_nothing_is_looked_up_or_read_if_it_is_off() -> None:
    off, on = (pricing(*numbered(3), age=HOUR + MINUTE, mode=mode) for mode in (PriceLookup.OFF, PriceLookup.ALL))
    assert (prices(off), prices(on)) == ({}, {"price-provider-has-no-such-message": 3})
    assert off.search.reads < on.search.reads
    assert [name for name in off.reconcile_state.positions if name.startswith("price")] == []


def test_a_sample_is_the_messages_of_one_shard() -> None:
    records = numbered(200)
    setup = pricing(*records, account=Account([priced()]), age=HOUR + 4 * MINUTE, mode=PriceLookup.SAMPLE)
    prices(setup)

    known = {each.message_id for each in setup.messages.records.values() if each.costs}
    assert known == {each.message_id for each in records if shard(each.message_id) == "00"}
    assert 5 <= len(known) <= 25


def test_every_attempt_is_looked_up_at_its_own_provider() -> None:
    second = report(Status.DELIVERED, attempt=2, provider_message_id=SID)
    first = report(Status.ACCEPTED, provider="messagebird", provider_message_id=BIRD_ID)
    record = replace(taken(), state=fold([first, second], base=lost().state), providers={1: "messagebird", 2: "twilio"})
    setup = pricing(record, account=Account([priced()]), age=HOUR + MINUTE)

    assert prices(setup) == {"price-provider-did-not-answer": 1, "price-looked-up": 1}
    hosts = [request.url.split("/")[2] for request in setup.account.requests]
    assert hosts == ["rest.messagebird.com", "api.twilio.com"]
    assert setup.record.costs.keys() == {2}


@pytest.mark.parametrize("created", [{}, {"created_at": timestamp(START)}], ids=["a second apart", "of one moment"])
def test_a_run_that_is_spent_continues_where_it_stopped(created: dict[str, Any]) -> None:
    records = [replace(each, **created) for each in numbered(9)]
    setup = pricing(*records, account=Account([priced()]), age=HOUR + MINUTE)
    setup.budget = Budget(seconds=200, lookups=4, rate=5)

    spent = {"price-looked-up": 4, "prices-left-for-the-next-run": 1}
    assert [prices(setup) for _ in range(4)] == [spent, spent, {"price-looked-up": 1}, {}]
    assert len(setup.account.requests) == 9


def test_after_a_failed_call_the_price_is_looked_up_at_the_next_age() -> None:
    setup = pricing(*numbered(5), account=Account(broken=BUSY), age=HOUR + MINUTE)

    assert prices(setup) == {"price-provider-did-not-answer": 5}
    assert len(setup.account.requests) == 3
    setup.account.broken, setup.account.messages = None, [priced()]
    assert prices(setup) == {}
    setup.clock.now = START + DAY + MINUTE
    assert prices(setup) == {"price-looked-up": 5}


def test_a_walk_that_fails_is_repeated_by_the_next_run() -> None:
    setup = pricing(taken(Status.DELIVERED), account=Account([priced()]), age=HOUR + MINUTE)
    setup.queue.fail = True
    assert prices(setup) == {"prices-walk-failed": 1}
    setup.queue.fail = False

    assert prices(setup) == {"price-looked-up": 1}


def test_a_damaged_record_does_not_stop_the_walk() -> None:
    records = numbered(3)
    setup = pricing(*records, account=Account([priced()]), age=HOUR + MINUTE)
    setup.search.unreadable = {records[1].message_id}
    assert prices(setup) == {"price-looked-up": 2}


def test_a_walk_that_stood_still_for_long_looks_back_a_day_at_each_age() -> None:
    setup = pricing(taken(Status.DELIVERED), *numbered(1), account=Account([priced()]), age=-HOUR)
    prices(setup)
    setup.clock.now = START + 3 * DAY + 2 * HOUR
    assert prices(setup) == {}
