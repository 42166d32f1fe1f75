"""The write units of limits are those that bench/README.md states."""

from __future__ import annotations

import re

import pytest

from bench.hot_item import steady_units
from bench.limits import CASES, at_rate
from tests.limits import limits
from tests.unit.template_stack import ROOT

README = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
STATED = dict(re.findall(r"^\| (.+?) \| (\d+) \|$", README[README.index("## Limits") :], re.MULTILINE))


def test_every_case_is_stated() -> None:
    assert STATED.keys() == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_message_takes_the_stated_units(name: str) -> None:
    assert CASES[name]() == int(STATED[name])


def test_a_client_with_four_messages_a_second_takes_about_a_unit_for_each() -> None:
    assert 4 <= at_rate(4, limits(daily_cap=7_000), 1) < 6


def test_the_simulated_counter_takes_the_units_that_are_measured() -> None:
    measured = at_rate(10, limits(daily_cap=7_000), 1)

    assert steady_units(10) == pytest.approx(measured, rel=0.1)
