"""From a report to its event: the waits on the way add up, and cold starts come on top."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean
from typing import Any

import pytest

from bench.latency import PATH, cold_start, report_to_event
from bench.settings import Load, settings

TAKEN = {name: [3.0] for name in PATH}
NOW = replace(settings(), window=0.0, stream_window=0.0, memory=dict.fromkeys(PATH, 1769))


def delays(load: Load | None = None, rate: float = 5.0, **changed: Any) -> list[float]:
    return report_to_event(TAKEN, replace(NOW, **changed), load or Load(), rate=rate)


def test_without_windows_an_event_follows_its_report_within_two_seconds() -> None:
    assert max(delays()) < 2
    assert min(delays()) > 3 * 0.003


def test_a_window_delays_by_half_of_it_on_average() -> None:
    assert mean(delays(window=4.0)) - mean(delays()) == pytest.approx(2, abs=0.1)
    assert mean(delays(stream_window=4.0)) - mean(delays()) > 1.5


def test_less_memory_and_slower_calls_take_longer() -> None:
    assert mean(delays(memory=dict.fromkeys(PATH, 128))) > mean(delays())
    assert mean(delays(Load(aws_ms=60))) > mean(delays()) + 0.1


def test_a_shard_that_is_behind_delays_what_follows() -> None:
    assert mean(delays(rate=200.0)) > mean(delays())


def test_a_cold_start_is_its_init_on_a_whole_cpu_and_its_first_call_on_a_share() -> None:
    figures = {"cold.webhook.init": 100.0, "cold.webhook.cpu": 110.0}
    slow = replace(NOW, memory={"webhook": 1769 // 2})

    assert cold_start(figures, "webhook", NOW, Load()) == pytest.approx(0.2 + 0.110)
    assert cold_start(figures, "webhook", slow, Load()) == pytest.approx(0.2 + 0.120, abs=0.001)
