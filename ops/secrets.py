"""`make secrets`: write the providers' credentials to the parameter store (CloudFormation makes no SecureString)."""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ops import command, region
from ops.accounts import ENTRIES, documents, flaws, trimmed_variables, unusual_forms
from ops.stack import parameter
from sms_tracker import providers
from sms_tracker.aws.clients import client

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

_KEY_BYTES = 32


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    options = _parser().parse_args(arguments)
    found = {} if options.service_key else documents(environment)
    if not found and not options.service_key:
        variables = ", ".join(sorted(variable for entries in ENTRIES.values() for variable in entries.values()))
        print(f"error: none of these is set in .env or the environment: {variables}", file=sys.stderr)
        return 2
    if wrong := flaws(found):
        print("".join(f"error: {each}\n" for each in wrong) + "Nothing was written.", file=sys.stderr)
        return 2
    return command.run(lambda: _write(found, options, environment))


def _write(found: Mapping[str, Mapping[str, str]], options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    region.use(options.stack)
    for variable in trimmed_variables(environment):
        print(f"trimmed {variable}: its value has blanks, quotes or line ends around it")
    for warning in unusual_forms(found):
        print(f"warning: {warning}", file=sys.stderr)
    ssm = client("ssm", timeout=command.SECONDS)
    for provider, document in found.items():
        name = secret_name(options.stack, provider)
        complete = {**document, **_kept(ssm, provider, name, document)}
        put(ssm, name, complete, key=options.kms_key, dry_run=options.dry_run)
    _put_service_key(ssm, options.stack, key=options.kms_key, dry_run=options.dry_run)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("secrets", __doc__)
    parser.add_argument(
        "--kms-key", type=command.text, help="KMS key for encryption, as in SecretsKeyArn (default: aws/ssm)"
    )
    parser.add_argument(
        "--service-key", action="store_true", help="write only the service's own key: no enabled provider has a secret"
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what would be written")
    return parser


def secret_name(stack: str, provider: str) -> str:
    """The parameter of a provider's secret document."""
    return f"/{stack}/secrets/{provider}"


def stored(ssm: SSMClient, name: str) -> dict[str, str] | None:
    """The document in a parameter, None if there is none; raises ``ValueError`` if it is not a JSON object."""
    value = parameter(ssm, name, decrypt=True)
    if value is None:
        return None
    with suppress(ValueError, RecursionError):
        if isinstance(document := json.loads(value.removeprefix("\ufeff")), dict):
            return document
    raise ValueError(f"{name} is not a JSON object; `make secrets` replaces it")


def _kept(ssm: SSMClient, provider: str, name: str, document: Mapping[str, str]) -> dict[str, str]:
    """The endpoint's secrets that `make webhook` stored; none of them if a variable sets one."""
    if (adapter := providers.registered(provider)) is None:
        return {}
    entries = (adapter.SECRET, adapter.NEXT_SECRET)
    try:
        known = stored(ssm, name) or {}
    except ValueError as error:
        print(
            f"warning: {error}, and a secret that `make webhook` stored in it is lost: run its `rotate`",
            file=sys.stderr,
        )
        known = {}
    present = {entry: value for entry, value in known.items() if entry in entries}
    if not document.keys() & set(entries):
        return present
    for entry in (entry for entry, value in present.items() if document.get(entry) != value):
        print(f"warning: {name}: the stored {entry} is replaced by the variables' value", file=sys.stderr)
    return {}


def put(
    ssm: SSMClient,
    name: str,
    document: Mapping[str, str],
    *,
    key: str | None,
    dry_run: bool = False,
    overwrite: bool = True,
) -> None:
    """Write one SecureString with one JSON document; prints only the names of its entries."""
    if not dry_run:
        encrypted = {"KeyId": key} if key else {}
        ssm.put_parameter(Name=name, Value=json.dumps(document), Type="SecureString", Overwrite=overwrite, **encrypted)  # type: ignore[arg-type]  # the stubs expect separate options
    print(f"{'would write' if dry_run else 'wrote'} {name}: {', '.join(document)}")


def _put_service_key(ssm: SSMClient, stack: str, *, key: str | None, dry_run: bool) -> None:
    """Create the service's own key once; it is never replaced: fingerprints and callback tokens depend on it."""
    name = f"/{stack}/secrets/service"
    fresh = base64.b64encode(os.urandom(_KEY_BYTES)).decode()
    try:
        if parameter(ssm, name) is None:
            put(ssm, name, {"hmac_key": fresh}, key=key, dry_run=dry_run, overwrite=False)
            return
    except ssm.exceptions.ParameterAlreadyExists:  # another run was faster
        pass
    print(f"kept {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
