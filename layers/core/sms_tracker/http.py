"""The only outbound HTTP to providers."""

from __future__ import annotations

import ssl
import time
from functools import cache

import httpx

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse

_CONNECT = 3.0
_LARGEST = 1024 * 1024
_UNWRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Failures before the first byte of the request: DNS, TCP, TLS, or an address that is none."""


class _TooMuch(Exception):
    """The answer is too slow or too long to be read to its end."""


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def call(request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
    """Make one request on a connection of its own; ``timeout`` is seconds for the whole of it.

    Never reuses a connection: a thawed sandbox holds dead ones, and a write on a dead connection has an unknown
    outcome. Redirects are not followed; proxies and .netrc are not read. At most 1 MiB of an answer is.
    """
    deadline = time.monotonic() + timeout
    limits = httpx.Timeout(timeout, connect=min(_CONNECT, timeout))
    try:
        with httpx.Client(verify=_tls(), timeout=limits, trust_env=False) as client:
            return _exchange(client, request, deadline)
    except _UNWRITTEN as error:
        return NoResponse(written=False, reason=type(error).__name__)
    except (httpx.HTTPError, _TooMuch) as error:
        return NoResponse(written=True, reason=type(error).__name__)


def _exchange(client: httpx.Client, request: HttpRequest, deadline: float) -> HttpResponse:
    headers = dict(request.headers)
    with client.stream(request.method, request.url, headers=headers, content=request.body) as answer:
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if time.monotonic() > deadline or len(body) > _LARGEST:
                raise _TooMuch
        return HttpResponse(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, bytes(body))
