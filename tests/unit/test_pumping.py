"""A pumping run against the limits that docs/limits.md shows: how far it gets, and how often people are told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from sms_tracker.domain.limits import SendLimits
from sms_tracker.domain.operator_rules import read_limits
from sms_tracker.log import Line
from sms_tracker.services.send_request import measure_send
from tests.cloudwatch import Metric, Period, in_alarm, watched
from tests.fakes import START, FixedSettings
from tests.setups import TAKEN, SendSetup
from tests.unit.template_stack import ROOT, stack

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

DOCUMENT = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
DAYS, EVERY = timedelta(days=2), timedelta(minutes=1)
COUNTRIES = [
    *("FR", "DE", "GB", "ES", "IT", "PL", "SE", "NO", "DK", "FI", "PT", "CH", "AT", "IE", "GR", "CZ", "HU", "RO", "BG"),
    *("HR", "SI", "SK", "EE", "LV", "LT", "MT", "CY", "UA", "RS", "TR", "IL", "EG", "MA", "TN", "KE", "NG", "GH", "ZA"),
    *("IN", "PK"),
]


def documented() -> SendLimits:
    (shown,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    return read_limits(shown)


def adjacent(country: str) -> Iterator[str]:
    """Numbers of one range, one after the other."""
    example = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    assert example is not None
    base = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    for last in range(10_000):
        yield f"{base[:-4]}{last:04}"


class Run:
    """What became of each message; and the alarms' metrics, by hour since the start."""

    def __init__(self, *countries: str) -> None:
        self.setup = SendSetup((TAKEN,), settings=FixedSettings(limits=documented()))
        numbers = [adjacent(country) for country in countries]
        self.handed_over, self.refused, self.to_new = Counter[str](), Counter[int](), Counter[int]()
        for number in range(DAYS // EVERY):
            self.setup.clock.now = START + number * EVERY
            country = number % len(countries)
            reply = self.setup.post(to=next(numbers[country]))
            line = Line()
            measure_send(reply, line, provider_calls=1)
            self.handed_over[countries[country]] += reply.status == 202
            hour = number * EVERY // timedelta(hours=1)
            self.refused[hour] += "SendsOverLimit" in line.figures
            self.to_new[hour] += "SendsToNewCountries" in line.figures
        assert self.handed_over.total() == len(self.setup.http.requests)


def test_forty_new_countries_get_as_many_messages_as_the_docs_say_and_people_are_told_once() -> None:
    run = Run(*COUNTRIES)

    (stated,) = re.findall(r"here \*\*(\d+) messages\*\*", DOCUMENT)
    assert len(COUNTRIES) == 40
    assert run.handed_over.total() == int(stated) == 3 * (documented().defaults.new_countries.day or 0)
    assert notifications("limits-exceeded", run.refused) == 1
    assert notifications("new-countries", run.to_new) == 1


def test_adjacent_numbers_of_a_country_in_use_get_as_many_as_their_range_may() -> None:
    run = Run("NL")
    assert run.handed_over.total() == 3 * (documented().number_range.day or 0)
    assert notifications("new-countries", run.to_new) == 0


def test_the_alarm_on_new_countries_comes_at_half_of_what_an_hour_allows() -> None:
    allowed = documented().defaults.new_countries.hour or 0
    assert alarm_of("new-countries")["Threshold"] == allowed / 2


def alarm_of(name: str) -> Mapping[str, Any]:
    (found,) = (
        each.properties
        for each in stack(Alarms="all").of("AWS::CloudWatch::Alarm").values()
        if each.properties["AlarmName"] == f"stack-{name}"
    )
    return found


def notifications(name: str, counted: Counter[int]) -> int:
    """How often an alarm begins in the hours of the run and a day more, from the counts of its metric by hour."""
    alarm = alarm_of(name)
    (metric,) = watched(alarm)
    assert isinstance(metric, Metric)
    assert alarm["Period"] == 3600
    hours: list[Period] = [{metric: [float(counted[hour])]} if counted[hour] else {} for hour in range(24 * 3)]
    quiet: Period = {}
    states = [in_alarm(alarm, [*[quiet] * 24, *hours[: hour + 1]]) for hour in range(len(hours))]
    return sum(now and not before for before, now in zip([False, *states], states, strict=False))
