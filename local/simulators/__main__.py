"""Every simulator in one process; ``python -m local.simulators --help`` lists a port and settings for each provider.

Prints one JSON line once all are ready. Ends on SIGTERM and SIGINT, and with ``--die-with-stdin`` with its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from dataclasses import MISSING, fields
from random import Random
from typing import Any

import uvicorn
from starlette.applications import Starlette

from local.simulators import load, names
from local.simulators.callback_sender import CallbackSender
from local.simulators.control import application
from local.simulators.ledger import Ledger
from local.simulators.network import Network
from local.simulators.scenario import Scenarios
from local.simulators.send_endpoint import Backend

_HOST = "127.0.0.1"
_SIMULATORS = {name: load(name) for name in names()}


class _Server(uvicorn.Server):
    """A server with an event for its start; the process handles the signals."""

    def __init__(self, app: Starlette, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False, timeout_graceful_shutdown=0)
        )
        self._listener = listener
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def serve_until_exit(self) -> None:
        """Serve without signal handlers (``_serve``), which several servers cannot share."""
        await self._serve([self._listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.simulators", description="the simulated providers")
    parser.add_argument(
        "--pace", type=float, default=0.05, help="usual seconds between two steps of a message (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of jitter and shuffling (default: %(default)s)")
    parser.add_argument(
        "--retry-pause",
        type=float,
        default=0.2,
        help="seconds before a callback's first retry, doubled for each further one (default: %(default)s)",
    )
    parser.add_argument("--die-with-stdin", action="store_true", help="exit when standard input (a pipe) closes")
    for name, simulator in _SIMULATORS.items():
        parser.add_argument(f"--{name}-port", type=int, default=0, help="port to listen on (default: a free one)")
        for each in fields(simulator.settings):
            assert each.default is not MISSING  # noqa: S101 - for the type checker
            parser.add_argument(f"--{name}-{each.name.replace('_', '-')}", default=each.default)
    return parser


def _settings(provider: str, flags: argparse.Namespace) -> Any:
    kind = _SIMULATORS[provider].settings
    return kind(**{each.name: getattr(flags, f"{provider}_{each.name}") for each in fields(kind)})


def _listen(port: int) -> socket.socket:
    # Without IPPROTO_TCP asyncio keeps Nagle's algorithm, and each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError as error:
        sys.exit(f"simulators: port {port} on {_HOST} cannot be used: {error.strerror}")
    return listener


def _backend(provider: str, sender: CallbackSender, flags: argparse.Namespace) -> Backend:
    ledger = Ledger()
    random = Random(f"{provider} {flags.seed}")  # noqa: S311 - jitter, not a secret
    scenarios = Scenarios(_SIMULATORS[provider].courses)
    return Backend(ledger, scenarios, Network(ledger, sender, pace=flags.pace, random=random))


def _end_with_stdin(stop: asyncio.Event) -> None:
    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            stop.set()

    try:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), readable)
    except PermissionError:
        sys.exit("simulators: --die-with-stdin needs a pipe as standard input")


async def _serve(flags: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if flags.die_with_stdin:
        _end_with_stdin(stop)
    listeners = {name: _listen(getattr(flags, f"{name}_port")) for name in _SIMULATORS}
    sender = CallbackSender(retry_pause=flags.retry_pause)
    providers = [
        simulator.account(_settings(name, flags), _backend(name, sender, flags))
        for name, simulator in _SIMULATORS.items()
    ]
    servers = [_Server(application(provider), listeners[provider.name]) for provider in providers]
    async with asyncio.TaskGroup() as running:
        for server in servers:
            running.create_task(server.serve_until_exit())
        for server in servers:
            await server.up.wait()
        print(_ready(listeners), flush=True)
        await stop.wait()
        for provider, server in zip(providers, servers, strict=True):
            provider.backend.network.stop()
            server.should_exit = True
    await sender.close()


def _ready(listeners: dict[str, socket.socket]) -> str:
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    urls = {name: f"http://{_HOST}:{port}" for name, port in ports.items()}
    return json.dumps({"ready": True, "pid": os.getpid(), "ports": ports} | urls)


def main() -> None:
    """Parse the flags and serve until a signal."""
    parser = _parser()
    flags = parser.parse_args()
    try:
        for provider in _SIMULATORS:
            _settings(provider, flags)
    except ValueError as error:
        parser.error(str(error))
    asyncio.run(_serve(flags))


if __name__ == "__main__":
    main()
