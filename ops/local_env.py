"""`make local-env`: write a deployed stack's variables to env.json, for `sam local invoke --env-vars`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ops import command, region
from ops.stack import Stack

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))


def main(arguments: Sequence[str], stack: Callable[[str], Stack] = Stack) -> int:
    parser = command.parser("local-env", __doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "env.json", help="file to write (default: env.json)")
    options = parser.parse_args(arguments)
    return command.run(lambda: _write(options, stack))


def _write(options: argparse.Namespace, stack: Callable[[str], Stack]) -> int:
    region.use(options.stack)
    deployed = stack(options.stack)
    variables = {f"{name.title()}Function": dict(deployed.variables(name)) for name in FUNCTIONS}
    options.output.write_text(json.dumps(variables, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {options.output}: {len(variables)} functions, no secrets")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
