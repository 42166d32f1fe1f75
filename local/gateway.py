"""The local replacement of API Gateway's domain: one port with the API and nothing else of the emulator.

It forwards a request byte for byte, except that it replaces the Host and adds a prefix to the path, which the emulator
removes. With the prefix only the API is reachable, also through a tunnel. At the API's host name the emulator would
serve its own /health and administration too.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from local.process import LOCALHOST, listen

_HEAD_BYTES = 64 * 1024
"""The longest head of a request; ``readuntil`` raises ``LimitOverrunError`` for a longer one."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
"""Handles one connection; cancelled when the server closes."""

_CHUNK_BYTES = 64 * 1024
_CONCURRENCY = {"webhook": 2, "send": 4, "other": 2}
"""Concurrent requests by kind; others wait. The emulator starts a worker for each concurrent request, which is slower
on two cores, and hanging sends must not block other requests."""
_OURS = {b"host", b"connection", b"upgrade", b"http2-settings"}  # an upgraded connection would bypass the prefix


class Server:
    """A TCP server in its own thread. It listens on ``port`` (0: any) at once and serves connections after ``open``."""

    def __init__(self, name: str, serve: Serve, port: int = 0) -> None:
        self._name, self._serve = name, serve
        self._listener = listen(port)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://{LOCALHOST}:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._connections: set[asyncio.Task[None]] = set()  # the loop has only weak references to tasks

    def open(self) -> None:
        run = self._loop.run_until_complete
        self._thread = threading.Thread(target=run, args=(self._run(),), name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and close every connection."""
        if self._thread:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
        self._loop.close()
        self._listener.close()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._listener, limit=_HEAD_BYTES, backlog=256)
        async with server:
            await self._stopped.wait()
        connections = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)


class Gateway:
    """Listens on ``port`` (0: any) at once; answers after ``open``."""

    def __init__(self, port: int = 0) -> None:
        self._server = Server("gateway", self._forward, port)
        self.port, self.url = self._server.port, self._server.url
        self._slots = {kind: asyncio.Semaphore(places) for kind, places in _CONCURRENCY.items()}

    def open(self, *, emulator_port: int, api_id: str) -> None:
        self._upstream = emulator_port
        self._prefix = f"/_aws/execute-api/{api_id}/$default".encode()
        self._server.open()

    def close(self) -> None:
        self._server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one request on one connection: forward everything after the head until the answer is complete."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await _read_head(reader, writer)
            if head and (lines := self._rewritten(head)):
                async with self._slots[_kind(head)]:
                    await self._exchange(lines, reader, writer)
            elif head:
                writer.write(_refusal(b"400 Bad Request"))
        writer.close()

    async def _exchange(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer, upstream = await asyncio.open_connection(LOCALHOST, self._upstream)
        except OSError:
            writer.write(_refusal(b"502 Bad Gateway"))
            return
        upstream.write(head)
        sending = asyncio.create_task(_copy(reader, upstream))
        try:
            await _copy(answer, writer)
        finally:
            sending.cancel()
            upstream.close()

    def _rewritten(self, head: bytes) -> bytes | None:
        """``head`` for the emulator; None if its first line is not a request for a path."""
        first, *lines = head.split(b"\r\n")
        try:
            method, target, version = first.split(b" ")
        except ValueError:
            return None
        if not target.startswith(b"/"):
            return None
        kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _OURS]
        added = [b"Host: %s:%d" % (LOCALHOST.encode(), self._upstream), b"Connection: close"]
        return b"\r\n".join([b" ".join([method, self._prefix + target, version]), *added, *kept])


def _kind(head: bytes) -> str:
    method, target, *_ = head.split(b" ", 2)
    if target.startswith(b"/webhooks/"):
        return "webhook"
    return "send" if method == b"POST" else "other"


async def _read_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        writer.write(_refusal(b"431 Request Header Fields Too Large"))
        return None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):  # either side may leave early
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


def _refusal(status: bytes) -> bytes:
    body = b'{"message":"%s"}' % status.partition(b" ")[2]
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )
