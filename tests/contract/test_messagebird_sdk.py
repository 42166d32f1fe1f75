"""The MessageBird adapter beside the official ``messagebird`` package: what that signs, refuses and sends.

Where the two differ we are the stricter one, and each such case has a unit test: repeated JSON names, padded
base64url, times written as strings or truths, a blank ``payload_hash``.
"""

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, unquote

import jwt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from messagebird.client import Client, ErrorException
from messagebird.error import ValidationError
from messagebird.http_client import HttpClient
from messagebird.request_validator import RequestValidator
from messagebird.signed_request import SignedRequest

from sms_tracker import providers
from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.outbound import Accepted, OutboundMessage, Refused
from sms_tracker.domain.report import Report
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.base import Key, Listed
from tests.criteria import searched
from tests.scripted_server import Reply, Server, serving

ADAPTER = providers.load("messagebird")

# The package marks its verifier of the legacy generation as deprecated; accounts still sign with it.
pytestmark = [
    pytest.mark.no_cover,  # thousands of examples, of what other tests have covered
    pytest.mark.filterwarnings(r"ignore:signed_request(\.verify| module) is deprecated:DeprecationWarning"),
]

MANY = settings(max_examples=300, deadline=None)
BASE = "https://sms.example.com/webhooks/messagebird"
HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}

ascii_text = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
keys = st.text(min_size=64, max_size=80)  # what a JWT library calls long enough for every algorithm
names = st.sampled_from(["id", "status", "price[amount]", "a", "é", "~*-._", ""]) | st.text(max_size=4)
values = st.sampled_from(["", " ", "+", "%20", "a b+c", "2025-03-14T09:26:53+00:00"]) | st.text(max_size=8)
safe_characters = st.sampled_from(["", "/", "[]:,", "~*/"])


@st.composite
def urls(draw: st.DrawFn) -> str:
    safe, encode = draw(safe_characters), quote_plus if draw(st.booleans()) else quote
    pairs = draw(st.lists(st.tuples(names, values), max_size=6))
    query = "&".join(f"{encode(name, safe)}={encode(value, safe)}" for name, value in pairs)
    return f"{BASE}?{query}" if query else BASE


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def we_believe(headers: dict[str, str], url: str, body: bytes, key: str) -> bool:
    request = HttpRequest("POST" if body else "GET", url, headers, body)
    try:
        ADAPTER.verify(request, secrets=[Key(key)], now=datetime.now(UTC))
    except InvalidSignature:
        return False
    return True


# JWT


def they_believe(token: str, url: str, body: bytes, key: str) -> bool:
    try:
        RequestValidator(key).validate_signature(token, url, body)
    except (ValidationError, KeyError, TypeError, UnicodeError):  # a claim that is missing or no text: the latter
        return False
    return True


def good_claims(url: str, body: bytes) -> dict[str, Any]:
    at = int(datetime.now(UTC).timestamp())
    claims = {"iss": "MessageBird", "nbf": at - 60, "exp": at + 60, "jti": "1", "url_hash": sha256(url.encode())}
    return {**claims, "payload_hash": sha256(body)} if body else claims


@MANY
@given(url=urls(), body=st.binary(max_size=40), key=keys, algorithm=st.sampled_from(sorted(HASHES)))
def test_what_their_library_signs_with_a_jwt_we_believe(url: str, body: bytes, key: str, algorithm: str) -> None:
    token = jwt.encode(good_claims(url, body), key, algorithm)
    assert they_believe(token, url, body, key)
    assert we_believe({"messagebird-signature-jwt": token}, url, body, key)


def forge(header: dict[str, Any], claims: dict[str, Any], key: str, digest: str) -> str:
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signed = b".".join(parts)
    signature = urlsafe_b64encode(hmac.digest(key.encode(), signed, digest)).rstrip(b"=")
    return b".".join((signed, signature)).decode()


DROP = "(dropped)"
claim_changes: dict[str, st.SearchStrategy[Any]] = {
    "iss": st.sampled_from([DROP, "messagebird", "MessageBird ", None, 1, ["MessageBird"]]),
    "nbf": st.sampled_from([DROP, None, "soon", [], {}, float("inf"), float("nan"), 10**12, -30, 0.5, -(10**30)]),
    "exp": st.sampled_from([DROP, None, "soon", [], {}, float("inf"), float("nan"), 0, 10**12, 1.5, 10**30]),
    "url_hash": st.sampled_from([DROP, None, "", 7, "é", "0" * 64, sha256(BASE.encode()).upper()]),
    "payload_hash": st.sampled_from([DROP, 7, "é", "0" * 64, sha256(b"")]),
    "jti": st.sampled_from([DROP, "", 7, None]),
    "sub": st.sampled_from([DROP, "x", 7]),
    "aud": st.sampled_from([DROP, "", "x", ["x"], []]),
    "iat": st.sampled_from(["soon", 10**12]),
    "extra": st.just(1),
}
header_changes: dict[str, st.SearchStrategy[Any]] = {
    "alg": st.sampled_from([DROP, *HASHES, "none", "None", "hs256", "RS256", "ES256", "", None]),
    "kid": st.sampled_from(["x", 7]),
    "typ": st.sampled_from([DROP, "jwt", "", 7]),
    "crit": st.sampled_from([[], ["exp"], "exp", None]),
    "b64": st.sampled_from([False]),
}


def changed(original: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**original, **changes}.items() if value != DROP}


@dataclass(frozen=True)
class Flaws:
    """What is wrong with a JWT; nothing of it needs to be."""

    claims: dict[str, Any]
    header: dict[str, Any]
    digest: str
    key: str


flaws = st.builds(
    Flaws,
    claims=st.fixed_dictionaries({}, optional=claim_changes),
    header=st.fixed_dictionaries({}, optional=header_changes),
    digest=st.sampled_from(sorted(HASHES.values())),
    key=st.sampled_from(["k" * 64, "o" * 64]),
)


@MANY
@given(urls(), st.binary(max_size=4), flaws)
def test_a_jwt_with_anything_changed_is_judged_as_they_judge_it(url: str, body: bytes, flaw: Flaws) -> None:
    header = changed({"typ": "JWT", "alg": "HS256"}, flaw.header)
    token = forge(header, changed(good_claims(url, body), flaw.claims), flaw.key, flaw.digest)
    key = "k" * 64
    assert we_believe({"messagebird-signature-jwt": token}, url, body, key) == they_believe(token, url, body, key)


@MANY
@given(st.sampled_from([*claim_changes]).flatmap(lambda name: st.tuples(st.just(name), claim_changes[name])), st.data())
def test_a_jwt_with_one_claim_changed_is_judged_as_they_judge_it(change: tuple[str, Any], data: st.DataObject) -> None:
    url, body, key = data.draw(urls()), data.draw(st.binary(max_size=4)), "k" * 64
    token = forge({"alg": "HS256"}, changed(good_claims(url, body), dict([change])), key, "sha256")
    assert we_believe({"messagebird-signature-jwt": token}, url, body, key) == they_believe(token, url, body, key)


@MANY
@given(st.data())
def test_a_jwt_with_characters_changed_is_never_believed_alone(data: st.DataObject) -> None:
    key = "k" * 64
    good = jwt.encode(good_claims(BASE, b""), key)
    at = data.draw(st.integers(0, len(good)))
    bad = good[:at] + data.draw(st.text(max_size=2)) + good[at + data.draw(st.integers(0, 2)) :]
    assume(bad != good)
    assert not we_believe({"messagebird-signature-jwt": bad}, BASE, b"", key)


@MANY
@given(urls(), urls() | st.none(), st.binary(max_size=3), st.binary(max_size=3))
def test_a_jwt_for_another_url_or_body_is_judged_as_they_judge_it(
    signed: str, other: str | None, signed_body: bytes, sent_body: bytes
) -> None:
    key, sent = "k" * 64, other or signed
    # A gateway's spelling of the same query is believed by us alone, on purpose; here the queries differ.
    assume(sent == signed or unquote(sent.replace("+", " ")) != unquote(signed.replace("+", " ")))
    token = jwt.encode(good_claims(signed, signed_body), key)
    ours = we_believe({"messagebird-signature-jwt": token}, sent, sent_body, key)
    assert ours == they_believe(token, sent, sent_body, key)


# The legacy generation


def they_believe_legacy(signature: str, stamp: str, url: str, body: bytes, key: str) -> bool:
    parameters = parse_qs(url.partition("?")[2], keep_blank_values=True)
    return bool(SignedRequest(signature, stamp, body.decode("latin-1"), parameters).verify(key))


def legacy_signature(stamp: str, url: str, body: bytes, key: str) -> str:
    """Their verifier's own text under an HMAC: the package itself does not sign."""
    parameters = parse_qs(url.partition("?")[2], keep_blank_values=True)
    text: str = SignedRequest("", stamp, body.decode("latin-1"), parameters)._build_payload()  # noqa: SLF001  see above
    return b64encode(hmac.digest(key.encode(), text.encode("latin-1"), "sha256")).decode()


def older_headers(signature: str, stamp: str) -> dict[str, str]:
    return {"messagebird-signature": signature, "messagebird-request-timestamp": stamp}


stamps = st.integers(0, 2**40).map(str)


@MANY
@given(urls(), st.binary(max_size=40), ascii_text, stamps)
def test_what_their_library_signs_over_the_sorted_query_we_believe(url: str, body: bytes, key: str, stamp: str) -> None:
    signature = legacy_signature(stamp, url, body, key)
    assert they_believe_legacy(signature, stamp, url, body, key)
    assert we_believe(older_headers(signature, stamp), url, body, key)


@dataclass(frozen=True)
class Legacy:
    """One request as it was signed, or as it came."""

    url: str
    body: bytes
    key: str
    stamp: str


legacy_requests = st.builds(Legacy, urls(), st.binary(max_size=3), ascii_text, stamps)


@MANY
@given(legacy_requests, legacy_requests, st.sets(st.sampled_from(["url", "body", "key", "stamp"]), max_size=2))
def test_a_legacy_request_with_anything_changed_is_judged_as_they_judge_it(
    signed: Legacy, other: Legacy, changes: set[str]
) -> None:
    sent = replace(signed, **{name: getattr(other, name) for name in changes})
    signature = legacy_signature(signed.stamp, signed.url, signed.body, signed.key)
    theirs = they_believe_legacy(signature, sent.stamp, sent.url, sent.body, sent.key)
    assert we_believe(older_headers(signature, sent.stamp), sent.url, sent.body, sent.key) == theirs


@MANY
@given(urls(), st.binary(max_size=3), st.binary(min_size=32, max_size=32), stamps)
def test_a_made_up_signature_is_refused(url: str, body: bytes, made_up: bytes, stamp: str) -> None:
    signature = b64encode(made_up).decode()
    assert not they_believe_legacy(signature, stamp, url, body, "key")
    assert not we_believe(older_headers(signature, stamp), url, body, "key")


# The API


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        yield server


def credentials(api: Server) -> dict[str, str]:
    return {"access_key": "test_key", "api_url": f"http://127.0.0.1:{api.port}"}


def client(api: Server, status: int, answer: object) -> Client:
    """Their client, to which the API answers so."""
    api.replies = [Reply(status, json.dumps(answer).encode())]
    return Client("test_key", HttpClient(credentials(api)["api_url"], "test_key", "sdk"))


def answer(api: Server) -> HttpResponse:
    (reply,) = api.replies
    return HttpResponse(reply.status, {}, reply.body or b"")


def address(api: Server) -> tuple[str, str]:
    """Method and URL of the one request."""
    (asked,) = api.requests
    method, path, _ = asked.line.split()
    return method, credentials(api)["api_url"] + path


SENT = {"recipient": 31612345678, "status": "sent", "statusDatetime": "2025-03-14T09:26:53+00:00"}
CREATED = {
    "id": "e8077d803532c0b5937c639b60216938",
    "href": "https://rest.messagebird.com/messages/e8077d803532c0b5937c639b60216938",
    "originator": "Parcels",
    "reference": "m-1.a-token",
    "createdDatetime": "2025-03-14T09:26:53+00:00",
    "recipients": {"totalCount": 1, "items": [SENT]},
}
MESSAGE = OutboundMessage(
    message_id="m-1",
    attempt=1,
    to="+31612345678",
    sender="Parcels",
    body="Ваша посылка",
    encoding=Encoding.UCS_2,
    token="a-token",
    validity_seconds=3600,
)


def test_we_ask_for_a_message_as_their_client_does(api: Server) -> None:
    report_url = f"{BASE}?message_id=m-1&attempt=1"
    options = {"reference": "m-1.a-token", "reportUrl": report_url, "validity": 3600, "datacoding": "unicode"}
    theirs = client(api, 201, CREATED).message_create(
        "Parcels", ["31612345678"], "Ваша посылка", {**options, "type": "sms"}
    )

    ours = ADAPTER.send_request(MESSAGE, credentials=credentials(api), callback_url=report_url)

    (asked,) = api.requests
    assert (ours.method, ours.url) == address(api)
    assert {name: asked.headers[name] for name in ("authorization", "accept")}.items() <= ours.headers.items()
    their_fields = json.loads(asked.body)
    their_fields["recipients"] = their_fields["recipients"].split(",")  # the API takes a list, or text with commas
    assert json.loads(ours.body) == their_fields
    outcome = ADAPTER.send_outcome(answer(api))
    assert isinstance(outcome, Accepted)
    assert (outcome.provider_message_id, outcome.word) == (theirs.id, theirs.recipients["items"][0].status)


def test_we_look_a_message_up_as_their_client_does(api: Server) -> None:
    theirs = client(api, 200, CREATED).message(CREATED["id"])

    ours = ADAPTER.lookup_request(str(CREATED["id"]), credentials=credentials(api))

    assert (ours.method, ours.url) == address(api)
    assert ours.headers["authorization"] == api.requests[0].headers["authorization"]
    found = ADAPTER.lookup_outcome(answer(api), received_at="2025-03-14T09:26:55.000Z")
    assert isinstance(found, Report)
    assert (found.provider_message_id, found.word) == (theirs.id, theirs.recipients["items"][0].status)


def test_we_list_messages_as_their_client_does(api: Server) -> None:
    page = {"offset": 400, "totalCount": 700, "items": [CREATED]}
    theirs = client(api, 200, page).message_list(limit=200, offset=400)
    criteria = searched(MESSAGE, "messagebird", "2025-03-14T09:25:00.000Z", "2025-03-14T09:30:00.000Z")

    ours = ADAPTER.search_request(criteria, credentials=credentials(api), page="400")

    method, url = address(api)
    asked_path, _, asked_query = url.partition("?")
    path, _, query = ours.url.partition("?")
    assert (ours.method, path) == (method, asked_path)
    assert sorted(query.split("&")) == sorted(asked_query.split("&"))
    found = ADAPTER.search_outcome(answer(api), criteria=criteria)
    assert isinstance(found, Listed)
    (candidate,) = found.candidates
    assert (candidate.provider_message_id, candidate.certain) == (theirs.items[0].id, True)
    assert candidate.created == "2025-03-14T09:26:53.000Z"


def test_we_read_an_error_as_their_client_does(api: Server) -> None:
    error = {"code": 9, "description": "no (correct) recipients found", "parameter": "recipients"}
    with pytest.raises(ErrorException) as caught:
        client(api, 422, {"errors": [error]}).message_create("Parcels", ["0"], "text")

    found = ADAPTER.send_outcome(answer(api))

    (theirs,) = caught.value.errors
    assert isinstance(found, Refused)
    assert (found.failure.code, found.failure.message) == (str(theirs.code), theirs.description)
