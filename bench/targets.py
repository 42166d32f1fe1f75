"""Targets and the measured figures; a missed target is only reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.report import Table

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """``of`` raises ``KeyError`` if its case never ran."""

    name: str
    most: float
    of: Callable[[Figures], float]


def _over(ours: str, theirs: str) -> Callable[[Figures], float]:
    return lambda figures: figures[ours] / figures[theirs]


def _callback(batch: str) -> Callable[[Figures], float]:
    """CPU of one callback through webhook and processor, relative to the baselines."""

    def of(figures: Figures) -> float:
        ours = figures["warm.webhook.cpu"] + figures[f"warm.processor, {batch}.cpu"]
        theirs = figures["warm.baseline webhook.cpu"] + figures[f"warm.baseline processor, {batch}.cpu"]
        return ours / theirs

    return of


def _figure(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures[name]


COSTS = {
    "cost.at rest, default": 3.5,
    "cost.at rest, volume": 3.5,
    "cost.1 M in 200 h, default": 28.0,
    "cost.10 M in 200 h, volume": 16.0,
    "cost.10 M in 720 h, volume": 16.0,
}
"""The most dollars a month at rest, and for a million of so many messages, by preset."""
_BATCHES = tuple(f"batch of {size}" for size in (1, 10, 50))
_ALONE, _LOGGER = "baseline sqs.cpu", "baseline webhook.cpu"
TARGETS = (
    # boto3 as in Lambda's runtime, without awscrt: with it boto3 takes 1.5 times as long, and the ratio is 0.15.
    Target("AWS client, init + first call / boto3", 0.20, _over("cold.baseline client.cpu", f"cold.{_ALONE}")),
    Target("... SendMessage, warm / boto3", 0.18, _over("warm.baseline client.cpu", f"warm.{_ALONE}")),
    Target("webhook init + first call / boto3 sending one message", 0.33, _over("cold.webhook.cpu", f"cold.{_ALONE}")),
    Target("... / the same webhook with Logger + boto3", 0.25, _over("cold.webhook.cpu", f"cold.{_LOGGER}")),
    Target("webhook warm / boto3 sending one message", 0.28, _over("warm.webhook.cpu", f"warm.{_ALONE}")),
    Target("... / the same webhook with Logger + boto3", 0.30, _over("warm.webhook.cpu", f"warm.{_LOGGER}")),
    Target("send init / httpx + boto3 alone", 0.55, _over("cold.send.init", "cold.baseline send.init")),
    *(Target(f"one callback / Logger + boto3 + Powertools batch, {each}", 0.22, _callback(each)) for each in _BATCHES),
    Target("webhook, modules imported", 150, lambda figures: figures["modules.webhook"]),
    Target("write units on the item, three reports in order", 5, lambda figures: figures["counted.item_units"]),
    Target("... and on every index", 9, lambda figures: figures["counted.item_units"] + figures["counted.index_units"]),
    Target("reads: whether the recipient opted out", 1, lambda figures: figures["counted.reads"]),
    Target("report to event, warm, p95, seconds", 2, lambda figures: figures["latency.event.p95"]),
    *(Target(f"dollars {name[5:]}", most, _figure(name)) for name, most in COSTS.items()),
)


def targets(figures: Figures) -> Table:
    """The targets with known figures."""
    rows: list[list[str | float | int]] = []
    for target in TARGETS:
        try:
            measured = target.of(figures)
        except KeyError:
            continue
        verdict = "met" if measured <= target.most else f"missed by {measured - target.most:.3g}"
        rows.append([target.name, float(target.most), float(measured), verdict])
    return Table(title="Targets", columns=("figure", "target", "measured", ""), rows=rows)
