"""As much of HTTP/1.1 as AWS's JSON services speak: POST a body to ``/``, read an answer of known or chunked length.

The standard library's client reads headers with its e-mail parser, which takes a third of the time of a call and more
than a tenth of a cold start; ADR 11 has the figures.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

_MOST = 64 * 1024
"""Bytes of an answer's head, or of one line that says how long a chunk is."""
_LARGEST = 32 * 1024 * 1024
"""Bytes of a body; BatchGetItem's are at most half of it."""
_VERSIONS = {"HTTP/1.1": "keep-alive", "HTTP/1.0": "close"}
_BODILESS = {204, 304}


class Garbled(Exception):
    """What came is no answer."""


class Answer(NamedTuple):
    """Header names are lower-cased."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One open connection, for one call at a time."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.reusable = True
        """Whether the last answer left the connection fit for another call."""
        self._data = b""
        self._end = 0.0

    def close(self) -> None:
        self.socket.close()

    def exchange(self, headers: Mapping[str, str], body: bytes, *, seconds: float) -> Answer:
        """POST ``body``, whose length is all that ``headers`` lack, and have the whole answer within ``seconds``.

        Raises ``OSError``, of which ``TimeoutError`` is one, or ``Garbled``.
        """
        self.reusable = False
        self._end = time.monotonic() + seconds
        self.socket.settimeout(seconds)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket.sendall(f"POST / HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        status, names, keeps = self._head()
        while status < 200:  # noqa: PLR2004  # 1xx announces an answer
            status, names, keeps = self._head()
        answer = Answer(status, names, self._body(status, names))
        self.reusable = keeps and not self._data
        return answer

    def _head(self) -> tuple[int, dict[str, str], bool]:
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if version not in _VERSIONS or not (rest[:3].isdecimal() and rest[3:4] in {"", " "}):
            raise Garbled("no status line")
        pairs = (line.partition(":") for line in lines)
        names = {name.lower(): value.strip() for name, _, value in pairs}
        keeps = names.get("connection", _VERSIONS[version]).lower() == "keep-alive"
        return int(rest[:3]), names, keeps

    def _body(self, status: int, names: Mapping[str, str]) -> bytes:
        if "transfer-encoding" in names:
            return self._chunks()
        length = names.get("content-length", "0" if status in _BODILESS else "")
        if not (length.isdecimal() and int(length) <= _LARGEST):
            raise Garbled("an answer of unknown length")
        return self._exactly(int(length))

    def _chunks(self) -> bytes:
        body = b""
        while size := self._size():
            body += self._exactly(size)
            self._until(b"\r\n")
            if len(body) > _LARGEST:
                raise Garbled("too long an answer")
        while self._until(b"\r\n"):
            """Trailers."""
        return body

    def _size(self) -> int:
        try:
            size = int(self._until(b"\r\n").partition(b";")[0], 16)
        except ValueError:
            size = -1
        if not 0 <= size <= _LARGEST:
            raise Garbled("a chunk of unknown length")
        return size

    def _until(self, mark: bytes) -> bytes:
        while (end := self._data.find(mark)) < 0:
            if len(self._data) > _MOST:
                raise Garbled("too long a head")
            self._data += self._more()
        found, self._data = self._data[:end], self._data[end + len(mark) :]
        return found

    def _exactly(self, length: int) -> bytes:
        parts, missing = [self._data], length - len(self._data)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        whole = b"".join(parts)
        self._data = whole[length:]
        return whole[:length]

    def _more(self) -> bytes:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)
        some = self.socket.recv(_MOST)
        if not some:
            raise ConnectionResetError("closed before the answer's end")
        return some
