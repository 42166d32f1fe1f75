"""The local replacement of API Gateway's domain: one port with the API and nothing else of the emulator.

It forwards a request byte for byte, but adds a prefix to its path, which the emulator removes, and replaces the Host.
The emulator also answers at the API's own host name, where /health and its administration are its own; with the prefix
only the API is reachable, also through a tunnel.
"""

from __future__ import annotations

import asyncio
import contextlib

from local.process import LOCALHOST
from local.server import Server

_CHUNK_BYTES = 64 * 1024
_CONCURRENCY = {"webhook": 2, "send": 4, "other": 2}
"""Concurrent requests by kind; others wait. The emulator starts a worker for each concurrent request, which is slower
on two cores, and hanging sends must not block other requests."""
_OURS = {b"host", b"connection", b"upgrade", b"http2-settings"}  # an upgraded connection would bypass the prefix


class Gateway:
    """Listens on ``port`` (0: any) at once; answers after ``open``."""

    def __init__(self, port: int = 0) -> None:
        self._server = Server("gateway", self._forward, port)
        self.port, self.url = self._server.port, self._server.url
        self._slots = {kind: asyncio.Semaphore(places) for kind, places in _CONCURRENCY.items()}

    def open(self, *, emulator_port: int, api_id: str) -> None:
        """Start answering, in a thread."""
        self._upstream = emulator_port
        self._prefix = f"/_aws/execute-api/{api_id}/$default".encode()
        self._server.open()

    def close(self) -> None:
        """Stop listening and close every connection."""
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
