"""The outbound call against a real socket: whether a byte may have left decides whether it may be made again."""

from __future__ import annotations

import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sms_tracker import provider_http
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.provider_http import call
from tests.certificates import issue

PATIENT = 5.0
SHORT = 0.4
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Server:
    """A listener on 127.0.0.1 that keeps what each connection said."""

    port: int
    over: threading.Event = field(default_factory=threading.Event)
    received: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/messages?a=%5B1%5D"


Script = Callable[[socket.socket, Server], None]


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """Each connection in turn is handed to ``script`` on a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])

        def run() -> None:
            while True:
                connection, _ = listener.accept()
                if server.over.is_set():
                    connection.close()
                    return
                with connection, suppress(OSError):
                    script(connection, server)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            with suppress(OSError), socket.create_connection(("127.0.0.1", server.port)):
                pass
            thread.join(PATIENT)
            assert not thread.is_alive()


def read_request(connection: socket.socket, server: Server) -> None:
    """Read head and body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    server.received.append(head + b"\r\n\r\n" + body)


def answering(answer: bytes) -> Script:
    def script(connection: socket.socket, server: Server) -> None:
        read_request(connection, server)
        connection.sendall(answer)

    return script


def dripping(start: bytes) -> Script:
    """Begin an answer and then send a byte every now and then, for ever."""

    def script(connection: socket.socket, server: Server) -> None:
        read_request(connection, server)
        connection.sendall(start)
        while not server.over.wait(0.05):
            connection.sendall(b"x")

    return script


def post(url: str, *, timeout: float = PATIENT) -> HttpResponse | NoResponse:
    return call(HttpRequest("POST", url, {"x-key": "value"}, b"to=1"), timeout=timeout)


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def keep_silent(connection: socket.socket, server: Server) -> None:
    del connection
    server.over.wait(PATIENT)


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 307, 400, 429, 503])
    def test_an_answer_comes_back_whole_and_a_redirect_is_not_followed(self, status: int) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\nLocation: /elsewhere\r\nX-Odd: \xfc\r\n\r\n{{}}"
        with serving(answering(head.encode("latin-1"))) as server:
            result = post(server.url)
        assert isinstance(result, HttpResponse)
        assert (result.status, result.body, result.headers["location"]) == (status, b"{}", "/elsewhere")
        assert all(name == name.lower() for name in result.headers)
        assert len(server.received) == 1

    def test_the_request_is_sent_as_given_and_an_answer_without_length_ends_with_the_connection(self) -> None:
        with serving(answering(b"HTTP/1.1 201 X\r\n\r\nsome text")) as server:
            result = post(server.url)
        (received,) = server.received
        assert received.startswith(b"POST /messages?a=%5B1%5D HTTP/1.1\r\n")
        assert b"\r\nx-key: value\r\n" in received
        assert received.endswith(b"\r\n\r\nto=1")
        assert isinstance(result, HttpResponse)
        assert result.body == b"some text"

    def test_every_call_has_a_connection_of_its_own_even_if_the_server_would_keep_it(self) -> None:
        connections: list[tuple[str, int]] = []

        def script(connection: socket.socket, server: Server) -> None:
            connections.append(connection.getpeername())
            answering(OK)(connection, server)

        with serving(script) as server:
            for _ in range(3):
                assert isinstance(post(server.url), HttpResponse)
        assert len(set(connections)) == 3

    def test_proxies_of_the_environment_are_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        with serving(answering(OK)) as server:
            assert isinstance(post(server.url), HttpResponse)

    def test_an_answer_of_one_mebibyte_is_read_and_a_longer_one_is_unknown(self) -> None:
        for size, kind in ((1024 * 1024, HttpResponse), (1024 * 1024 + 1, NoResponse)):
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
            with serving(answering(answer)) as server:
                result = post(server.url)
            assert isinstance(result, kind)
            assert isinstance(result, HttpResponse) or result.written


class TestUnwritten:
    """Certainly not processed: the same request may be made again."""

    def test_a_refused_connection(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        assert post(f"http://127.0.0.1:{port}/") == NoResponse(written=False, reason="ConnectError")

    @pytest.mark.parametrize("end", [reset, lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")])
    def test_tls_to_a_server_that_speaks_none_or_cuts_it_off(self, end: Callable[[socket.socket], None]) -> None:
        def script(connection: socket.socket, server: Server) -> None:
            server.received.append(connection.recv(65536))
            end(connection)

        with serving(script) as server:
            result = post(server.url.replace("http:", "https:"))
        assert result == NoResponse(written=False, reason="ConnectError")
        assert b"to=1" not in b"".join(server.received)

    def test_tls_that_never_gets_an_answer(self) -> None:
        with serving(keep_silent) as server:
            result = post(server.url.replace("http:", "https:"), timeout=SHORT)
            assert result == NoResponse(written=False, reason="ConnectTimeout")

    @pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1", "http://127.0.0.1:99999/", "http://[::1/", ""])
    def test_an_address_that_is_none(self, url: str) -> None:
        result = post(url)
        assert isinstance(result, NoResponse)
        assert not result.written


def then(end: Callable[[socket.socket, Server], object]) -> Script:
    """Read the request, then end."""

    def script(connection: socket.socket, server: Server) -> None:
        read_request(connection, server)
        end(connection, server)

    return script


class TestWritten:
    """Nobody can tell whether it was processed."""

    @pytest.mark.parametrize(
        "script",
        [
            then(lambda *_: None),
            lambda *_: None,
            then(lambda connection, _: reset(connection)),
            answering(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"),
            answering(b"HTTP/1.1 201 Created\r\nConte"),
            answering(b"SMTP ready\r\n"),
            answering(b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
        ],
        ids=["closed", "closed-at-once", "reset", "body-cut", "head-cut", "no-http", "no-gzip"],
    )
    def test_a_connection_that_ends_without_a_whole_answer(self, script: Script) -> None:
        with serving(script) as server:
            result = post(server.url)
        assert isinstance(result, NoResponse)
        assert result.written

    @pytest.mark.parametrize(
        "script",
        [
            dripping(b""),
            dripping(b"HTTP/1.1 201 Created\r\n"),
            dripping(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n"),
            dripping(b"HTTP/1.1 201 Created\r\n\r\n"),
            then(keep_silent),
        ],
        ids=["status-line", "headers", "body", "body-without-length", "silence"],
    )
    def test_an_answer_that_drips_or_never_comes_ends_at_the_time_out(self, script: Script) -> None:
        with serving(script) as server:
            began = time.monotonic()
            result = post(server.url, timeout=SHORT)
            took = time.monotonic() - began
        assert result == NoResponse(written=True, reason="ReadTimeout")
        assert SHORT <= took < SHORT + 1.0  # the rest is for a busy machine; a drip without the deadline never ends

    def test_a_drip_over_tls_ends_at_the_time_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        authority, shown = issue(tmp_path, "localhost")
        monkeypatch.setattr(provider_http, "_tls", lambda: ssl.create_default_context(cafile=str(authority)))
        drip = dripping(b"HTTP/1.1 201 Created\r\n")

        def script(connection: socket.socket, server: Server) -> None:
            with shown.wrap_socket(connection, server_side=True) as secured:
                drip(secured, server)

        with serving(script) as server:
            result = post(server.url.replace("http://127.0.0.1", "https://localhost"), timeout=SHORT)
        assert result == NoResponse(written=True, reason="ReadTimeout")


def test_a_connection_that_is_made_too_late_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.create_connection

    def late(*arguments: Any, **options: Any) -> socket.socket:
        made = connect(*arguments, **options)
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
        return made

    monkeypatch.setattr(socket, "create_connection", late)
    with serving(lambda connection, server: server.received.append(connection.recv(65536))) as server:
        result = post(server.url, timeout=SHORT)
        monkeypatch.undo()
    assert result == NoResponse(written=False, reason="ConnectTimeout")
    assert server.received == [b""]


def test_no_address_is_logged_where_lambda_has_libraries_log_what_they_like(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving(answering(OK)) as server:
        post(server.url)
    assert not caplog.records
