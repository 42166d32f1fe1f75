"""Where a service answers, and connections to it that stay open from one call to the next."""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from sms_tracker.aws.authorities import Authorities, trusted
from sms_tracker.aws.http1 import Answer, Connection, Garbled

IDLE = 20.0
"""Seconds after which a connection is not used again: AWS closes idle ones, ignore_failed_call by a frozen sandbox."""
_SUFFIXES = {
    r"(us|eu|ap|sa|ca|me|af|il|mx|us-gov)-[a-z]+-[0-9]+": "amazonaws.com",
    r"cn-[a-z]+-[0-9]+": "amazonaws.com.cn",
}
_ELSEWHERE = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service of one region answers. Plain HTTP only where ``AWS_ENDPOINT_URL`` says so."""

    region: str
    host: str
    port: int | None = None
    tls: bool = True

    @property
    def authority(self) -> str:
        """The Host header: without the port that goes without saying."""
        return self.host if self.port in {None, 443 if self.tls else 80} else f"{self.host}:{self.port}"

    @property
    def name(self) -> bytes:
        """The host as resolver and TLS take it; given text they load all of Unicode's names, 2 ms of a cold start."""
        return self.host.encode("ascii")


def endpoint_of(service: str, environment: Mapping[str, str]) -> Endpoint | None:
    """A service's endpoint; None for whatever takes more than its name and region to know, which boto3 knows."""
    region = environment.get("AWS_DEFAULT_REGION") or environment.get("AWS_REGION") or ""
    if any(environment.get(name, "").lower() == "true" for name in _ELSEWHERE):
        return None
    if any(environment.get(name) for name in _PROXIES):
        return None
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        named = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get("AWS_ENDPOINT_URL")
        if named:
            return _configured(named, region)
    suffix = next((suffix for pattern, suffix in _SUFFIXES.items() if re.fullmatch(pattern, region)), None)
    return Endpoint(region, f"{service}.{region}.{suffix}") if suffix else None


def _configured(url: str, region: str) -> Endpoint | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    plain = region and host and host.isascii() and parts.path in {"", "/"} and not (parts.query or parts.username)
    if not plain or parts.scheme not in {"http", "https"} or ":" in host:
        return None
    return Endpoint(region, host, parts.port, tls=parts.scheme == "https")


class NoAnswer(Exception):
    """The call ended without an answer; ``code`` is botocore's word for how."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Channel:
    """Connections to one endpoint: each call has one for itself, so threads may share a channel."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        connect: float,
        read: float,
        now: Callable[[], float] = time.time,
        authorities: Callable[[], Authorities] = trusted,
    ) -> None:
        self._idle: list[tuple[Connection, float]] = []
        self._endpoint = endpoint
        self._connect = connect
        self._read = read
        self._now = now  # the wall clock: it goes on while the sandbox is frozen
        self._authorities = authorities() if endpoint.tls else None

    def __del__(self) -> None:
        for connection, _ in self._idle:
            connection.close()

    def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """One exchange; raises ``NoAnswer``."""
        try:
            return self._again(headers, body) or self._exchange(self._fresh(), headers, body)
        except TimeoutError as error:
            raise NoAnswer("ReadTimeoutError") from error
        except (Garbled, OSError) as error:
            raise NoAnswer("ConnectionClosedError") from error

    def _again(self, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Over a connection that was kept. None where there is none, or it proves dead: AWS itself may be well."""
        kept = self._kept()
        if kept is not None:
            with suppress(ConnectionError, ssl.SSLError):
                return self._exchange(kept, headers, body)
        return None

    def _kept(self) -> Connection | None:
        while self._idle:
            try:
                connection, since = self._idle.pop()
            except IndexError:  # another thread took the last one
                return None
            if 0 <= self._now() - since < IDLE and not _ended(connection.socket):
                return connection
            connection.close()
        return None

    def _fresh(self) -> Connection:
        try:
            made = self._secured(self._authorities) if self._authorities else self._plain()
        except ssl.SSLError as error:
            raise NoAnswer("SSLError") from error
        except TimeoutError as error:
            raise NoAnswer("ConnectTimeoutError") from error
        except OSError as error:
            raise NoAnswer("EndpointConnectionError") from error
        return Connection(made)

    def _secured(self, authorities: Authorities) -> socket.socket:
        used = authorities.tls
        try:
            return used.wrap_socket(self._plain(), server_hostname=self._endpoint.name)
        except ssl.SSLCertVerificationError as refusal:
            if not authorities.more(used, refusal.verify_message):
                raise
        return authorities.tls.wrap_socket(self._plain(), server_hostname=self._endpoint.name)

    def _plain(self) -> socket.socket:
        place = self._endpoint
        address = (place.name, place.port or (443 if place.tls else 80))
        opened = socket.create_connection(address, self._connect)  # type: ignore[arg-type]  # takes what getaddrinfo takes
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def _exchange(self, connection: Connection, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            answer = connection.exchange(headers, body, seconds=self._read)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._idle.append((connection, self._now()))
        else:
            connection.close()
        return answer


def _ended(idle: socket.socket) -> bool:
    """Whether the other side has closed: nothing else makes an idle connection readable."""
    poll = select.poll()
    poll.register(idle, select.POLLIN)
    return bool(poll.poll(0))
