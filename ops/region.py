"""The AWS region of an operator's command; sources that name different regions are an error."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

from botocore.exceptions import UnknownRegionError
from botocore.session import Session

SAMCONFIG = Path(__file__).resolve().parents[1] / "samconfig.toml"
VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""The AWS CLI reads both, boto3 and SAM only the second, which ``use`` sets."""


def use(stack: str, *, option: str | None = None) -> None:
    """Set the stack's region for boto3 and for child processes, and print it on standard error.

    The sources are ``option`` (SAM's ``--region``), both variables, the profile if neither is set, and samconfig.toml.
    Raises ``ValueError`` if two differ or the region does not exist, ``LookupError`` if there is none, and botocore's
    ``ProfileNotFound``.
    """
    named = _named(stack, option)
    if not named:
        raise LookupError("no AWS region: export AWS_DEFAULT_REGION=eu-west-1, or set one in the profile")
    if len(set(named.values())) > 1:
        raise ValueError(f"regions differ: {', '.join(f'{source} is {name}' for source, name in named.items())}")
    source, region = next(iter(named.items()))
    try:
        Session().get_partition_for_region(region)
    except UnknownRegionError:
        raise ValueError(f"{source} is {region!r}, not an AWS region such as eu-west-1") from None
    os.environ["AWS_DEFAULT_REGION"] = region
    print(f"stack {stack}, region {region} ({source})", file=sys.stderr, flush=True)


def _named(stack: str, option: str | None) -> dict[str, str]:
    """The region of each source that has one."""
    variables = {name: os.environ.get(name) for name in VARIABLES}
    found = {"--region": option, **variables}
    if not any(variables.values()):
        found["the profile"] = Session().get_scoped_config().get("region")
    if "AWS_ENDPOINT_URL" not in os.environ:  # samconfig.toml describes AWS, not an emulator
        found["samconfig.toml"] = _deployed_to(stack)
    return {source: region for source, region in found.items() if region}


def _deployed_to(stack: str) -> str | None:
    """The stack's region in samconfig.toml, which `sam deploy --guided` writes."""
    for values in environments().values():
        if values.get("stack_name") == stack and values.get("region"):
            return str(values["region"])
    return None


def environments() -> dict[str, dict[str, object]]:
    """Each environment's parameters of `sam deploy` in samconfig.toml; raises ``ValueError`` for invalid TOML."""
    try:
        sections = tomllib.loads(SAMCONFIG.read_text(encoding="utf-8")) if SAMCONFIG.exists() else {}
    except ValueError as error:
        raise ValueError(f"samconfig.toml cannot be read: {error}") from None
    return {
        name: {**section.get("global", {}).get("parameters", {}), **section.get("deploy", {}).get("parameters", {})}
        for name, section in sections.items()
        if isinstance(section, dict)
    }
