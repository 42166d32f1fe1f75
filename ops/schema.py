"""The published event's JSON Schema, generated from the model: `python -m ops.schema` writes it, `--check` compares."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sms_tracker.services.events import FailureDetail, StatusChanged

PATH = Path(__file__).parents[1] / "events" / "schema" / "sms-status-changed.v1.json"


def document() -> dict[str, Any]:
    """JSON Schema 2020-12 of an event's ``detail``.

    Every field is required except those that a parameter adds, and those that archived events may lack.
    """
    made = StatusChanged.model_json_schema(mode="serialization")
    failure = made["$defs"]["FailureDetail"]
    failure["required"] = list(FailureDetail.model_fields)
    for derived in FailureDetail.model_computed_fields:
        del failure["properties"][derived]["readOnly"]  # a word about requests
    added = {field.alias or name for name, field in StatusChanged.model_fields.items() if field.default is None}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:sms-tracker:event:sms-status-changed:1",
        **made,
        "title": "SMS Status Changed",
        "required": [name for name in made["properties"] if name not in added],
    }


def text() -> str:
    """The document as stored in the file."""
    return json.dumps(document(), indent=2) + "\n"


def main(arguments: Sequence[str], path: Path = PATH) -> int:
    """Returns 0 if the file is current, 1 if ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m ops.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="do not write; fail if the file is not current")
    if not parser.parse_args(arguments).check:
        path.write_text(text())
        return 0
    if path.is_file() and path.read_text() == text():
        return 0
    print(f"{path.name} is not current: run `python -m ops.schema`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
