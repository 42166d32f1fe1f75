"""Which Bird webhooks are believed: signed by hand here, byte by byte, with no library of anybody."""

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest
from sms_tracker.providers.base import Key
from sms_tracker.providers.bird import signature

NOW = datetime(2026, 11, 29, 8, 0, 7, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
KEY = b"an example secret of an endpoint"
SECRET = "whsec_" + b64encode(KEY).decode()
OTHER = "whsec_" + b64encode(b"the secret of another endpoint").decode()
BODY = '{"type":"sms.delivered","data":{"text":"Grüße 🐦"}}'.encode()


def sign(key: bytes = KEY, *, message_id: str = "whe_1", stamp: str = STAMP, body: bytes = BODY) -> str:
    text = b".".join((message_id.encode(), stamp.encode(), body))
    return "v1," + b64encode(hmac.digest(key, text, hashlib.sha256)).decode()


def webhook(signatures: str, *, message_id: str = "whe_1", stamp: str = STAMP, body: bytes = BODY) -> HttpRequest:
    headers = {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signatures}
    return HttpRequest("POST", "https://sms.example.com/webhooks/bird", headers, body)


def is_believed(request: HttpRequest, *secrets: str) -> bool:
    try:
        signature.verify(request, secrets=[Key(secret) for secret in secrets or (SECRET,)], now=NOW)
    except InvalidSignature:
        return False
    return True


def age(stamp: str) -> timedelta:
    return signature.verify(webhook(sign(stamp=stamp), stamp=stamp), secrets=[Key(SECRET)], now=NOW)


def test_a_genuine_webhook_is_believed_wherever_it_went() -> None:
    request = webhook(sign())
    elsewhere = HttpRequest("POST", "https://elsewhere.example/?message_id=1&attempt=2", request.headers, request.body)

    assert is_believed(request)
    assert is_believed(elsewhere), "the URL is not signed and not looked at"


def test_id_timestamp_and_the_endpoints_secret_are_signed() -> None:
    assert not is_believed(webhook(sign(), message_id="whe_2"))
    assert not is_believed(webhook(sign(), stamp=str(int(STAMP) + 1)))
    assert not is_believed(webhook(sign()), OTHER)


@pytest.mark.parametrize(
    "signatures",
    [
        *[sign().replace("v1", version, 1) for version in ("v2", "v1a", "V1", "v", "", "v1 ", "v01", "v1.0")],
        *["", "v1", "v1,", ",", "v1,é", "v1,\ud800", "v1," + sign(), sign().removeprefix("v1,")],
        sign().replace(",", ":"),
        *[sign() + "A", sign() + "=", sign()[:-1], sign(KEY, body=b"")],
    ],
)
def test_a_signature_of_another_version_or_form_is_refused(signatures: str) -> None:
    assert not is_believed(webhook(signatures))


@pytest.mark.parametrize("before", ["", "v1,AAAA ", "v1a,AAAA ", "nonsense ", "v1,AAAA v2,BBBB\t", "v1,,, "])
def test_one_good_signature_among_others_is_enough(before: str) -> None:
    assert is_believed(webhook(before + sign()))
    assert is_believed(webhook(sign() + " " + before))


def test_while_a_secret_rotates_either_one_is_enough() -> None:
    rotating = f"{sign(b'the old secret')} {sign(b'the new secret')}"
    old, new = ("whsec_" + b64encode(key).decode() for key in (b"the old secret", b"the new secret"))

    assert all(is_believed(webhook(rotating), *known) for known in [(old,), (new,), (SECRET, new), (old, new)])
    assert is_believed(webhook(sign()), OTHER, SECRET)
    assert not is_believed(webhook(rotating), SECRET, OTHER)


@pytest.mark.parametrize("secret", [SECRET.removeprefix("whsec_"), SECRET.rstrip("="), f" {SECRET}\n"])
def test_a_secret_may_lack_its_prefix_and_its_padding(secret: str) -> None:
    assert is_believed(webhook(sign()), secret)


@pytest.mark.parametrize("secret", ["", "whsec_", "=", "whsec_====", "not base64!", "whsec_é", "\ud800", "whsec_a"])
def test_an_invalid_secret_verifies_nothing(secret: str) -> None:
    assert not is_believed(webhook(sign(b"")), secret)
    assert not is_believed(webhook(sign()), secret)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_all_three_headers_are_needed(missing: str, value: str | None) -> None:
    request = webhook(sign())
    headers = {name: text for name, text in request.headers.items() if name != missing}
    headers |= {} if value is None else {missing: value}

    assert not is_believed(HttpRequest("POST", request.url, headers, request.body))


@pytest.mark.parametrize("stamp", ["soon", "1.5", "1e9", "0x1", "-"])
def test_a_timestamp_is_a_whole_number_even_if_signed(stamp: str) -> None:
    assert not is_believed(webhook(sign(stamp=stamp), stamp=stamp))


@pytest.mark.parametrize("seconds", [-86400, -301, -300, 0, 300, 301, 86400, 10**9])
def test_an_old_webhook_is_believed_and_its_age_is_known(seconds: int) -> None:
    assert age(str(int(STAMP) - seconds)) == timedelta(seconds=seconds)


@pytest.mark.parametrize("stamp", ["-1", "0", "9" * 20, "9" * 4000, "-" + "9" * 30])
def test_a_signed_time_that_no_clock_has_is_very_old_or_very_new(stamp: str) -> None:
    assert abs(age(stamp)) > timedelta(days=365)
