"""The published events' JSON Schemas, generated from the models: `python -m ops.schema` writes it, `--check` compares.

Written are events/schema and, for EventBridge's schema registry, examples/consumers/schema.yaml.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

from pydantic import BaseModel

from ops import command
from sms_tracker.services.events import (
    OPT_OUT_CHANGED,
    RECEIVED,
    SOURCE,
    STATUS_CHANGED,
    FailureDetail,
    OptOutChanged,
    SmsReceived,
    StatusChanged,
)

ROOT = Path(__file__).parents[1]
_ENVELOPE = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
_REGISTRY = """\
# The event's schema in EventBridge's registry; `python -m ops.schema` writes this file. See docs/consumers.md.
AWSTemplateFormatVersion: "2010-09-09"
Description: Schema of the events of sms-tracker.

Resources:
  Registry:
    Type: AWS::EventSchemas::Registry
    Properties:
      RegistryName: !Ref AWS::StackName

  Schema:
    Type: AWS::EventSchemas::Schema
    Properties:
      RegistryName: !GetAtt Registry.RegistryName
      SchemaName: sms-tracker@SMSStatusChanged
      Type: JSONSchemaDraft4
      Content: |
"""


def document() -> dict[str, Any]:
    """JSON Schema 2020-12 of the ``detail`` of a changed status.

    Every field is required except those that a parameter adds, and those that archived events may lack.
    """
    made = _schema(StatusChanged, STATUS_CHANGED, "sms-status-changed")
    failure = made["$defs"]["FailureDetail"]
    failure["required"] = list(FailureDetail.model_fields)
    for derived in FailureDetail.model_computed_fields:
        del failure["properties"][derived]["readOnly"]  # a word about requests
    added = {field.alias or name for name, field in StatusChanged.model_fields.items() if field.default is None}
    return {**made, "required": [name for name in made["required"] if name not in added]}


def replies() -> Mapping[str, dict[str, Any]]:
    """JSON Schema 2020-12 of the ``detail`` of the other events, by the name of its file. Every field is required."""
    return {
        "sms-received": _schema(SmsReceived, RECEIVED, "sms-received"),
        "sms-opt-out-changed": _schema(OptOutChanged, OPT_OUT_CHANGED, "sms-opt-out-changed"),
    }


def _schema(model: type[BaseModel], kind: str, name: str) -> dict[str, Any]:
    made = model.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:sms-tracker:event:{name}:1",
        **made,
        "title": kind,
        "required": list(made["properties"]),
    }


def envelope() -> dict[str, Any]:
    """JSON Schema Draft 4, the newest that EventBridge's registry takes, of the event with its envelope.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-create.html
    """
    detail = _draft4(document())
    definitions = detail.pop("definitions")
    texts = {name: {"type": "string"} for name in _ENVELOPE}
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": STATUS_CHANGED,
        "type": "object",
        "x-amazon-events-detail-type": STATUS_CHANGED,
        "x-amazon-events-source": SOURCE,
        "required": list(_ENVELOPE),
        "properties": {
            **texts,
            "resources": {"type": "array", "items": {"type": "string"}},
            "detail": {"$ref": "#/definitions/StatusChanged"},
        },
        "definitions": {**definitions, "StatusChanged": detail},
    }


def _draft4(node: Any) -> Any:
    """Replaces the keywords that Draft 4 lacks: ``$defs``, ``const``, ``$id``, ``$schema``."""
    if isinstance(node, list):
        return [_draft4(each) for each in node]
    if isinstance(node, str):
        return node.replace("#/$defs/", "#/definitions/")
    if not isinstance(node, Mapping):
        return node
    kept = {name: _draft4(value) for name, value in node.items() if name not in {"$id", "$schema"}}
    if "$defs" in kept:
        kept["definitions"] = kept.pop("$defs")
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    return kept


def files() -> dict[str, str]:
    """Each file's text, by its path from the project's root."""
    registry = _REGISTRY + indent(json.dumps(envelope(), indent=2), " " * 8) + "\n"
    schemas = {"sms-status-changed": document(), **replies()}
    written = {f"events/schema/{name}.v1.json": json.dumps(each, indent=2) + "\n" for name, each in schemas.items()}
    return {**written, "examples/consumers/schema.yaml": registry}


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the files; with ``--check`` only compare, and return 1 for a difference."""
    parser = argparse.ArgumentParser(prog="python -m ops.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="do not write; fail if a file is not current")
    check = parser.parse_args(arguments).check
    return command.keep_current(root, files(), check=check, command="python -m ops.schema")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
