"""`make webhook`: the endpoint that a provider sends all reports to: register, test, rotate, enable, replay."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from ops import command, region
from ops.records import open_records
from ops.registered import ADAPTERS, Account
from ops.stack import Stack
from sms_tracker.domain.report import timestamp
from sms_tracker.providers.optional import Endpoint

_EPILOG = """
  list                            every endpoint of the account; ours is marked with *
  register --apply                register this stack's address, or add the events that its endpoint lacks;
                                  store the secret, which is shown only once
  test                            have the provider send a test; exit code 1 unless it is answered 2xx
  rotate --apply                  another secret, stored beside the old one, which signs for a day more
  finish --apply                  a day later: remove the old secret
  enable --apply                  re-enable a paused endpoint; the reconciler then looks up what it missed
  replay --since TIME --apply     have the provider repeat deliveries that failed (default: of the last day)
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; a failed test is also exit code 1."""
    options = _parser().parse_args(arguments)
    return command.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    region.use(options.stack)
    stack, dry = Stack(options.stack), False
    for line in _COMMANDS[options.command](Account(stack, options.provider), options):
        print(line, flush=True)
        dry = dry or line.startswith("would ")
    for why in stack.unreadable.values():
        print(f"skipped: {why}", file=sys.stderr)
    if dry:
        print("nothing was changed; run it again with --apply", file=sys.stderr)
    return 1 if stack.unreadable else 0


def _list(account: Account, options: argparse.Namespace) -> Iterator[str]:  # noqa: ARG001 - as every command
    for endpoint in account.endpoints():
        yield f"{'*' if endpoint.url in account.own_urls else ' '} {_described(endpoint)}"
    yield f"* reports to this stack ({account.url})"


def _register(account: Account, options: argparse.Namespace) -> Iterator[str]:
    found, adapter = account.endpoint(), account.adapter
    if found is not None and not found.missing:
        yield f"registered already: {_described(found)}"
        if adapter.SECRET not in account.document:
            raise ValueError(f"{account.secret_name} lacks {adapter.SECRET}, which is shown once: run `rotate`")
        return
    if found is not None:
        yield from _enable(account, options)
        return
    yield f"{'registers' if options.apply else 'would register'} {account.url}"
    if options.apply:
        request = account.request(adapter.register_request, account.url)
        yield account.store(**{adapter.SECRET: account.secret(request), adapter.NEXT_SECRET: None})


def _test(account: Account, options: argparse.Namespace) -> Iterator[str]:  # noqa: ARG001 - as every command
    found = account.registered()
    yield f"{found.url} took the test: {account.test(found)}"


def _rotate(account: Account, options: argparse.Namespace) -> Iterator[str]:
    """After an unfinished rotation its new secret becomes the old one."""
    found, adapter, document = account.registered(), account.adapter, account.document
    yield f"{'rotates' if options.apply else 'would rotate'} the secret of {_described(found)}"
    if options.apply:
        old = document.get(adapter.NEXT_SECRET) or document.get(adapter.SECRET)
        new = account.secret(account.request(adapter.rotate_request, found.endpoint_id))
        yield account.store(**({adapter.SECRET: old, adapter.NEXT_SECRET: new} if old else {adapter.SECRET: new}))
        if old:
            yield f"both sign until {timestamp(datetime.now(UTC) + adapter.ROTATION)}; then run `finish`"


def _finish(account: Account, options: argparse.Namespace) -> Iterator[str]:
    adapter, document = account.adapter, account.document
    if adapter.NEXT_SECRET not in document:
        yield "no rotation is under way"
        return
    rotated = account.ssm.get_parameter(Name=account.secret_name)["Parameter"]["LastModifiedDate"]
    if datetime.now(UTC) < (ends := rotated + adapter.ROTATION):
        raise ValueError(f"the old secret may sign until {timestamp(ends)}: finish then")
    yield f"{'removes' if options.apply else 'would remove'} the old secret from {account.secret_name}"
    if options.apply:
        yield account.store(**{adapter.SECRET: document[adapter.NEXT_SECRET], adapter.NEXT_SECRET: None})


def _enable(account: Account, options: argparse.Namespace) -> Iterator[str]:
    found = account.registered()
    yield f"{'enables' if options.apply else 'would enable'} {_described(found)}"
    if options.apply:
        account.execute(account.request(account.adapter.enable_request, found.endpoint_id))
    missed = _look_up_open(account, apply=options.apply)
    yield f"{missed} open messages {'are' if options.apply else 'would be'} looked up by the reconciler's next runs"


def _look_up_open(account: Account, *, apply: bool) -> int:
    """Make the provider's open messages due now: a paused endpoint may have missed their reports."""
    count = 0
    for record in open_records(account.stack.search, account.stack.skip):
        if record.state.provider == account.provider:
            count += 1
            if apply:
                account.stack.reconcile_state.put_off(record.message_id, due=timestamp(datetime.now(UTC)))
    return count


def _replay(account: Account, options: argparse.Namespace) -> Iterator[str]:
    found, now = account.registered(), datetime.now(UTC)
    if not found.delivers:
        raise ValueError(f"{_described(found)}: run `enable` first, a replay does not reach it")
    since = options.since or now - timedelta(days=1)
    if since > now:
        raise ValueError(f"--since {timestamp(since)} is in the future")
    if since < now - account.adapter.HISTORY:
        raise ValueError(f"--since is too early: {account.provider} keeps {account.adapter.HISTORY.days} days")
    span = timestamp(since), timestamp(now)
    yield f"{'repeats' if options.apply else 'would repeat'} what failed from {' to '.join(span)} at {found.url}"
    if options.apply:
        account.execute(account.request(account.adapter.replay_request, found.endpoint_id, *span))


def _described(endpoint: Endpoint) -> str:
    lacks = f", lacks {', '.join(endpoint.missing)}" if endpoint.missing else ""
    return f"{endpoint.endpoint_id}  {endpoint.state}  {endpoint.url}{lacks}"


_COMMANDS: dict[str, Callable[[Account, argparse.Namespace], Iterator[str]]] = {
    "list": _list,
    "register": _register,
    "test": _test,
    "rotate": _rotate,
    "finish": _finish,
    "enable": _enable,
    "replay": _replay,
}


def _parser() -> argparse.ArgumentParser:
    parser = command.parser("webhook", __doc__, _EPILOG)
    parser.add_argument("command", nargs="?", default="list", choices=_COMMANDS, help="default: list")
    only = next(iter(ADAPTERS)) if len(ADAPTERS) == 1 else None
    parser.add_argument(
        "--provider", choices=ADAPTERS, default=only, required=only is None, help="default: the only one, %(default)s"
    )
    parser.add_argument(
        "--since", type=command.moment, help="replay: what failed at or after, RFC 3339 (default: a day ago)"
    )
    parser.add_argument("--apply", action="store_true", help="make the changes; without it, only print them")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
