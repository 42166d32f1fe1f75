"""`make deploy`: run `sam deploy` with the same arguments, in the region of the other commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from ops import command, region

SAM = ".venv/bin/sam"


def main(arguments: Sequence[str], execute: Callable[[str, list[str]], object] = os.execv) -> int:
    """Replaces this process by SAM, or returns an exit code if SAM cannot start."""
    return command.run(lambda: _deploy([*arguments], execute))


def _deploy(arguments: list[str], execute: Callable[[str, list[str]], object]) -> int:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--config-env", "--stack-name", "--region"):
        parser.add_argument(option)
    options, _ = parser.parse_known_args(arguments)
    stack = options.stack_name or _stack_of(options.config_env or "default")
    if flaw := command.stack_name_flaw(stack):
        raise ValueError(flaw)
    region.use(stack, option=options.region)
    execute(SAM, ["sam", "deploy", *arguments])
    return 0


def _stack_of(environment: str) -> str:
    """The stack of a section of samconfig.toml; raises ``ValueError`` for an unknown section."""
    environments = region.environments()
    if environment not in environments:
        raise ValueError(f"samconfig.toml has no environment {environment}: --config-env names one")
    return str(environments[environment].get("stack_name", command.DEFAULT))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
