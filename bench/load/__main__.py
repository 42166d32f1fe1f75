"""`make load`: send messages and signed reports to a stack, then check that every accepted report arrived."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import httpx

from bench.load import arrival
from bench.load.traffic import Target, data_file, given, simulated
from bench.report import progress
from local.process import run_command
from local.stack import Stack

USERS = Path(__file__).with_name("users.py")
_LAST_REQUESTS = 15
"""Seconds for users to finish their last message."""
_EPILOG = """environment:
  URL, KEY   a running stack and an API key (scopes send, read), as `make run` prints them;
             without them the command starts a local stack
  .env       the provider accounts, to sign callbacks for a deployed stack

On a deployed stack every send is real: set --to to your own number, or use a provider's test credentials.
The route limits (SendThrottleRate and others) answer 429, which counts as an error."""


def main() -> int:
    """Run the command; returns 0 if no request failed and no report is missing."""
    parser = argparse.ArgumentParser(
        prog="make load ARGS=…",
        description=__doc__.partition(": ")[2],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--print", type=int, metavar="N", help="only send N messages and print their reports as JSON")
    parser.add_argument("--duration", type=int, default=60, metavar="SECONDS", help="duration (default: %(default)s)")
    parser.add_argument("--users", type=int, default=8, help="concurrent users (default: %(default)s)")
    parser.add_argument("--to", help="recipient (required unless the providers are simulated)")
    options = parser.parse_args()
    with ExitStack() as resources:
        target = given(os.environ, options.to) if "URL" in os.environ or options.print else _started(resources)
        if options.print:
            print(data_file(target, options.print))
            return 0
        return _run(target, options.users, options.duration)


def _started(resources: ExitStack) -> Target:
    stack = resources.enter_context(Stack(progress=progress))
    key = stack.create_key("load", {"send", "read"})
    stack.warm_up(key)
    return simulated(stack.api_url, key)


def _run(target: Target, users: int, seconds: int) -> int:
    with tempfile.TemporaryDirectory(prefix="sms-tracker-load-") as folder:
        journal = Path(folder) / "journal"
        print(f"\n{users} users for {seconds} s at {target.url}, through {' and '.join(target.providers)}", flush=True)
        failed = _locust(target, users, seconds, journal)
        wanted, since = arrival.accepted(journal)
    with httpx.Client(base_url=target.url, headers={"authorization": f"Bearer {target.key}"}, timeout=60) as api:
        left = arrival.missing(api, wanted, since, progress)
    for message_id, words in left.items():
        print(f"MISSING: {message_id}: {', '.join(sorted(words)) or 'the record'}", file=sys.stderr)
    reports, lost = (sum(map(len, each.values())) for each in (wanted, left))
    print(f"\n{len(wanted)} messages accepted, {reports} reports accepted, {reports - lost} of them in the table")
    return 1 if failed or left or not wanted else 0


def _locust(target: Target, users: int, seconds: int, journal: Path) -> bool:
    """Run Locust, which prints the figures; returns whether a request failed."""
    plan = {"target": asdict(target), "journal": str(journal), "run": f"load-{uuid.uuid4().hex[:8]}"}
    command = [sys.executable, "-m", "locust", "--locustfile", str(USERS), "--headless", "--only-summary"]
    command += ["--users", str(users), "--spawn-rate", str(users), "--run-time", f"{seconds}s"]
    command += ["--stop-timeout", str(_LAST_REQUESTS), "--host", target.url, "--loglevel", "WARNING"]
    env = {**os.environ, "LOAD": json.dumps(plan)}
    return bool(subprocess.run(command, env=env, check=False).returncode)


if __name__ == "__main__":
    sys.exit(run_command(main, httpx.HTTPError))
