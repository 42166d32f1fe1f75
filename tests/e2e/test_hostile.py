"""Webhooks from strangers, byte for byte over a socket: never a 5xx, and nothing unsigned reaches the queue."""

from __future__ import annotations

import json
import socket
from urllib.parse import quote, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.process import LOCALHOST
from local.stack import Stack
from sms_tracker.providers import BUILT_IN
from tests.e2e import watch
from tests.e2e.provider import CALLING, NAMES, callback, report_fields, signed

_PATIENCE = 60
_IN_A_LINE = st.characters(codec="latin-1", exclude_characters="\r\n\0")
# Other bytes cannot come but escaped: a gateway refuses them in a request line.
_TARGET = st.one_of(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=80), st.binary().map(quote))
_NAMES = st.sampled_from(
    [
        *("X-Twilio-Signature", "X-Twilio-Webhooks-Signature-Settings", "I-Twilio-Idempotency-Token"),
        *("MessageBird-Signature", "MessageBird-Request-Timestamp", "MessageBird-Signature-JWT"),
        *("Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"),
        *("Content-Type", "Content-Encoding", "Authorization", "Accept", "X-Forwarded-Host", "X-Forwarded-Proto"),
    ]
)
_VALUES = st.one_of(
    st.text(_IN_A_LINE, max_size=60),
    st.sampled_from(
        [
            *(
                "application/json",
                "application/x-www-form-urlencoded; charset=utf-16",
                "multipart/form-data; boundary=x",
            ),
            *("key=WK1,algorithm=HMAC_SHA256", "key=,algorithm=none", "9" * 30, "-1", "e30.e30.", "a.b.c", "=" * 40),
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJNZXNzYWdlQmlyZCJ9.",
        ]
    ),
)
_QUERIES = st.one_of(
    _TARGET,
    st.sampled_from(
        [
            "bodySHA256=" + "0" * 64,
            "message_id=00000000-0000-4000-8000-000000000000&attempt=1",
            "message_id=%00%ff&attempt=99999999999999999999&token=%F0%9F",
            "attempt=%D9%A3&message_id[]=1&a&b=&=c&&;%",
            "id=1&status=delivered&price[amount]=NaN&statusDatetime=T",
            "&".join(f"f{index}=1" for index in range(500)),
        ]
    ),
)
_HEAVY = {
    "fields": b"&".join(b"f%d=1" % index for index in range(500)),
    "arrays": b"[" * 20_000,
    "objects": b'{"a":' * 5_000,
    "escapes": b"%" * 5_000,
    "too long": b"x" * 66_000,
}
_BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            *(b"MessageSid=SM1&MessageStatus=delivered", b'{"id":"1","status":"delivered"}'),
            *(b"\xff\xfe\x00\xd8", b'{"n":1e999999}', b"\xef\xbb\xbf{}"),
        ]
    ),
    st.sampled_from(list(_HEAVY)),
)


def ask(stack: Stack, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> int:
    """The status of the answer to exactly these bytes."""
    head = [f"{method} {target} HTTP/1.1", "Host: anything", *(f"{name}: {value}" for name, value in headers)]
    port = urlsplit(stack.api_url).port
    with socket.create_connection((LOCALHOST, port or 0), timeout=_PATIENCE) as connection:
        text = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""])
        connection.sendall(text.encode("latin-1") + body)
        answer = connection.recv(65_536)
    return int(answer.split(b" ", 2)[1])


def bounded(examples: int) -> settings:
    """The same examples each time: a test of the wire, beside the properties of the unit tests."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def test_strangers_get_no_5xx_and_put_nothing_on_the_queue(stack: Stack) -> None:
    seen: set[int] = set()

    @bounded(250)
    @given(
        method=st.sampled_from(["POST", "POST", "GET", "GET", "PUT", "HEAD", "OPTIONS"]),
        path=st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), _TARGET),
        query=_QUERIES,
        headers=st.lists(st.tuples(_NAMES, _VALUES), max_size=4, unique_by=lambda header: header[0]),
        body=_BODIES,
    )
    def strangers(method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes | str) -> None:
        content = _HEAVY[body] if isinstance(body, str) else body
        status = ask(stack, method, f"/webhooks/{path}?{query}", headers, content)
        seen.add(status)
        assert 400 <= status < 500

    watch.drained(stack)
    with stack.paused("processor"):
        strangers()
        assert queued(stack) == []

    assert {403, 404, 413} <= seen


@pytest.mark.parametrize("name", CALLING)
def test_a_genuine_webhook_with_anything_changed_is_not_believed(name: str, stack: Stack) -> None:
    """The unchanged one is, which shows that the others were refused for what was changed."""
    target = callback(stack.api_url, name, "00000000-0000-4000-8000-000000000002")
    genuine = signed(name, target, report_fields(name, f"hostile-{name}", "delivered"))
    parts = {"url": genuine.url.raw_path, "body": genuine.content, "signature": _signature(genuine)}
    places = [(part, index) for part, content in parts.items() for index in range(len(content))]
    start = len(f"/webhooks/{name}?")

    @bounded(75)
    @given(st.sampled_from([place for place in places if place[0] != "url" or place[1] >= start]), st.integers(1, 93))
    def changed(place: tuple[str, int], by: int) -> None:
        part, index = place
        content = bytearray(parts[part])
        content[index] = _other(content[index], by)
        assert _tell(stack, genuine, parts | {part: bytes(content)}) in {400, 403}

    watch.drained(stack)
    with stack.paused("processor"):
        changed()
        assert queued(stack) == []
        assert _tell(stack, genuine, parts) in {200, 204}
        assert queued(stack) == [name]


def queued(stack: Stack) -> list[str]:
    """The providers of the reports that webhooks queued; earlier tests' second tries and test messages may be due."""
    found = map(json.loads, watch.bodies(stack, "ReportsQueueUrl"))
    return [each["provider"] for each in found if not each.get("tries") and each["provider"] != BUILT_IN]


def _other(byte: int, by: int) -> int:
    """Another character that can stand in a request line and in a header, of which there are 94."""
    return 0x21 + (byte - 0x21 + by) % 94


def _signature(request: httpx.Request) -> bytes:
    names = ("x-twilio-signature", "messagebird-signature", "webhook-signature")
    return b"".join(request.headers[name].encode() for name in names if name in request.headers)


def _tell(stack: Stack, genuine: httpx.Request, parts: dict[str, bytes]) -> int:
    """The genuine request, with these as its URL, body and signature."""
    signature = _signature(genuine).decode()
    headers = [
        (name, parts["signature"].decode("latin-1") if value == signature else value)
        for name, value in genuine.headers.items()
        if name not in {"host", "content-length"}
    ]
    return ask(stack, genuine.method, parts["url"].decode("latin-1"), headers, parts["body"])
