"""A small Lambda bootstrap: import ``app``, invoke its handler on command, and report the CPU of each step.

bench.sandbox starts it with an import path of the function, its layers and boto3. Commands are JSON lines on standard
input; answers are JSON lines on the pipe given as the first argument. With --bare it imports as little as possible, so
that a function's modules can be counted.
"""

from __future__ import annotations

import json
import os
import sys
import time

if "--bare" not in sys.argv:  # Lambda's runtime imports it before any function
    import logging  # noqa: F401

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would change the count
    from collections.abc import Callable, Mapping
    from typing import Any


class Context:
    """A handler's second argument."""

    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "function")
    invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function_name}"
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """As at the start of an invocation."""
        return 10_000


def main() -> None:
    """Import ``app``, then run commands until standard input ends."""
    if hasattr(os, "sched_setaffinity"):  # a function below 1,769 MB has less than one vCPU
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with open(int(sys.argv[1]), "w", encoding="utf-8", buffering=1) as answers:  # noqa: PTH123  # a number, no path
        sys.path[:0] = json.loads(os.environ.pop("BENCH_PATH"))
        answers.write(_measured(lambda: __import__("app") and None))
        for line in sys.stdin:
            command = json.loads(line)
            answers.write(_measured(lambda: _calls(command["event"], command["calls"])))  # noqa: B023  # called at once


def _calls(event: Mapping[str, Any], number: int) -> object:
    handler: Callable[[Any, object], Any] = sys.modules["app"].handler
    answer = None
    for _ in range(number):
        answer = handler(event, Context())
    sys.stdout.flush()
    return answer


def _measured(run: Callable[[], object]) -> str:
    """A line with CPU seconds of all threads, modules and answer, or with the traceback as ``error``."""
    before = time.process_time()
    try:
        answer = run()
    except Exception:  # noqa: BLE001  # any error of a function goes to the caller
        import traceback  # noqa: PLC0415  # would change the count of modules

        return json.dumps({"error": traceback.format_exc()}) + "\n"
    cpu = time.process_time() - before
    return json.dumps({"cpu": cpu, "modules": len(sys.modules), "answer": answer}) + "\n"


if __name__ == "__main__":
    main()
