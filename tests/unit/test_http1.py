"""HTTP/1.1 as far as we speak it: what any cutting of an answer into pieces gives, and what is no answer."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.aws.http1 import Answer, Connection, Garbled

LENGTH = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Name:  a value \r\n\r\n{"a":1}'
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Name: a value\r\n\r\n"
    b'3\r\n{"a\r\n4;name=value\r\n":1}\r\n0\r\nTrailer: x\r\n\r\n'
)
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH


def exchange(*pieces: bytes, seconds: float = 30.0, end: bool = False) -> tuple[Answer, Connection, bytes]:
    """One exchange with somebody who sends these pieces, then perhaps closes; what was sent to them is the last."""
    ours, theirs = socket.socketpair()
    received = bytearray()

    def answer() -> None:
        received.extend(theirs.recv(65536))
        for piece in pieces:
            theirs.sendall(piece)
        if end:
            theirs.close()

    other = Thread(target=answer)
    other.start()
    connection = Connection(ours)
    try:
        return connection.exchange({"host": "h", "x-name": "v"}, b"body", seconds=seconds), connection, bytes(received)
    finally:
        other.join()
        ours.close()
        theirs.close()


@pytest.mark.parametrize("whole", [LENGTH, CHUNKED, CONTINUED])
@given(data=st.data())
def test_an_answer_is_the_same_however_it_is_cut_into_pieces(whole: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    answer, connection, sent = exchange(*pieces)

    assert (answer.status, answer.body, answer.headers["x-name"]) == (200, b'{"a":1}', "a value")
    assert connection.reusable
    assert sent == b"POST / HTTP/1.1\r\nhost: h\r\nx-name: v\r\ncontent-length: 4\r\n\r\nbody"


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
def test_a_connection_is_kept_where_the_other_side_keeps_it(head: bytes, *, reusable: bool) -> None:
    _, connection, _ = exchange(head + b"Content-Length: 0\r\n\r\n")

    assert connection.reusable is reusable


def test_a_connection_on_which_more_came_than_was_asked_for_is_not_kept() -> None:
    answer, connection, _ = exchange(LENGTH + b"HTTP/1.1 200 OK\r\n")

    assert answer.body == b'{"a":1}'
    assert not connection.reusable


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_has_no_length(status: int) -> None:
    answer, _, _ = exchange(b"HTTP/1.1 %d Words\r\n\r\n" % status)

    assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize(
    "octets",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_no_answer_is_said_to_be_none(octets: bytes) -> None:
    with pytest.raises(Garbled):
        exchange(octets)


@given(st.binary(max_size=200))
def test_nothing_that_comes_is_more_than_an_answer_or_an_error(octets: bytes) -> None:
    try:
        answer, _, _ = exchange(octets, end=True)
    except (Garbled, OSError):
        return
    assert 200 <= answer.status <= 999


CUT_SHORT = [whole[:length] for whole in (LENGTH, CHUNKED) for length in (0, 5, 20, len(whole) - 1)]


@pytest.mark.parametrize("octets", CUT_SHORT)
def test_an_answer_that_is_cut_short_is_a_lost_connection(octets: bytes) -> None:
    with pytest.raises(ConnectionError):
        exchange(octets, end=True)


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", LENGTH[:-1]])
def test_an_answer_that_does_not_come_to_its_end_in_time_is_a_time_out(octets: bytes) -> None:
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
        Connection(ours).exchange({}, b"", seconds=0.05)
    other.join()
    theirs.close()
