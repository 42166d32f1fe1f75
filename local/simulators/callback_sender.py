"""Sends callbacks over HTTP with the signed bytes, the provider's time-outs and its retries."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import httpx

from local.simulators.ledger import Callback, Try, now

ALL = frozenset({"4xx", "5xx", "ct", "rt"})
"""Kinds of failure: an answer of 400 to 499, of 500 and more, no connection, no answer in time."""

_AT_ONCE = 64
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """A provider's time-outs and retries. Times are seconds; ``total`` covers every retry."""

    retries: int
    retried: frozenset[str]
    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One signed callback, the same at every try. ``url`` has no fragment."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    retry_policy: RetryPolicy


class CallbackSender:
    """Sends callbacks, each over a new connection, so that no stale one loses a report."""

    def __init__(self, *, retry_pause: float) -> None:
        self._retry_pause = retry_pause
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._client = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, outgoing: Outgoing, callback: Callback) -> None:
        """Try until it is answered or the retries are used up; ``callback`` receives every try."""
        async with self._places:
            try:
                async with asyncio.timeout(outgoing.retry_policy.total):
                    await self._tries(outgoing, callback)
            except TimeoutError:
                callback.tries.append(Try(at=now(), error="total time-out", kind="rt"))
            finally:
                callback.over = True

    async def _tries(self, outgoing: Outgoing, callback: Callback) -> None:
        for retry in range(outgoing.retry_policy.retries + 1):
            if retry:
                await asyncio.sleep(self._retry_pause * 2 ** (retry - 1))
            tried = await self._once(outgoing)
            callback.tries.append(tried)
            if tried.kind not in outgoing.retry_policy.retried:
                return

    async def _once(self, outgoing: Outgoing) -> Try:
        at = now()
        try:
            status = (await self._client.send(_request(outgoing))).status_code
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Try(at=at, error=_text(error), kind="ct")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return Try(at=at, error=_text(error), kind="rt")
        kind = "5xx" if status >= _SERVER_ERROR else "4xx" if status >= _CLIENT_ERROR else "ok"
        return Try(at=at, status=status, kind=kind)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _request(outgoing: Outgoing) -> httpx.Request:
    """The request with exactly the signed target; httpx alone escapes some characters."""
    parts = urlsplit(outgoing.url)
    host = parts.hostname or ""
    # RFC 6761: names under .localhost are the loopback; many resolvers do not implement it.
    address = "127.0.0.1" if host.endswith(".localhost") else host
    port = f":{parts.port}" if parts.port else ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # The signature covers the userinfo; HTTP carries it as a header.
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    headers = httpx.Headers({**outgoing.headers, "host": f"{host}{port}"})
    if login:
        headers["authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    retry_policy = outgoing.retry_policy
    timeout = httpx.Timeout(retry_policy.read, connect=retry_policy.connect, pool=None)
    return httpx.Request(
        outgoing.method,
        f"{parts.scheme}://{address}{port}/",
        headers=headers,
        content=outgoing.body or None,
        extensions={"target": target.encode(), "timeout": timeout.as_dict(), "sni_hostname": host},
    )
