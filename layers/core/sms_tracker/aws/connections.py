"""The endpoint of an AWS service, and HTTP/1.1 calls to it over kept connections; llhttp parses the responses."""

from __future__ import annotations

import os
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser


class Endpoint(NamedTuple):
    """Host and port of one service in one region. Without TLS only if ``AWS_ENDPOINT_URL`` is plain HTTP."""

    region: str
    host: str
    port: int
    tls: bool = True

    @property
    def authority(self) -> str:
        """The Host header: the default port is left out."""
        return self.host if self.port == (443 if self.tls else 80) else f"{self.host}:{self.port}"


_SUFFIXES = {
    r"(us|eu|ap|sa|ca|me|af|il|mx|us-gov)-[a-z]+-[0-9]+": "amazonaws.com",
    r"cn-[a-z]+-[0-9]+": "amazonaws.com.cn",
}
"""The domain of the AWS partition, by the form of its regions."""
_BOTO3_ONLY = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


def endpoint_of(service: str, environment: Mapping[str, str]) -> Endpoint | None:
    """A service's endpoint; None if it needs more than service and region (boto3 resolves those)."""
    region = environment.get("AWS_DEFAULT_REGION") or environment.get("AWS_REGION") or ""
    if any(environment.get(name, "").lower() == "true" for name in _BOTO3_ONLY):
        return None
    if any(environment.get(name) for name in _PROXIES):
        return None
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        url = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get("AWS_ENDPOINT_URL")
        if url:
            return _configured_endpoint(url, region)
    suffix = next((suffix for pattern, suffix in _SUFFIXES.items() if re.fullmatch(pattern, region)), None)
    return Endpoint(region, f"{service}.{region}.{suffix}", 443) if suffix else None


def _configured_endpoint(url: str, region: str) -> Endpoint | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_plain = host.isascii() and ":" not in host and parts.path in {"", "/"} and not (parts.query or parts.username)
    if not (region and host and is_plain) or parts.scheme not in {"http", "https"}:
        return None
    tls = parts.scheme == "https"
    return Endpoint(region, host, parts.port or (443 if tls else 80), tls=tls)


class TryFailed(Exception):
    """One try of a call failed. Without a response ``status`` is None and ``code`` is botocore's exception name."""

    def __init__(self, code: str, status: int | None = None, item: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code, self.status, self.item = code, status, item


class Answer(NamedTuple):
    """A response. Header names are lower-case."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


_MAX_BYTES = 32 * 1024 * 1024
"""Of a response with its headers. BatchGetItem returns at most 16 MB."""


class Connection:
    """One open connection, for one call at a time. llhttp calls the ``on_`` methods."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self._unread = select.poll()
        self._unread.register(opened, select.POLLIN)
        self._parser = HttpResponseParser(self)
        self._answers: list[Answer] = []

    def exchange(self, request: bytes, *, seconds: float) -> Answer:
        """The response to ``request``, complete within ``seconds``; raises ``OSError`` or httptools' errors."""
        self.reusable, self._answers = False, []
        end, room = time.monotonic() + seconds, _MAX_BYTES
        self.socket.settimeout(seconds)
        with suppress(BrokenPipeError):  # a server may respond and close before it has read everything
            self.socket.sendall(request)
        while not self._answers:
            if (left := end - time.monotonic()) <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            data = self.socket.recv(65536)
            room -= len(data)
            if not data or room < 0:
                raise ConnectionResetError("the response is incomplete or too long")
            self._parser.feed_data(data)
        self.reusable = self._keeps and len(self._answers) == 1
        return self._answers[0]

    def is_readable(self) -> bool:
        """Whether bytes or the end of the stream have arrived. Between calls: AWS closed the connection."""
        return bool(self._unread.poll(0))

    def on_message_begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value.strip()

    def on_body(self, chunk: bytes) -> None:
        self._body.append(chunk)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # noqa: PLR2004  # 1xx precedes the response
            self._answers.append(Answer(status, self._headers, b"".join(self._body)))
            self._keeps = self._parser.should_keep_alive()


IDLE = 20.0
"""Seconds for which an idle connection is reused. AWS closes idle ones, unnoticed by a frozen sandbox."""


class Connections:
    """Calls to one endpoint. Each call has a connection to itself, so threads may share the object.

    ``connect`` and ``read`` are time-outs in seconds. ``now`` is a wall clock, which runs while the sandbox is frozen.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        tls: ssl.SSLContext | None,
        connect: float,
        read: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint, self._tls, self._connect, self._read, self._now = endpoint, tls, connect, read, now
        self._idle: list[tuple[Connection, float]] = []

    def __del__(self) -> None:
        for connection, _ in self._idle:
            connection.socket.close()

    def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """One exchange; raises ``TryFailed``."""
        head = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        request = f"POST / HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body
        try:
            kept = self._kept()
            try:
                return self._exchange(kept or self._opened(), request)
            except (ConnectionError, ssl.SSLError):
                if kept is None:
                    raise
                return self._exchange(self._opened(), request)  # the kept connection was closed; a new one may work
        except TimeoutError as error:
            raise TryFailed("ReadTimeoutError") from error
        except (HttpParserError, HttpParserUpgrade, OSError) as error:
            raise TryFailed("ConnectionClosedError") from error

    def _kept(self) -> Connection | None:
        while True:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                return None
            if 0 <= self._now() - since < IDLE and not connection.is_readable():
                return connection
            connection.socket.close()

    def _opened(self) -> Connection:
        host = self._endpoint.host.encode()  # a str makes Python load its IDNA codec, 2 ms
        try:
            opened = socket.create_connection((host, self._endpoint.port), self._connect)  # type: ignore[arg-type]
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return Connection(self._tls.wrap_socket(opened, server_hostname=host) if self._tls else opened)
        except ssl.SSLError as error:
            raise TryFailed("SSLError") from error
        except TimeoutError as error:
            raise TryFailed("ConnectTimeoutError") from error
        except OSError as error:
            raise TryFailed("EndpointConnectionError") from error

    def _exchange(self, connection: Connection, request: bytes) -> Answer:
        try:
            return connection.exchange(request, seconds=self._read)
        finally:
            if connection.reusable:
                self._idle.append((connection, self._now()))
            else:
                connection.socket.close()


@cache
def default_tls() -> ssl.SSLContext:
    """The process's TLS context, with the system's authorities or, as in botocore, those of ``AWS_CA_BUNDLE``."""
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
