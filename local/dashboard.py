"""Draw the template's CloudWatch dashboard with sample data, to review it before a deployment."""

from __future__ import annotations

import argparse
import json
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from local.process import ROOT
from local.template import load

TARGET = ROOT / "docs/dashboard.svg"
_COLUMN, _ROW, _GAP = 50, 40, 8
"""Pixels of a unit of CloudWatch's grid (24 columns), and between widgets."""
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")
_POINTS = 72
_SAMPLE = {
    "%": (96.0, 2.5),
    "s": (14.0, 6.0),
    "ms": (180.0, 60.0),
    "messages": (400.0, 160.0),
    "requests": (260.0, 90.0),
}
"""Mean and spread of the sample data by the axis' unit; error metrics are mostly zero."""
_RARE = 0.04
_ERRORS = re.compile("fail|refus|error|unknown|repeat|503|dlq|publish|unmatched|dead|duplicate|unrecog|invocations")


def body(template: Mapping[str, Any]) -> dict[str, Any]:
    """The dashboard's JSON with all alarms; ``${...}`` of their names is left as it is."""
    text, local = template["Resources"]["ServiceDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    alarms, further = local["Alarms"]["Fn::If"][1]["Fn::Sub"]
    others = further["Others"]["Fn::If"][1]["Fn::Sub"]
    parsed: dict[str, Any] = json.loads(text.replace("${Alarms}", alarms.replace("${Others}", others)))
    return parsed


def draw(dashboard: Mapping[str, Any]) -> str:
    """The dashboard as SVG; deterministic."""
    height = max(widget["y"] + widget["height"] for widget in dashboard["widgets"]) * _ROW
    parts = [part for widget in dashboard["widgets"] for part in _widget(widget)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {24 * _COLUMN} {height}" font-family="sans-serif">',
            "<title>The CloudWatch dashboard, drawn with sample data</title>",
            f'<rect width="{24 * _COLUMN}" height="{height}" fill="#eef0f2"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _widget(widget: Mapping[str, Any]) -> Iterator[str]:
    x, y = widget["x"] * _COLUMN + _GAP / 2, widget["y"] * _ROW + _GAP / 2
    width, height = widget["width"] * _COLUMN - _GAP, widget["height"] * _ROW - _GAP
    properties = widget["properties"]
    yield f'<g transform="translate({x:g},{y:g})">'
    yield f'<rect width="{width}" height="{height}" rx="4" fill="#fff" stroke="#d5dbdb"/>'
    yield f'<text x="12" y="22" font-size="14" font-weight="bold" fill="#16191f">{escape(properties["title"])}</text>'
    yield from _alarms(properties, width) if widget["type"] == "alarm" else _graph(properties, width, height)
    yield "</g>"


def _alarms(properties: Mapping[str, Any], width: float) -> Iterator[str]:
    columns = 10
    each = (width - 16) / columns
    for place, arn in enumerate(properties["alarms"]):
        x, y = 8 + place % columns * each, 32 + place // columns * 24
        name = escape(arn.rpartition("}-")[2])
        yield f'<rect x="{x:.1f}" y="{y}" width="{each - 6:.1f}" height="20" rx="3" fill="#e3f4e6" stroke="#1d8102"/>'
        yield f'<text x="{x + 4:.1f}" y="{y + 14}" font-size="9" fill="#16191f">✓ {name}</text>'


def _graph(properties: Mapping[str, Any], width: float, height: float) -> Iterator[str]:
    axis = properties["yAxis"]["left"]
    labels = [str(metric[-1]["label"]) for metric in properties["metrics"]]
    series = [_sample(properties["title"], label, axis["label"]) for label in labels]
    bottom = float(axis["min"])
    top = float(axis.get("max") or _ceiling(max(max(values) for values in series)))
    rows = math.ceil(len(labels) / 2)
    left, right, upper, lower = 52.0, width - 12, 50.0, height - 22 - 16 * rows
    yield f'<text x="12" y="40" font-size="11" fill="#687078">{escape(axis["label"])}</text>'
    for part in range(5):
        y = lower - (lower - upper) * part / 4
        yield f'<line x1="{left}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eaeded"/>'
        mark = f"{bottom + (top - bottom) * part / 4:g}"
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" font-size="10" text-anchor="end" fill="#687078">{mark}</text>'
    scale = (lower - upper) / (top - bottom)
    for place, (label, values) in enumerate(zip(labels, series, strict=True)):
        colour = _COLOURS[place % len(_COLOURS)]
        points = " ".join(
            f"{left + (right - left) * n / (_POINTS - 1):.1f},{lower - scale * (min(value, top) - bottom):.1f}"
            for n, value in enumerate(values)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        x, y = 12 + place % 2 * (width / 2), lower + 22 + 16 * (place // 2)
        yield f'<rect x="{x:g}" y="{y - 8:.1f}" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 16:g}" y="{y + 1:.1f}" font-size="11" fill="#16191f">{escape(label)}</text>'


def _sample(title: str, label: str, unit: str) -> Sequence[float]:
    """A day in steps of twenty minutes, with a daily cycle and occasional errors."""
    mean, spread = _SAMPLE.get(unit, (40.0, 20.0))
    rng = random.Random(f"{title} {label}")  # noqa: S311  # deterministic sample data
    if _ERRORS.search(f"{label} {unit}"):
        return [float(rng.randint(1, 5)) if rng.random() < _RARE else 0.0 for _ in range(_POINTS)]
    scale = 4.0 if "p99" in label or "p90" in label else 1.0
    day = 0.0 if unit == "%" else 0.6
    values = (
        mean * (1 + day * math.sin(2 * math.pi * n / _POINTS - 2)) + rng.gauss(0, spread / 3) for n in range(_POINTS)
    )
    return [max(0.0, value * scale) for value in values]


def _ceiling(value: float) -> float:
    """The next round number above ``value``."""
    step = 10 ** math.floor(math.log10(value or 1))
    return float(next(factor * step for factor in (1, 2, 4, 8, 10, 20) if factor * step >= value))


def main() -> None:
    """``python -m local.dashboard``: write the picture."""
    parser = argparse.ArgumentParser(prog="make dashboard", description=__doc__)
    parser.add_argument("--to", type=Path, default=TARGET, help="file to write (default: %(default)s)")
    target: Path = parser.parse_args().to
    target.write_text(draw(body(load(ROOT / "template.yaml"))), encoding="utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
