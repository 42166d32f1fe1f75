"""Send messages and print their signed reports as a data file, for k6, Artillery or anything else that makes requests.

python -m bench.load.generate --messages 1000 > requests.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import asdict

import httpx

from bench.load.signed import Request, reports, send
from bench.load.target import Target, given
from local.process import StackError


def main() -> int:
    """Print a JSON array of requests; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.load.generate", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--messages", type=int, default=100, help="how many to send; each has three reports (%(default)s)"
    )
    parser.add_argument("--to", help="recipient, needed for a deployed stack: sends are real there")
    parser.epilog = "Environment: URL and KEY of the stack, as `make run` prints them; accounts as for `make load`."
    options = parser.parse_args()
    try:
        target = given(os.environ, options.to)
        made = [asdict(request) for request in signed(target, options.messages)]
    except (StackError, httpx.HTTPError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(made, indent=1))
    return 0


def signed(target: Target, messages: int) -> Iterator[Request]:
    """Send so many messages, and yield what their providers will report."""
    run = f"load-{uuid.uuid4().hex[:8]}"
    with httpx.Client(timeout=40) as api:
        for number in range(messages):
            one = send(target, number, run=run)
            answer = api.request(one.method, one.url, headers=dict(one.headers), content=one.body).raise_for_status()
            yield from reports(target, number, answer.json())


if __name__ == "__main__":
    sys.exit(main())
