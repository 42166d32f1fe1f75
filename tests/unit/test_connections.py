"""HTTP/1.1 responses cut in any way, invalid responses, and which connections are kept."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

import pytest
from httptools import HttpParserError, HttpParserUpgrade
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.aws.connections import Answer, Connection, Connections, Endpoint, TryFailed

LENGTH = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Name:  a value \r\n\r\n{"a":1}'
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Name: a value\r\n\r\n"
    b'3\r\n{"a\r\n4;name=value\r\n":1}\r\n0\r\nTrailer: x\r\n\r\n'
)
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH
HINTED = b"HTTP/1.1 103 Early Hints\r\nX-Name: another\r\nLink: </a>\r\n\r\n" + CHUNKED
REQUEST = b"POST / HTTP/1.1\r\nhost: h\r\n\r\n"


def exchange(*pieces: bytes, seconds: float = 30.0, end: bool = False) -> tuple[Answer, Connection]:
    """One exchange with a server that sends these pieces, then perhaps closes."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        theirs.recv(65536)
        with suppress(OSError):  # we hang up on some
            for piece in pieces:
                theirs.sendall(piece)
        if end:
            theirs.close()

    other = Thread(target=answer)
    other.start()
    connection = Connection(ours)
    try:
        return connection.exchange(REQUEST, seconds=seconds), connection
    finally:
        ours.close()
        other.join()
        theirs.close()


@pytest.mark.parametrize("whole", [LENGTH, CHUNKED, CONTINUED, HINTED])
@given(data=st.data())
def test_a_response_is_the_same_however_it_is_cut_into_pieces(whole: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    answer, connection = exchange(*pieces)

    assert (answer.status, answer.body, answer.headers[b"x-name"]) == (200, b'{"a":1}', b"a value")
    assert b"link" not in answer.headers
    assert connection.reusable


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_a_connection_is_kept_where_the_server_keeps_it(head: bytes, *, reusable: bool) -> None:
    _, connection = exchange(head + b"Content-Length: 0\r\n\r\n")

    assert connection.reusable is reusable


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\n", LENGTH])
def test_a_connection_with_data_after_the_response_is_not_kept(more: bytes) -> None:
    answer, connection = exchange(LENGTH + more)

    assert answer.body == b'{"a":1}'
    assert not connection.reusable


def test_a_second_exchange_starts_afresh() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = Connection(ours)
        theirs.sendall(HINTED)
        connection.exchange(REQUEST, seconds=30)
        theirs.sendall(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")

        assert connection.exchange(REQUEST, seconds=30) == (400, {b"content-length": b"0"}, b"")


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_that_has_no_body_has_no_length(status: int) -> None:
    answer, _ = exchange(b"HTTP/1.1 %d Words\r\n\r\n" % status)

    assert (answer.status, answer.body) == (status, b"")


UNREADABLE = {
    "another protocol": b"SSH-2.0-OpenSSH\r\n\r\n",
    "another version": b"HTTP/2 200\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 2x0 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk of negative length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
    "another protocol from here on": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_invalid_response_is_an_error(name: str) -> None:
    with pytest.raises((HttpParserError, HttpParserUpgrade)):
        exchange(UNREADABLE[name])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_response_or_an_error(octets: bytes) -> None:
    try:
        answer, _ = exchange(octets, end=True)
    except (HttpParserError, HttpParserUpgrade, OSError):
        return
    assert 200 <= answer.status <= 999


ENDLESS = b"HTTP/1.1 200 OK\r\n\r\nuntil the connection ends"
CUT_SHORT = [whole[:length] for whole in (LENGTH, CHUNKED) for length in (0, 5, 20, len(whole) - 1)]


@pytest.mark.parametrize("octets", [*CUT_SHORT, ENDLESS])
def test_a_response_that_is_cut_short_is_a_lost_connection(octets: bytes) -> None:
    with pytest.raises(ConnectionError):
        exchange(octets, end=True)


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
    ],
    ids=["headers", "body", "chunk"],
)
def test_a_response_that_does_not_end_is_not_read_to_its_end(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sms_tracker.aws.connections._MAX_BYTES", 1024 * 1024)

    with pytest.raises(ConnectionError):
        exchange(start, *[b"x" * 65536] * 17)


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", LENGTH[:-1], ENDLESS])
def test_a_response_that_does_not_come_to_its_end_in_time_is_a_time_out(octets: bytes) -> None:
    with pytest.raises(TimeoutError):
        exchange(octets, seconds=0.05)


def test_a_drip_of_bytes_does_not_prolong_the_time_that_there_is() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def drip() -> None:
        with suppress(OSError):
            while True:
                theirs.sendall(b"1\r\nx\r\n")

    other = Thread(target=drip)
    other.start()
    with ours, pytest.raises(TimeoutError):
        Connection(ours).exchange(b"", seconds=0.05)
    other.join()
    theirs.close()


Script = Callable[[socket.socket], None]


def outcome(*scripts: Script, calls: int = 1) -> str:
    """The result of the last of some calls to a server with one script per connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for script in scripts:
                opened, _ = listener.accept()
                with opened, suppress(OSError):
                    script(opened)

        other = Thread(target=serve)
        other.start()
        endpoint = Endpoint("eu-west-1", "127.0.0.1", listener.getsockname()[1], tls=False)
        connections = Connections(endpoint, None, connect=5.0, read=5.0)
        told = ""
        for _ in range(calls):
            try:
                told = str(connections.post({"host": "h"}, b"x" * 8_000_000).status)
            except TryFailed as failed:
                told = failed.code
        other.join()
        return told


def read_all(opened: socket.socket) -> None:
    """Read the request: eight megabytes and its head."""
    received = 0
    while received < 8_000_000:
        received += len(opened.recv(65536))


def answered(opened: socket.socket) -> None:
    read_all(opened)
    opened.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def refused_early(opened: socket.socket) -> None:
    """Respond before the request is read, then read the rest."""
    opened.recv(1000)
    opened.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    opened.shutdown(socket.SHUT_WR)
    while opened.recv(65536):
        """Until the client closes."""


def closed_after_reading(opened: socket.socket) -> None:
    read_all(opened)


def garbled(opened: socket.socket) -> None:
    read_all(opened)
    opened.sendall(b"garbage\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (answered, "200"),
        (refused_early, "413"),
        (closed_after_reading, "ConnectionClosedError"),
        (garbled, "ConnectionClosedError"),
    ],
)
def test_a_call_ends_with_the_response_or_with_the_reason_why_there_is_none(script: Script, code: str) -> None:
    assert outcome(script) == code


def test_after_an_invalid_response_the_next_call_has_a_new_connection() -> None:
    assert outcome(garbled, answered, calls=2) == "200"
