"""The figures that the project set itself, beside what was measured in this run; nothing fails by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.table import Table

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """``of`` raises ``KeyError`` where its case was not run."""

    name: str
    most: float
    of: Callable[[Figures], float]


def _over(ours: str, theirs: str) -> Callable[[Figures], float]:
    return lambda figures: figures[ours] / figures[theirs]


def _callback(batch: str) -> Callable[[Figures], float]:
    """One callback's way through both functions."""

    def of(figures: Figures) -> float:
        ours = figures["warm.webhook.cpu"] + figures[f"warm.processor, {batch}.cpu"]
        theirs = figures["warm.baseline webhook_logger.cpu"] + figures[f"warm.baseline processor_logger, {batch}.cpu"]
        return ours / theirs

    return of


_BATCHES = tuple(f"batch of {size}" for size in (1, 10, 50))
_ALONE, _LOGGER = "baseline sqs.cpu", "baseline webhook_logger.cpu"
TARGETS = (
    Target("AWS client, init + first call / boto3", 0.20, _over("clients.own client.first", "clients.boto3.first")),
    Target("... SendMessage, warm / boto3", 0.18, _over("clients.own client.send", "clients.boto3.send")),
    Target("webhook init + first call / boto3 sending one message", 0.33, _over("cold.webhook.cpu", f"cold.{_ALONE}")),
    Target("... / the same webhook with Logger + boto3", 0.25, _over("cold.webhook.cpu", f"cold.{_LOGGER}")),
    Target("webhook warm / boto3 sending one message", 0.28, _over("warm.webhook.cpu", f"warm.{_ALONE}")),
    Target("... / the same webhook with Logger + boto3", 0.30, _over("warm.webhook.cpu", f"warm.{_LOGGER}")),
    *(
        Target(
            f"processor per report / Powertools batch + parser + boto3, {each}",
            0.30,
            _over(f"warm.processor, {each}.cpu", f"warm.baseline processor, {each}.cpu"),
        )
        for each in _BATCHES
    ),
    Target("send init / httpx + boto3 alone", 0.80, _over("cold.send.init", "cold.baseline send_boto3.init")),
    Target("... / the Powertools way", 0.80, _over("cold.send.init", "cold.baseline send.init")),
    *(Target(f"one callback / Logger + boto3 + Powertools batch, {each}", 0.22, _callback(each)) for each in _BATCHES),
    Target("webhook, modules imported", 150, lambda figures: figures["modules.webhook"]),
    Target("write units on the item, three reports in order", 5, lambda figures: figures["counted.item_units"]),
    Target("... and on every index", 9, lambda figures: figures["counted.item_units"] + figures["counted.index_units"]),
    Target("read units a report", 0, lambda figures: figures["counted.read_units"]),
    Target("dollars per million messages", 15, lambda figures: figures["cost.ours"]),
)


def targets(figures: Figures) -> Table:
    """Those whose figures are there."""
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
