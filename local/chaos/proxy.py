"""The proxy between the functions and AWS: it forwards calls byte for byte, except where ``Faults`` injects a fault."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from local.chaos.faults import KILLS, Fault, Faults, answer, refusal
from local.chaos.limit_counts import CounterWrites
from local.gateway import Server
from local.process import LOCALHOST

_OK = 200
_LATE = 0.7
"""Delay of a late answer in seconds, below the functions' time-outs."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One request or answer as received."""

    head: bytes
    body: bytes

    @property
    def whole(self) -> bytes:
        return self.head + self.body

    def header(self, name: bytes) -> bytes:
        for line in self.head.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found.strip().lower() == name:
                return value.strip()
        return b""

    @property
    def status(self) -> int:
        """An answer's HTTP status."""
        return int(self.head.split(b" ", 2)[1])

    @property
    def operation(self) -> str:
        """``UpdateItem`` of the header ``X-Amz-Target: DynamoDB_20120810.UpdateItem``, or a query call's Action."""
        target = self.header(b"x-amz-target").decode("latin-1")
        if target:
            return target.rpartition(".")[2]
        return next((pair[7:].decode() for pair in self.body.split(b"&") if pair.startswith(b"Action=")), "")

    @property
    def message_id(self) -> str:
        """The message id of a write, empty for any other call."""
        if self.operation not in {"PutItem", "UpdateItem"}:
            return ""
        request = json.loads(self.body)
        return str(request.get("Item", request.get("Key")).get("message_id", {}).get("S", ""))


class Proxy:
    """Listens at once, so that its URL can be deployed; forwards after ``open``."""

    def __init__(self, faults: Faults, kill: Callable[[int], str], note: Callable[[str], None]) -> None:
        """``kill`` ends the worker connected from a port and returns its function; ``note`` logs each fault."""
        self._faults, self._kill, self._note = faults, kill, note
        self._server = Server("faults", self._forward_calls)
        self.url = self._server.url
        self.cut_short: set[str] = set()
        """See ``Evidence``, as for ``senders_killed``."""
        self.senders_killed: list[datetime] = []
        self.counter_writes = CounterWrites()

    def open(self, emulator_port: int) -> None:
        self._upstream = emulator_port
        self._server.open()

    def close(self) -> None:
        self._server.close()

    async def _forward_calls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward the calls of one connection in turn."""
        gone = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)
        upstream: asyncio.StreamWriter | None = None
        with contextlib.suppress(*gone):
            back, upstream = await asyncio.open_connection(LOCALHOST, self._upstream)
            while True:
                call = await _read(reader)
                reply = await self._call(call, writer.get_extra_info("peername")[1], back, upstream)
                if reply is None:
                    break
                writer.write(reply)
                await writer.drain()
        for side in (writer, upstream):
            if side is not None:
                side.close()

    async def _call(
        self, call: _Part, port: int, back: asyncio.StreamReader, upstream: asyncio.StreamWriter
    ) -> bytes | None:
        """The answer, or None to close the connection without one."""

        async def forward(part: _Part) -> _Part:
            upstream.write(part.whole)
            await upstream.drain()
            return await _read(back)

        operation = call.operation
        self.counter_writes.asked(operation, call.body)
        fault = self._faults.choose(operation, call.body)
        if fault is not None:
            self._note(f"{operation} {call.message_id} {fault}")
        if fault in {Fault.THROTTLED, Fault.REFUSED}:
            return refusal(operation, fault)
        if fault is Fault.PARTLY:
            return await self._in_part(call, forward)
        if fault is Fault.KILLED_BEFORE and self._killed(port, call):
            return None
        if fault is Fault.SLOW:
            await asyncio.sleep(_LATE)
        reply = await forward(call)
        self.counter_writes.forwarded(call.body, applied=reply.status == _OK)
        if fault in KILLS and self._killed(port, call):
            return None
        if fault is Fault.LOST:
            return None
        self.counter_writes.answered(call.body)
        return reply.whole

    def _killed(self, port: int, call: _Part) -> bool:
        name = self._kill(port)
        if name == "send":
            self.counter_writes.killed(call.body)
            if call.message_id:
                self.cut_short.add(call.message_id)
            else:
                self.senders_killed.append(datetime.now(UTC))
        return bool(name)

    async def _in_part(self, call: _Part, forward: Callable[[_Part], Awaitable[_Part]]) -> bytes:
        """PutEvents with failing entries: the others are forwarded, as on AWS."""
        request = json.loads(call.body)
        entries = request["Entries"]
        failing = self._faults.failing(len(entries))
        taken = [entry for index, entry in enumerate(entries) if index not in failing]
        results = iter(())
        if taken:
            reply = await forward(_with_body(call, json.dumps({**request, "Entries": taken}).encode()))
            results = iter(json.loads(reply.body)["Entries"])
        failure = {"ErrorCode": "InternalFailure", "ErrorMessage": "made up by the chaos suite"}
        entries_json = [failure if index in failing else next(results) for index in range(len(entries))]
        return answer(200, json.dumps({"FailedEntryCount": len(failing), "Entries": entries_json}).encode())


def _with_body(part: _Part, body: bytes) -> _Part:
    lines = part.head.split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"content-length:")]
    head = b"\r\n".join([kept[0], b"Content-Length: %d" % len(body), *kept[1:]])
    return replace(part, head=head, body=body)


async def _read(reader: asyncio.StreamReader) -> _Part:
    part = _Part(await reader.readuntil(b"\r\n\r\n"), b"")
    if part.header(b"transfer-encoding").lower() == b"chunked":
        return replace(part, body=await _chunks(reader))
    return replace(part, body=await reader.readexactly(int(part.header(b"content-length") or 0)))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """A chunked body as received, framing included."""
    whole = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        whole += line + await reader.readexactly(size + 2)
        if size == 0:
            return whole
