"""Both simulators in one process: ``python -m local.simulators --twilio-port 8101 --messagebird-port 8102``.

Prints one JSON line once both answer, ends on SIGTERM and SIGINT, and with ``--die-with-stdin`` when its parent does.
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

from local.simulators import messagebird_report, twilio_callback
from local.simulators.callback_sender import Courier
from local.simulators.control import application
from local.simulators.ledger import Ledger
from local.simulators.messagebird import MessageBird
from local.simulators.network import Network
from local.simulators.scenario import Scenarios
from local.simulators.send_endpoint import Provider, World
from local.simulators.twilio import Twilio

_HOST = "127.0.0.1"
_SETTINGS = {"twilio": twilio_callback.Settings, "messagebird": messagebird_report.Settings}


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
        """Serve; ``_serve`` is ``serve`` without its signal handlers, of which two servers would fight."""
        await self._serve([self._listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.simulators", description="Twilio and MessageBird, simulated")
    parser.add_argument("--twilio-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--messagebird-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--pace", type=float, default=0.05, help="usual seconds between two steps of a message")
    parser.add_argument("--seed", type=int, default=1, help="of jitter and shuffling")
    parser.add_argument(
        "--retry-pause", type=float, default=0.2, help="seconds before a callback's first retry; doubles"
    )
    parser.add_argument("--die-with-stdin", action="store_true", help="end when standard input, a pipe, is closed")
    for provider, settings in _SETTINGS.items():
        for each in fields(settings):
            assert each.default is not MISSING  # noqa: S101 - every setting has a default; said for the type checker
            parser.add_argument(f"--{provider}-{each.name.replace('_', '-')}", default=each.default)
    return parser


def _settings(provider: str, flags: argparse.Namespace) -> Any:
    kind = _SETTINGS[provider]
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
    return World(ledger, Scenarios(provider), Network(ledger, courier, pace=flags.pace, random=random))


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
    listeners = {"twilio": _listen(flags.twilio_port), "messagebird": _listen(flags.messagebird_port)}
    courier = Courier(retry_pause=flags.retry_pause)
    providers: tuple[Provider, ...] = (
        Twilio(_settings("twilio", flags), _world("twilio", courier, flags)),
        MessageBird(_settings("messagebird", flags), _world("messagebird", courier, flags)),
    )
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
        for provider in _SETTINGS:
            _settings(provider, flags)
    except ValueError as error:
        parser.error(str(error))
    asyncio.run(_serve(flags))


if __name__ == "__main__":
    main()
