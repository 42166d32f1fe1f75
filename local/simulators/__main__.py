"""Every simulator in one process; ``python -m local.simulators --help`` lists a port and settings for each provider.

Prints one JSON line once all answer, ends on SIGTERM and SIGINT, and with ``--die-with-stdin`` when its parent does.
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
from local.simulators.callback_sender import Courier
from local.simulators.control import application
from local.simulators.ledger import Ledger
from local.simulators.network import Network
from local.simulators.scenario import Scenarios
from local.simulators.send_endpoint import World

_HOST = "127.0.0.1"
_SIMULATORS = {name: load(name) for name in names()}


class _Server(uvicorn.Server):
    """A server that says when it is up and leaves signals to the process."""

    def __init__(self, app: Starlette, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False, timeout_graceful_shutdown=0)
        )
        self._listener = listener
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def run_until_told(self) -> None:
        """Serve; ``_serve`` is ``serve`` without its signal handlers, over which the servers would fight."""
        await self._serve([self._listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.simulators", description="the simulated providers")
    parser.add_argument("--pace", type=float, default=0.05, help="usual seconds between two steps of a message")
    parser.add_argument("--seed", type=int, default=1, help="of jitter and shuffling")
    parser.add_argument(
        "--retry-pause", type=float, default=0.2, help="seconds before a callback's first retry; doubles"
    )
    parser.add_argument("--die-with-stdin", action="store_true", help="end when standard input, a pipe, is closed")
    for name, simulator in _SIMULATORS.items():
        parser.add_argument(f"--{name}-port", type=int, default=0, help="0 takes a free one")
        for each in fields(simulator.settings):
            assert each.default is not MISSING  # noqa: S101 - every setting has a default; said for the type checker
            parser.add_argument(f"--{name}-{each.name.replace('_', '-')}", default=each.default)
    return parser


def _settings(provider: str, flags: argparse.Namespace) -> Any:
    kind = _SIMULATORS[provider].settings
    return kind(**{each.name: getattr(flags, f"{provider}_{each.name}") for each in fields(kind)})


def _listen(port: int) -> socket.socket:
    # Named as TCP, or asyncio leaves Nagle's algorithm on: each answer would wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError as error:
        sys.exit(f"simulators: port {port} on {_HOST} cannot be used: {error.strerror}")
    return listener


def _world(provider: str, courier: Courier, flags: argparse.Namespace) -> World:
    ledger = Ledger()
    random = Random(f"{provider} {flags.seed}")  # noqa: S311 - jitter, not a secret
    scenarios = Scenarios(_SIMULATORS[provider].courses)
    return World(ledger, scenarios, Network(ledger, courier, pace=flags.pace, random=random))


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
    courier = Courier(retry_pause=flags.retry_pause)
    providers = [
        simulator.account(_settings(name, flags), _world(name, courier, flags))
        for name, simulator in _SIMULATORS.items()
    ]
    servers = [_Server(application(provider), listeners[provider.name]) for provider in providers]
    async with asyncio.TaskGroup() as running:
        for server in servers:
            running.create_task(server.run_until_told())
        for server in servers:
            await server.up.wait()
        print(_ready(listeners), flush=True)
        await stop.wait()
        for provider, server in zip(providers, servers, strict=True):
            provider.world.network.stop()
            server.should_exit = True
    await courier.close()


def _ready(listeners: dict[str, socket.socket]) -> str:
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    urls = {name: f"http://{_HOST}:{port}" for name, port in ports.items()}
    return json.dumps({"ready": True, "pid": os.getpid(), "ports": ports} | urls)


def main() -> None:
    """Parse flags and serve until told to end."""
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
