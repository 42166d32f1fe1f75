"""`make load`: drive a stack with sends and signed reports, then look whether every accepted report arrived."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import httpx

from bench.load import arrival
from bench.load.target import Target, given, simulated
from local.process import StackError
from local.stack import Stack

USERS = Path(__file__).with_name("users.py")
_LAST_REQUESTS = 15
"""Seconds that users have at the end to finish their message."""
_EPILOG = """environment:
  URL, KEY   a stack that runs: what `make run` prints, or a deployed one and an API key (scopes send, read);
             without them a local stack is started for the occasion
  .env       the account whose keys sign callbacks: needed for a deployed stack, with signatures and not tokens

On a deployed stack every send is real: give --to a number of yours, or use a provider's test credentials.
The route limits (SendThrottleRate and others) answer 429, which counts as an error."""


def main() -> int:
    """Run it; returns the exit code: 0 if nothing failed and nothing is missing."""
    for end in (signal.SIGINT, signal.SIGTERM):  # the first is ignored in a shell's background job
        signal.signal(end, signal.default_int_handler)
    options = _options()
    try:
        with ExitStack() as resources:
            target = given(os.environ, options.to) if "URL" in os.environ else _started(resources)
            return _run(target, options.users, options.duration)
    except (StackError, httpx.HTTPError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make load ARGS=…",
        description=__doc__.partition(": ")[2],
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--duration", type=int, default=60, metavar="SECONDS", help="how long (%(default)s)")
    parser.add_argument("--users", type=int, default=8, help="how many messages are under way at once (%(default)s)")
    parser.add_argument("--to", help="recipient; needed unless the providers are simulated")
    return parser.parse_args()


def _started(resources: ExitStack) -> Target:
    stack = resources.enter_context(Stack(progress=lambda line: print(f"  {line}", flush=True)))
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
        left = arrival.missing(api, wanted, since, lambda line: print(f"  {line}", flush=True))
    for message_id, words in left.items():
        print(f"MISSING: {message_id}: {', '.join(sorted(words)) or 'the record'}", file=sys.stderr)
    reports, lost = (sum(map(len, each.values())) for each in (wanted, left))
    print(f"\n{len(wanted)} messages accepted, {reports} reports accepted, {reports - lost} of them in the table")
    return 1 if failed or left or not wanted else 0


def _locust(target: Target, users: int, seconds: int, journal: Path) -> bool:
    """Whether a request failed; Locust prints the figures."""
    plan = {"target": asdict(target), "journal": str(journal), "run": f"load-{uuid.uuid4().hex[:8]}"}
    command = [sys.executable, "-m", "locust", "--locustfile", str(USERS), "--headless", "--only-summary"]
    command += ["--users", str(users), "--spawn-rate", str(users), "--run-time", f"{seconds}s"]
    command += ["--stop-timeout", str(_LAST_REQUESTS), "--host", target.url, "--loglevel", "WARNING"]
    env = {**os.environ, "LOAD": json.dumps(plan)}
    return bool(subprocess.run(command, env=env, check=False).returncode)


if __name__ == "__main__":
    sys.exit(main())
