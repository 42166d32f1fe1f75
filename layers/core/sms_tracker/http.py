"""The only outbound HTTP to providers."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpcore
import httpx

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse

logging.getLogger("httpx").setLevel(logging.WARNING)  # below, it logs each URL, and in it whom a search is for
_CONNECT = 3.0
_LARGEST = 1024 * 1024
_UNWRITTEN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
"""Failures before the first byte of the request: DNS, TCP, TLS, or an address that is none."""


class _TooMuch(Exception):
    """The answer is too long to be read to its end."""


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def call(request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
    """Make one request on a connection of its own; ``timeout`` is seconds for the whole of it.

    Never reuses a connection: a thawed sandbox holds dead ones, and a write on a dead connection has an unknown
    outcome. Redirects are not followed; proxies and .netrc are not read. At most 1 MiB of an answer is.
    """
    limits = httpx.Timeout(timeout, connect=min(_CONNECT, timeout))
    transport = _Transport(time.monotonic() + timeout)
    try:
        with httpx.Client(transport=transport, timeout=limits, trust_env=False) as client:
            return _exchange(client, request)
    except _UNWRITTEN as error:
        return NoResponse(written=False, reason=type(error).__name__)
    except (httpx.HTTPError, _TooMuch) as error:
        return NoResponse(written=True, reason=type(error).__name__)


def _exchange(client: httpx.Client, request: HttpRequest) -> HttpResponse:
    headers = dict(request.headers)
    with client.stream(request.method, request.url, headers=headers, content=request.body) as answer:
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > _LARGEST:
                raise _TooMuch
        return HttpResponse(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, bytes(body))


class _Transport(httpx.HTTPTransport):
    """One call's transport. httpx has no public way to choose the network backend, so the pool is replaced."""

    def __init__(self, end: float) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._pool = httpcore.ConnectionPool(ssl_context=_tls(), network_backend=_Backend(end))


class _Backend(httpcore.SyncBackend):
    """Connections whose every wait ends at ``end``: httpx bounds each read, and a drip of bytes makes many of them."""

    def __init__(self, end: float) -> None:
        self._end = end

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, _left(self._end, timeout), local_address, socket_options)
        return _Stream(stream, self._end)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, end: float) -> None:
        self._stream = stream
        self._end = end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._end, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._end, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._end, timeout))
        return _Stream(stream, self._end)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(end: float, timeout: float | None) -> float:
    """Seconds until ``end``, at most ``timeout``; never 0, which a socket takes for "do not wait, fail otherwise"."""
    left = max(end - time.monotonic(), 0.001)
    return left if timeout is None else min(left, timeout)
