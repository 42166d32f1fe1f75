"""A scripted HTTP server: it answers, drops the connection or hangs."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from zlib import crc32

DATE = "Sat, 31 Jan 2026 12:00:00 GMT"


@dataclass(frozen=True)
class Reply:
    """The reaction to one request. ``body`` None: close the connection without an answer.

    ``hang``: keep it open without an answer. ``close``: close it after the answer, without a Connection header.
    """

    status: int = 200
    body: bytes | None = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    close: bool = False

    def octets(self) -> bytes:
        body = self.body or b""
        names = {"Content-Type": "application/x-amz-json-1.0", "Date": DATE, "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**names, **self.headers}.items())
        return f"HTTP/1.1 {self.status} Words\r\n{lines}\r\n".encode() + body


def error(code: str, status: int = 400, headers: Mapping[str, str] | None = None, **members: object) -> Reply:
    """An error response of AWS's JSON services."""
    document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "a text with a secret", **members}
    return Reply(status, json.dumps(document).encode(), headers or {})


def checked(document: Mapping[str, object], *, wrong: bool = False) -> Reply:
    """DynamoDB's answer with its checksum."""
    body = json.dumps(document).encode()
    return Reply(200, body, {"x-amz-crc32": str(crc32(body) ^ wrong)})


DROP = Reply(body=None)
HANG = Reply(hang=True)


@dataclass
class Request:
    """A received request; ``line`` is its first one; header names in lower case, ``connection`` from 0."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


@dataclass
class Server:
    """``replies`` are used in turn, then the last one again."""

    replies: list[Reply]
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    ended: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def reply(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as sent:
            while line := sent.readline().strip().decode():
                names = {name.lower(): value.strip() for name, _, value in _head(sent)}
                reply = self.reply(Request(line, names, sent.read(int(names.get("content-length", 0))), number))
                if reply.hang:
                    self.ended.wait(60)
                if reply.hang or reply.body is None:
                    return
                connection.sendall(reply.octets())
                if reply.close:
                    return


def _head(sent: object) -> Iterator[tuple[str, str, str]]:
    while line := sent.readline().decode("latin-1").strip():  # type: ignore[attr-defined]  # a file of a socket
        yield line.partition(":")


@contextmanager
def serving(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A running server on the loopback."""
    server = Server(list(replies))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = Thread(target=_accept, args=(server, listener, tls))
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(server: Server, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            number, server.connections = server.connections, server.connections + 1
            Thread(target=_greet, args=(server, connection, number, tls), daemon=True).start()


def _greet(server: Server, connection: socket.socket, number: int, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError):
        server.serve(tls.wrap_socket(connection, server_side=True) if tls else connection, number)
