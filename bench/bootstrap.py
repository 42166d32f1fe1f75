"""Lambda's bootstrap in small: import one function, then invoke it as told, and say what each step took.

Started by bench.sandbox with an interpreter that sees the function's own code, its layers and boto3, and nothing else.
Commands and answers are JSON lines, on standard input and on the pipe whose number is the first argument. With --bare
it imports as little itself as it can, so that what a function imports can be counted.
"""

from __future__ import annotations

import json
import os
import sys
import time

if "--bare" not in sys.argv:  # what Lambda's runtime has imported before any function, at least
    import logging  # noqa: F401

TYPE_CHECKING = False
if TYPE_CHECKING:  # this must not import what it counts
    from collections.abc import Callable, Mapping
    from typing import Any, TextIO


class Context:
    """What a handler learns of its invocation."""

    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "function")
    function_version = "$LATEST"
    invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function_name}"
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    aws_request_id = "00000000-0000-4000-8000-000000000000"
    log_group_name = f"/aws/lambda/{function_name}"
    log_stream_name = "2026/01/31/[$LATEST]0"
    identity = client_context = None

    def get_remaining_time_in_millis(self) -> int:
        """As at the start of an invocation."""
        return 10_000


def main() -> None:
    """Import ``app`` at once, then serve commands until standard input ends."""
    with open(int(sys.argv[1]), "w", encoding="utf-8") as answers:  # noqa: PTH123  # a number, no path
        sys.path[:0] = json.loads(os.environ.pop("BENCH_PATH"))
        init = _measured(lambda: __import__("app"))
        _say(answers, {**init, "modules": len(sys.modules)})
        for line in sys.stdin:
            command = json.loads(line)
            answer = _measured(lambda: _calls(command["event"], command["calls"]))  # noqa: B023  # called at once
            sys.stdout.flush()
            _say(answers, {**answer, "modules": len(sys.modules)})


def _calls(event: Mapping[str, Any], number: int) -> object:
    handler: Callable[[Any, object], Any] = sys.modules["app"].handler
    answer = None
    for _ in range(number):
        answer = handler(event, Context())
    return answer


def _measured(run: Callable[[], object]) -> dict[str, Any]:
    """Seconds of CPU (all threads) and of time, with what came of it: ``answer``, or the traceback as ``error``."""
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        answer = run()
    except Exception:  # noqa: BLE001  # whatever a function raises is for the one who measures
        import traceback  # noqa: PLC0415  # where it is needed

        return {"cpu": 0.0, "wall": 0.0, "error": traceback.format_exc()}
    spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return spent if isinstance(answer, type(sys)) else {**spent, "answer": answer}


def _say(answers: TextIO, values: Mapping[str, Any]) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
