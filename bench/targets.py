"""Targets and the measured figures; a missed target is only reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.cpu import BATCHES
from bench.report import Cell, Table

COSTS = {
    "cost.at rest, default": 3.5,
    "cost.at rest, volume": 3.5,
    "cost.1 M in 200 h, default": 28.0,
    "cost.10 M in 200 h, volume": 16.0,
    "cost.10 M in 720 h, volume": 16.0,
}
"""The most dollars a month at rest, and for a million of so many messages, by preset."""


@dataclass(frozen=True, slots=True)
class Target:
    """The most for the sum of the figures ``ours``, as a share of the sum of ``theirs`` if there are any."""

    name: str
    most: float
    ours: Iterable[str]
    theirs: Iterable[str] = ()

    def measured(self, figures: Mapping[str, float]) -> float:
        """Raises ``KeyError`` if its case never ran."""
        ours, theirs = (sum(figures[name] for name in names) for names in (self.ours, self.theirs))
        return ours / theirs if self.theirs else ours


_ALONE, _LOGGER = "baseline sqs.cpu", "baseline webhook.cpu"
TARGETS = (
    # boto3 as in Lambda's runtime, without awscrt: with it boto3 takes 1.5 times as long, and the ratio is 0.15.
    Target("AWS client, init + first call / boto3", 0.20, ["cold.baseline client.cpu"], [f"cold.{_ALONE}"]),
    Target("... SendMessage, warm / boto3", 0.18, ["warm.baseline client.cpu"], [f"warm.{_ALONE}"]),
    Target("webhook init + first call / boto3 sending one message", 0.33, ["cold.webhook.cpu"], [f"cold.{_ALONE}"]),
    Target("... / the same webhook with Logger + boto3", 0.25, ["cold.webhook.cpu"], [f"cold.{_LOGGER}"]),
    Target("webhook warm / boto3 sending one message", 0.28, ["warm.webhook.cpu"], [f"warm.{_ALONE}"]),
    Target("... / the same webhook with Logger + boto3", 0.30, ["warm.webhook.cpu"], [f"warm.{_LOGGER}"]),
    Target("send init / httpx + boto3 alone", 0.55, ["cold.send.init"], ["cold.baseline send.init"]),
    *(
        Target(
            f"one callback / Logger + boto3 + Powertools batch, batch of {size}",
            0.22,
            ["warm.webhook.cpu", f"warm.processor, batch of {size}.cpu"],
            [f"warm.{_LOGGER}", f"warm.baseline processor, batch of {size}.cpu"],
        )
        for size in BATCHES
    ),
    Target("webhook, modules imported", 150, ["modules.webhook"]),
    Target("write units on the item, three reports in order", 5, ["counted.item_units"]),
    Target("... and on every index", 9, ["counted.item_units", "counted.index_units"]),
    Target("reads: whether the recipient opted out", 1, ["counted.reads"]),
    *(Target(f"dollars {name.removeprefix('cost.')}", most, [name]) for name, most in COSTS.items()),
)


def targets(figures: Mapping[str, float]) -> Table:
    """The targets with known figures."""
    rows: list[list[Cell]] = []
    for target in TARGETS:
        try:
            measured = target.measured(figures)
        except KeyError:
            continue
        rows.append([target.name, float(target.most), float(measured), verdict(measured, target.most)])
    return Table(title="Targets", columns=("figure", "target", "measured", ""), rows=rows)


def verdict(measured: float, most: float) -> str:
    """Whether a target is met, or by how much it is missed."""
    return "met" if measured <= most else f"missed by {measured - most:.3g}"
