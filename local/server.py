"""A TCP server in its own thread, for proxies."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from local.process import LOCALHOST, listen

HEAD_BYTES = 64 * 1024
"""The longest head of a request; ``readuntil`` raises ``LimitOverrunError`` for a longer one."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
"""Handles one connection; cancelled when the server closes."""


class Server:
    """Listens on ``port`` (0: any) at once, so that its URL is known; serves connections after ``open``."""

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
        """Start serving."""
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
        server = await asyncio.start_server(self._connected, sock=self._listener, limit=HEAD_BYTES, backlog=256)
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
