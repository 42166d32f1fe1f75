"""`make openapi`: writes the document and its page to where the query function serves them; `--check` compares."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.openapi.document import document
from ops.openapi.reference import page

FOLDER = Path(__file__).parents[2] / "functions" / "query" / "docs"


def files() -> Mapping[str, str]:
    """Each file's content, by its name."""
    made = document()
    return {"openapi.json": json.dumps(made, indent=2, ensure_ascii=False) + "\n", "docs.html": page(made)}


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """0 once the files are current; 1 where ``--check`` finds one that is not."""
    parser = argparse.ArgumentParser(prog="python -m ops.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is not current")
    check = parser.parse_args(arguments).check
    stale = {name: text for name, text in files().items() if _read(folder / name) != text}
    for name, text in stale.items():
        if check:
            print(f"{name} is not current: run `make openapi`", file=sys.stderr)
        else:
            (folder / name).write_text(text, "utf-8")
    return 1 if check and stale else 0


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
