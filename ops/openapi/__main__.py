"""`make openapi`: write the document and its page into the query function's folder; `--check` compares."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops import command
from ops.openapi.document import document
from ops.openapi.reference import page

FOLDER = Path(__file__).parents[2] / "functions" / "query" / "docs"


def files() -> Mapping[str, str]:
    """Each file's content, by its name."""
    made = document()
    return {"openapi.json": json.dumps(made, indent=2, ensure_ascii=False) + "\n", "docs.html": page(made)}


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Write the files; with ``--check`` only compare, and return 1 for a difference."""
    parser = argparse.ArgumentParser(prog="python -m ops.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is not current")
    check = parser.parse_args(arguments).check
    return command.keep_current(folder, files(), check=check, command="make openapi")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
