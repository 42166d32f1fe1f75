"""`make run`: run the local stack until Ctrl-C, and print example lines for every route."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from local import simulators
from local.examples import examples
from local.process import ROOT, StackError, run_command
from local.stack import Stack, count_every_minute
from local.template import load
from ops.accounts import documents, flaws
from sms_tracker.domain.callback import base_url_flaw
from sms_tracker.domain.settings import trimmed

PORT = 8080
_CHECK_EVERY = 1.0
USAGE = """usage: make run [PORT=8080] [PUBLIC_BASE_URL=https://…] [PROVIDERS=simulated|live]

Runs the whole service on this machine until Ctrl-C.

  PORT             port of the API on 127.0.0.1
  PUBLIC_BASE_URL  public address of a tunnel to that port; the providers' callbacks go there
  PROVIDERS=live   send through real accounts with the credentials in .env (see .env.example);
                   needs PUBLIC_BASE_URL, because the providers must reach this machine
"""


def main(environment: Mapping[str, str]) -> int:
    """Print the usage, or run the stack; returns the exit code."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(USAGE)
        return 0
    return run_command(lambda: _run(environment))


def _run(environment: Mapping[str, str]) -> int:
    """Start the stack, print the examples, wait for Ctrl-C."""
    with _stack(environment) as stack, suppress(KeyboardInterrupt):
        print(examples(stack), flush=True)
        while True:
            time.sleep(_CHECK_EVERY)
            stack.check()
    return 0


def _stack(environment: Mapping[str, str]) -> Stack:
    secrets, parameters = live(environment) if environment.get("PROVIDERS", "simulated") == "live" else (None, {})
    if environment.get("PROVIDERS", "simulated") not in ("simulated", "live"):
        raise StackError("PROVIDERS must be simulated or live")
    if not environment.get("PORT", str(PORT)).isdecimal():
        raise StackError("PORT must be a number")
    public_base_url = trimmed(environment.get("PUBLIC_BASE_URL", "")).rstrip("/")
    if public_base_url and (flaw := base_url_flaw(public_base_url)):
        raise StackError(f"PUBLIC_BASE_URL {flaw}")
    return Stack(
        port=int(environment.get("PORT", PORT)),
        public_base_url=public_base_url or None,
        secrets=secrets,
        parameters=parameters,
        transform=count_every_minute,
        progress=lambda line: print(f"  {line}", flush=True),
    )


def live(environment: Mapping[str, str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """The real accounts' secret documents, and the template's parameters; raises ``StackError`` without an account."""
    found = documents(environment)
    if not found or not environment.get("PUBLIC_BASE_URL"):
        raise StackError("PROVIDERS=live needs PUBLIC_BASE_URL and an account in .env (see .env.example)")
    if wrong := flaws(found):
        raise StackError("; ".join(wrong))
    usual = load(ROOT / "template.yaml")["Parameters"]["DefaultProvider"]["Default"]
    parameters = {"Providers": ",".join(found), "DefaultProvider": usual if usual in found else next(iter(found))}
    for name, document in found.items():
        signing = simulators.load(name).signing
        parameters |= signing.absent if signing and signing.entry not in document else {}
        for parameter, variable in sender_variables(name).items():
            if sender := trimmed(environment.get(variable, "")):
                parameters[parameter] = sender
    return found, parameters


def sender_variables(name: str) -> dict[str, str]:
    """A provider's sender parameters and the variable of each: ``AcmeFrom`` is ``ACME_FROM``."""
    return {parameter: f"{name}_{parameter[len(name) :]}".upper() for parameter in simulators.load(name).parameters}


if __name__ == "__main__":
    sys.exit(main(os.environ))
