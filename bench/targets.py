"""Targets beside the measured figures; a missed one fails nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.table import Table

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """``of`` raises ``KeyError`` if its case was never run."""

    name: str
    most: float
    of: Callable[[Figures], float]


def _over(ours: str, theirs: str) -> Callable[[Figures], float]:
    return lambda figures: figures[ours] / figures[theirs]


def _callback(batch: str) -> Callable[[Figures], float]:
    """One callback through webhook and processor."""

    def of(figures: Figures) -> float:
        ours = figures["warm.webhook.cpu"] + figures[f"warm.processor, {batch}.cpu"]
        theirs = figures["warm.baseline webhook.cpu"] + figures[f"warm.baseline processor, {batch}.cpu"]
        return ours / theirs

    return of


_BATCHES = tuple(f"batch of {size}" for size in (1, 10, 50))
_ALONE, _LOGGER = "baseline sqs.cpu", "baseline webhook.cpu"
TARGETS = (
    Target("AWS client, init + first call / boto3", 0.20, _over("clients.own client.first", "clients.boto3.first")),
    Target("... SendMessage, warm / boto3", 0.18, _over("clients.own client.send", "clients.boto3.send")),
    Target("webhook init + first call / boto3 sending one message", 0.33, _over("cold.webhook.cpu", f"cold.{_ALONE}")),
    Target("... / the same webhook with Logger + boto3", 0.25, _over("cold.webhook.cpu", f"cold.{_LOGGER}")),
    Target("webhook warm / boto3 sending one message", 0.28, _over("warm.webhook.cpu", f"warm.{_ALONE}")),
    Target("... / the same webhook with Logger + boto3", 0.30, _over("warm.webhook.cpu", f"warm.{_LOGGER}")),
    *(
        Target(
            f"processor per report / Logger + Powertools batch + boto3, {each}",
            0.30,
            _over(f"warm.processor, {each}.cpu", f"warm.baseline processor, {each}.cpu"),
        )
        for each in _BATCHES
    ),
    Target("send init / httpx + boto3 alone", 0.80, _over("cold.send.init", "cold.baseline send.init")),
    *(Target(f"one callback / Logger + boto3 + Powertools batch, {each}", 0.22, _callback(each)) for each in _BATCHES),
    Target("webhook, modules imported", 150, lambda figures: figures["modules.webhook"]),
    Target("write units on the item, three reports in order", 5, lambda figures: figures["counted.item_units"]),
    Target("... and on every index", 9, lambda figures: figures["counted.item_units"] + figures["counted.index_units"]),
    Target("reads, three reports in order", 0, lambda figures: figures["counted.reads"]),
    Target("dollars per million messages", 15, lambda figures: figures["cost.ours"]),
)


def targets(figures: Figures) -> Table:
    """The targets with known figures."""
    rows: list[list[str | float | int]] = []
    for target in TARGETS:
        try:
            measured = target.of(figures)
        except KeyError:
            continue
        rows.append([target.name, float(target.most), float(measured), _verdict(measured, target.most)])
    return Table(title="Targets", columns=("figure", "target", "measured", ""), rows=rows)


def _verdict(measured: float, most: float) -> str:
    if measured <= most:
        return "met"
    return f"missed by {measured - most:.3g}"
