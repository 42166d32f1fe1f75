"""Print a packaged template as plain CloudFormation, for tools that cannot read SAM: docs/terraform-cdk.md.

.venv/bin/python scripts/expand.py packaged.yaml GradualDeployment=true > expanded.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from boto3.session import Session
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def main(arguments: Sequence[str]) -> None:
    """``arguments``: the template, then NAME=VALUE of the parameters that SAM itself reads."""
    template, *pairs = arguments
    # Any region: no managed policy is looked up.
    sam = Translator(None, Parser(), boto_session=Session(region_name="eu-west-1"))
    parameters = dict(pair.split("=", 1) for pair in pairs)
    expanded = sam.translate(yaml_parse(Path(template).read_text()), parameters, get_managed_policy_map=dict)
    print(json.dumps(expanded, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
