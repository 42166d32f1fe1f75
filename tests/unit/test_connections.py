"""HTTP/1.1 responses cut in any way, invalid responses, and which connections are kept."""

from __future__ import annotations

import socket
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
        *[(b"1.1 200 OK", True), (b"1.1 200", True), (b"1.1 200 OK\r\nConnection: Keep-Alive", True)],
        *[(b"1.1 200 OK\r\nConnection: close", False), (b"1.0 200 OK", False)],
        (b"1.0 200 OK\r\nConnection: keep-alive", True),
    ],
)
def test_a_connection_is_kept_where_the_server_keeps_it(head: bytes, *, reusable: bool) -> None:
    _, connection = exchange(b"HTTP/" + head + b"\r\nContent-Length: 0\r\n\r\n")

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
    assert exchange(b"HTTP/1.1 %d Words\r\n\r\n" % status)[0] == (status, {}, b"")


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
UNREADABLE = {
    "another protocol": b"SSH-2.0-OpenSSH\r\n\r\n",
    "another version": b"HTTP/2 200\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 2x0 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "a length that is no number": OK + b"Content-Length: many\r\n\r\n",
    "a negative length": OK + b"Content-Length: -1\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    "a length and chunks": OK + b"Content-Length: 1\r\n" + CHUNKS + b"0\r\n\r\n",
    "a chunk of no length": OK + CHUNKS + b"xyz\r\n",
    "a chunk of negative length": OK + CHUNKS + b"-1\r\n",
    "a NUL in a header": OK + b"X: \x00\r\n\r\n",
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
    [b"X: ", b"Content-Length: 99999999999\r\n\r\n", CHUNKS + b"fffffffff\r\n"],
    ids=["headers", "body", "chunk"],
)
def test_a_response_that_does_not_end_is_not_read_to_its_end(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sms_tracker.aws.connections._MAX_BYTES", 1024 * 1024)

    with pytest.raises(ConnectionError):
        exchange(OK + start, *[b"x" * 65536] * 17)


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", LENGTH[:-1], ENDLESS])
def test_a_response_that_does_not_come_to_its_end_in_time_is_a_time_out(octets: bytes) -> None:
    with pytest.raises(TimeoutError):
        exchange(octets, seconds=0.05)


def test_a_drip_of_bytes_does_not_prolong_the_time_that_there_is() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(OK + CHUNKS)

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


ANSWERED, GARBLED = OK + b"Content-Length: 0\r\n\r\n", b"garbage\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
SIZE = 8_000_000


def outcome(*replies: bytes, early: bool) -> str:
    """The result of the last of some calls; ``early`` replies come before the request is read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for reply in replies:
                opened, _ = listener.accept()
                with opened, suppress(OSError):
                    received = 0
                    while received < (1 if early else SIZE):
                        received += len(opened.recv(1000 if early else 65536))
                    opened.sendall(reply)
                    while early and opened.recv(65536):
                        """Until the client closes."""

        other = Thread(target=serve)
        other.start()
        endpoint = Endpoint("eu-west-1", "127.0.0.1", listener.getsockname()[1], tls=False)
        connections = Connections(endpoint, None, connect=5.0, read=5.0)
        told = ""
        for _ in replies:
            try:
                told = str(connections.post({"host": "h"}, b"x" * SIZE).status)
            except TryFailed as failed:
                told = failed.code
        other.join()
        return told


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        *[([ANSWERED], "200"), ([TOO_LARGE], "413"), ([b""], "ConnectionClosedError")],
        ([GARBLED], "ConnectionClosedError"),
        ([GARBLED, ANSWERED], "200"),  # after an invalid response the next call has a new connection
    ],
)
def test_a_call_ends_with_the_response_or_with_the_reason_why_there_is_none(replies: list[bytes], code: str) -> None:
    assert outcome(*replies, early=replies == [TOO_LARGE]) == code
