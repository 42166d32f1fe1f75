"""CPU of an AWS call: boto3 and our own client, each in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from bench import answers
from bench.calling import CASES
from bench.endpoint import serving
from bench.report import Outcome, Plan, Progress, in_turns, spread
from bench.table import Cell, Table
from local.process import ROOT

Figures = dict[str, float]
_COLUMNS = {"first": "init + first call", "send": "SendMessage, warm", "update": "UpdateItem, warm"}


def clients(plan: Plan, progress: Progress) -> Outcome:
    """CPU of clients that send to a queue and write to a table: boto3 and our own."""
    with serving(answers.aws({})) as ((aws,), authorities), tempfile.TemporaryDirectory() as compiled:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'layers' / 'core'}:{ROOT}",
            "PYTHONPYCACHEPREFIX": compiled,  # as a function is shipped
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_CA_BUNDLE": str(authorities),
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        cases = {name: partial(_measured, name, environment) for name in CASES}
        in_turns(cases, rounds=1, progress=progress)  # compiles
        taken = in_turns(cases, rounds=plan.samples, progress=progress)
    columns = ["client", *(cell for title in _COLUMNS.values() for cell in (title, "of boto3")), "modules"]
    note = f"CPU milliseconds, medians and quartiles of {plan.samples} processes; modules: those imported for it."
    rows = [_row(name, taken) for name in taken]
    figures = {
        f"clients.{name}.{column}": spread([each[column] for each in measured]).median
        for name, measured in taken.items()
        for column in _COLUMNS
    }
    return Outcome((Table(title="AWS clients", columns=tuple(columns), rows=rows, note=note),), figures)


def _measured(name: str, environment: dict[str, str]) -> Figures:
    command = [sys.executable, "-m", "bench.calling", name]
    done = subprocess.run(command, env=environment, cwd=Path(ROOT), stdout=subprocess.PIPE, check=True, timeout=120)
    figures: Figures = json.loads(done.stdout)
    return figures


def _row(name: str, taken: dict[str, list[Figures]]) -> list[Cell]:
    row: list[Cell] = [name]
    for column in _COLUMNS:
        ours, theirs = ([each[column] for each in taken[one]] for one in (name, "boto3"))
        row += [str(spread(ours)), spread(ours).median / spread(theirs).median]
    return [*row, int(taken[name][0]["modules"])]
