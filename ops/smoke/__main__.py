"""`make smoke`: check a deployment at its public address; exits with 1 and a list of broken checks."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from ops import command, region
from ops.smoke import access, sending, webhooks
from ops.smoke.target import (
    NOBODY,
    TEMPLATE,
    Accounts,
    Checks,
    Outcome,
    Result,
    Target,
    from_environment,
    from_stack,
    routes,
)
from ops.stack import Stack
from sms_tracker.domain.errors import SmsTrackerError

_SECONDS = 30.0
_SCOPED = {"read": "READ_KEY", "send": "SEND_KEY"}
_EPILOG = f"""
Variables: URL and KEY, a key with scopes send and read; READ_KEY and SEND_KEY, keys with one scope each; those of
.env.example, if no AWS credentials give access to the stack's secrets.

The check sends a message only if TO is set. Its genuine webhooks are about the message {NOBODY},
which does not exist, and end in the queue unmatched.
"""


def main(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    transport: httpx.BaseTransport | None = None,
    stack: Callable[[str], Stack] = Stack,
) -> int:
    """Returns the exit code: 0 if nothing is broken, 1 if something is, 2 for a wrong command line."""
    parser = _parser(environment)
    options = parser.parse_args(arguments)
    key, url = environment.get("KEY", "").strip(), options.url.strip().rstrip("/")
    if not key or not url.startswith(("https://", "http://")):
        parser.error("needs URL=https://… and KEY=smst_…")
    scoped = {scope: environment[name] for scope, name in _SCOPED.items() if environment.get(name)}

    def check() -> int:
        accounts = _accounts(stack(options.stack), url, environment)
        with httpx.Client(transport=transport, timeout=_SECONDS, trust_env="127.0.0.1" not in url) as http:
            target = Target(http=http, url=url, key=key, scoped=scoped)
            return _report(_checks(target, accounts, options, environment))

    return command.run(check)


def _checks(target: Target, accounts: Accounts, options: argparse.Namespace, environment: Mapping[str, str]) -> Checks:
    declared = routes(TEMPLATE.read_text(encoding="utf-8"))
    yield from chain(
        access.health(target),
        access.encrypted(target),
        access.routes(target, declared),
        webhooks.webhooks(target, accounts, declared),
        sending.with_test_credentials(target, environment),
    )
    if options.to:
        yield from sending.followed(target, accounts, to=options.to, seconds=options.seconds)


def _accounts(stack: Stack, url: str, environment: Mapping[str, str]) -> Accounts:
    """The deployed secrets if AWS is accessible, else those of .env; raises ``ValueError`` if regions differ."""
    try:
        region.use(stack.name)
    except LookupError as error:
        return _of_environment(environment, error)
    try:
        found = from_stack(stack, url)
    except (ValueError, LookupError, ClientError, BotoCoreError, SmsTrackerError) as error:
        return _of_environment(environment, error)
    print(f"secrets: of stack {stack.name}")
    return found


def _of_environment(environment: Mapping[str, str], why: Exception) -> Accounts:
    print(f"secrets: of .env and the environment ({command.explained(why)})")
    return from_environment(environment)


def _report(checks: Checks) -> int:
    found: list[Result] = []
    for result in checks:
        found.append(result)
        print(f"{result.outcome:<8} {result.name:<62} {result.detail}", flush=True)
    broken = [result.name for result in found if result.outcome is Outcome.BROKEN]
    missed = sum(result.outcome is Outcome.SKIPPED for result in found)
    print(f"\n{len(found)} checks: {len(found) - len(broken) - missed} ok, {missed} skipped, {len(broken)} broken")
    for name in broken:
        print(f"broken: {name}", file=sys.stderr)
    return 1 if broken else 0


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = command.parser("smoke", __doc__, _EPILOG)
    parser.add_argument("--url", default=environment.get("URL", ""), help="the public address (default: $URL)")
    parser.add_argument(
        "--to",
        default=environment.get("TO", ""),
        help="send a real message to this number and follow it (default: $TO)",
    )
    parser.add_argument(
        "--seconds",
        type=command.within(float, 0, 86400),
        default=120,
        help="seconds to wait for its final status (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
