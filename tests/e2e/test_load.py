"""`make load` on the local stack: what it reports of a short run."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from local.process import ROOT
from local.stack import Stack


@pytest.mark.timeout(240)
def test_every_report_that_is_accepted_under_load_arrives(stack: Stack) -> None:
    key = stack.create_key("load", {"send", "read"})

    done = subprocess.run(
        [sys.executable, "-m", "bench.load", "--duration", "5", "--users", "2"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/layers/core:{ROOT}", "URL": stack.api_url, "KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(r"(\d+) messages accepted, (\d+) reports accepted, (\d+) of them in the table", done.stdout)
    assert said
    messages, reports, arrived = map(int, said.groups())
    assert 0 < messages < reports == arrived
