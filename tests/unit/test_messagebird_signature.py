"""Which MessageBird signatures are believed: made by hand here, byte by byte, with no library of anybody."""

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sms_tracker import providers
from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest
from sms_tracker.providers.base import Key

ADAPTER = providers.load("messagebird")
NOW = datetime(2025, 3, 14, 9, 26, 55, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = "an example signing key"
URL = "https://sms.example.com/webhooks/messagebird?message_id=1&price%5Bamount%5D=0.07&statusReason=not+yet"
BODY = b'{"status":"sent"}'
MISSING = object()
HEADER = {"alg": "HS256", "typ": "JWT"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def claims(**changes: object) -> dict[str, Any]:
    whole = {"iss": "MessageBird", "nbf": AT, "exp": AT + 60, "jti": "1", "url_hash": sha256(URL.encode()), **changes}
    return {name: value for name, value in whole.items() if value is not MISSING}


def token(payload: object, header: object = HEADER, *, key: str = KEY, digest: str = "sha256") -> str:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64(hmac.digest(key.encode(), signed.encode(), digest))}"


def jwt(payload: object, header: object = HEADER, **how: str) -> dict[str, str]:
    return {"messagebird-signature-jwt": token(payload, header, **how)}


def is_believed(
    headers: Mapping[str, str], *, url: str = URL, body: bytes = b"", now: datetime = NOW, keys: Sequence[str] = (KEY,)
) -> bool:
    request = HttpRequest("POST" if body else "GET", url, headers, body)
    try:
        ADAPTER.verify(request, secrets=[Key(key) for key in keys], now=now)
    except InvalidSignature:
        return False
    return True


def older(text: str, *, body: bytes = b"", stamp: str = "1741944415", key: str = KEY) -> dict[str, str]:
    signed = b"\n".join((stamp.encode(), text.encode(), hashlib.sha256(body).digest()))
    signature = b64encode(hmac.digest(key.encode(), signed, "sha256")).decode()
    return {"messagebird-signature": signature, "messagebird-request-timestamp": stamp}


LEGACY_TEXT = "message_id=1&price%5Bamount%5D=0.07&statusReason=not+yet"
TWICE = json.dumps(claims()).removesuffix("}") + f', "exp": {AT + 9}}}'


# JWT


@pytest.mark.parametrize(("name", "digest"), [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")])
def test_three_algorithms_are_accepted(name: str, digest: str) -> None:
    assert is_believed(jwt(claims(), {"alg": name}, digest=digest))


@pytest.mark.parametrize(
    "header",
    [
        *({"alg": name} for name in ("none", "None", "RS256", "hs256", ["HS256"], None)),
        {},
        *({**HEADER, "b64": value} for value in (False, True)),
        *({**HEADER, "crit": names, "exp": 1} for names in (["exp"], [])),
        *({**HEADER, "kid": name} for name in (7, None)),
    ],
)
def test_other_algorithms_and_header_extensions_are_refused(header: object) -> None:
    assert not is_believed(jwt(claims(), header))


def test_an_unsigned_token_is_refused_and_a_named_key_changes_nothing() -> None:
    unsigned = token(claims(), {"alg": "none"}).rpartition(".")[0]
    assert not is_believed({"messagebird-signature-jwt": f"{unsigned}."})
    assert is_believed(jwt(claims(), {**HEADER, "kid": "primary"}))


@pytest.mark.parametrize(
    "changes",
    [
        *({"iss": issuer} for issuer in ("messagebird", MISSING, ["MessageBird"], None)),
        *({"aud": "them"}, {"aud": ["them"]}, {"jti": 7}, {"jti": None}, {"sub": 7}),
    ],
)
def test_a_token_of_or_for_somebody_else_is_refused(changes: dict[str, object]) -> None:
    assert not is_believed(jwt(claims(**changes)))


@pytest.mark.parametrize(
    "changes",
    [{"nbf": AT + 1}, {"nbf": AT + 1.9}, {"exp": AT}, {"exp": AT + 0.5}, {"exp": 10**400}, {"nbf": -(10**400)}],
    ids=str,
)
def test_clocks_may_differ_by_a_second(changes: dict[str, object]) -> None:
    assert is_believed(jwt(claims(**changes)))
    assert not is_believed(jwt(claims(nbf=AT + 2)))
    assert not is_believed(jwt(claims(exp=AT - 1)))


@pytest.mark.parametrize("name", ["nbf", "exp"])
@pytest.mark.parametrize("value", [MISSING, None, True, str(AT), [AT], {}, float("nan"), float("inf"), -float("inf")])
def test_times_are_finite_numbers(name: str, value: object) -> None:
    assert not is_believed(jwt(claims(**{name: value})))


@pytest.mark.parametrize("value", [MISSING, None, "", 7, [], "0" * 64, sha256(URL.encode()).upper(), "é\ud800"])
def test_the_url_must_be_the_signed_one(value: object) -> None:
    assert not is_believed(jwt(claims(url_hash=value)))


OPENED = URL.replace("%5B", "[").replace("%5D", "]")


@pytest.mark.parametrize("url", [OPENED, URL.replace("+", "%20"), OPENED.replace("+", "%20")])
def test_a_query_that_a_gateway_rewrote_is_still_the_signed_one(url: str) -> None:
    assert is_believed(jwt(claims()), url=url)
    assert is_believed(older(URL), url=url)
    assert is_believed(older(LEGACY_TEXT), url=url)


@pytest.mark.parametrize("url", [URL + "&status=delivered", URL.replace("message_id=1", "message_id=2"), "é\ud800"])
def test_another_url_is_refused_by_every_generation(url: str) -> None:
    assert not is_believed(jwt(claims()), url=url)
    assert not is_believed(older(URL), url=url)
    assert not is_believed(older(LEGACY_TEXT), url=url)


def test_the_body_hash_covers_the_body() -> None:
    signed = jwt(claims(payload_hash=sha256(BODY)))
    assert is_believed(signed, body=BODY)
    assert not is_believed(signed, body=BODY + b" ")


@pytest.mark.parametrize("value", [sha256(b""), "", None, sha256(BODY)])
def test_a_body_hash_without_a_body_is_refused(value: object) -> None:
    assert not is_believed(jwt(claims(payload_hash=value)))


@pytest.mark.parametrize("value", [MISSING, "", None, 7, sha256(b"")])
def test_a_body_without_its_hash_is_refused(value: object) -> None:
    assert not is_believed(jwt(claims(payload_hash=value)), body=BODY)


@pytest.mark.parametrize("part", [b"[]", b"7", b"", b"\xff", b"{", b'{"a":1,"a":1}', b"[" * 100_000, TWICE.encode()])
def test_header_and_claims_are_json_objects_without_repeats(part: bytes) -> None:
    assert not is_believed(jwt(part))
    assert not is_believed(jwt(claims(), part))


GOOD = token(claims())


@pytest.mark.parametrize(
    "bad",
    [
        *("", "..", GOOD.replace(".", "", 1), GOOD.replace(".", "=.", 1), GOOD.replace(".", "!.", 1), "." + GOOD),
        *(GOOD + more for more in (".", "=", " ", "\n", "é", "\ud800")),
        GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
        GOOD[:-2],
    ],
)
def test_only_the_strict_compact_form_is_read(bad: str) -> None:
    assert is_believed({"messagebird-signature-jwt": GOOD})
    assert not is_believed({"messagebird-signature-jwt": bad})


# The older generations


def test_the_sorted_query_is_believed() -> None:
    shuffled = "https://sms.example.com/w?b=2&a=x%20y&a=1&%5B=&c&=z&&b="
    assert is_believed(older("=z&%5B=&a=x+y&a=1&b=2&b=&c="), url=shuffled)


def test_no_byte_of_a_query_is_lost() -> None:
    assert is_believed(older("a=%FF&b=%C3%A9"), url="https://sms.example.com/w?b=é&a=%ff")
    assert not is_believed(older("a=%FE&b=%C3%A9"), url="https://sms.example.com/w?b=é&a=%ff")


@pytest.mark.parametrize(
    ("text", "url"), [(URL, URL), ("", "https://sms.example.com/w"), ("https://sms.example.com/w",) * 2]
)
@pytest.mark.parametrize("body", [b"", BODY])
def test_the_full_url_or_the_query_alone_is_believed(text: str, url: str, body: bytes) -> None:
    assert is_believed(older(text, body=body), url=url, body=body)


@pytest.mark.parametrize("text", [URL, LEGACY_TEXT])
def test_another_body_is_refused(text: str) -> None:
    assert not is_believed(older(text), body=BODY)
    assert not is_believed(older(text, body=BODY))


@pytest.mark.parametrize("days", [-1, 0, 1, 30])
def test_a_retry_with_its_original_timestamp_is_believed(days: int) -> None:
    assert is_believed(older(LEGACY_TEXT), now=NOW + timedelta(days=days))


@pytest.mark.parametrize("stamp", ["", "-1", "1.5", "1 ", " 1", "1\n", "١", "1" * 20, "soon"])
def test_a_timestamp_is_a_plain_number(stamp: str) -> None:
    assert not is_believed(older(URL, stamp=stamp))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("messagebird-request-timestamp", "1741944416"),
        *(("messagebird-signature", value) for value in ("", "é", "\ud800", "=", "AAAA")),
    ],
)
def test_the_timestamp_is_signed_and_both_headers_are_needed(name: str, value: str) -> None:
    headers = older(URL)
    assert not is_believed({**headers, name: value})
    del headers[name]
    assert not is_believed(headers)


# Keys and generations


@pytest.mark.parametrize("signer", ["an example signing key", "the next key", "ключ"])
def test_every_accepted_key_is_tried(signer: str) -> None:
    keys = ("an example signing key", "the next key", "ключ")
    assert is_believed(jwt(claims(), key=signer), keys=keys)
    assert is_believed(older(URL, key=signer), keys=keys)


@pytest.mark.parametrize(("keys", "signer"), [((), KEY), (("other",), KEY), (("",), KEY), (("",), "")])
def test_without_the_right_key_nothing_is_believed(keys: tuple[str, ...], signer: str) -> None:
    assert not is_believed(jwt(claims(), key=signer), keys=keys)
    assert not is_believed(older(URL, key=signer), keys=keys)


def test_a_bad_jwt_is_not_excused_by_a_good_older_signature() -> None:
    assert not is_believed({**older(URL), "messagebird-signature-jwt": ""})
    assert not is_believed({**older(URL), **jwt(claims(exp=AT - 60))})


def test_a_good_jwt_needs_no_older_signature_and_no_signature_is_refused() -> None:
    assert is_believed({"messagebird-signature": "wrong", **jwt(claims())})
    assert not is_believed({})
