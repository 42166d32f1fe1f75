"""The local stand-in for API Gateway's domain: one port that shows the API and nothing else of the emulator.

A request passes byte for byte, except for what leads it into the API: a prefix on its path, which the emulator takes
off again, and the Host. The emulator would also answer to the API's own host name, but keeps /health and its
administration there for itself; with the prefix nothing but the API can be reached, by a tunnel's visitors too.
"""

from __future__ import annotations

import asyncio
import contextlib

from local.process import LOCALHOST
from local.server import Server

_CHUNK_BYTES = 64 * 1024
_LANES = {"webhook": 2, "send": 4, "other": 2}
"""How many requests of a kind are in the API at a time; more wait for their turn. The emulator would start a worker
process for each, which on two cores is slower than waiting, and sends that hang must not hold up the rest."""
_OURS = {b"host", b"connection", b"upgrade", b"http2-settings"}  # an upgraded connection would lead past the prefix


class Gateway:
    """Takes ``port`` (0: any) at once; answers after ``open``."""

    def __init__(self, port: int = 0) -> None:
        self._server = Server("gateway", self._forward, port)
        self.port, self.url = self._server.port, self._server.url
        self._lanes = {kind: asyncio.Semaphore(places) for kind, places in _LANES.items()}

    def open(self, *, emulator_port: int, api_id: str) -> None:
        """Begin to answer, from a thread of its own."""
        self._upstream = emulator_port
        self._prefix = f"/_aws/execute-api/{api_id}/$default".encode()
        self._server.open()

    def close(self) -> None:
        """Stop listening and drop what is open."""
        self._server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one connection: whatever follows the head is passed on until the answer is complete."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await _read_head(reader, writer)
            if head and (lines := self._rewritten(head)):
                async with self._lanes[_kind(head)]:
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
        sending = asyncio.create_task(_pass_on(reader, upstream))
        try:
            await _pass_on(answer, writer)
        finally:
            sending.cancel()
            upstream.close()

    def _rewritten(self, head: bytes) -> bytes | None:
        """``head`` led into the API; None if its first line is not that of a request for a path."""
        first, *lines = head.split(b"\r\n")
        try:
            method, target, version = first.split(b" ")
        except ValueError:
            return None
        if not target.startswith(b"/"):
            return None
        kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _OURS]
        led = [b"Host: %s:%d" % (LOCALHOST.encode(), self._upstream), b"Connection: close"]
        return b"\r\n".join([b" ".join([method, self._prefix + target, version]), *led, *kept])


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


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
