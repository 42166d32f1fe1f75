"""Twilio's own library as the judge: what it signs we accept, what it refuses we refuse, what it sends we send."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

import playwright
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator, get_signature_algorithm
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from sms_tracker import providers
from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.outbound import Accepted, OutboundMessage, Refused
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.base import Key
from sms_tracker.providers.parsing import url_variants
from sms_tracker.providers.twilio import report as twilio_report
from tests.criteria import searched

ADAPTER = providers.load("twilio")

pytestmark = pytest.mark.no_cover  # thousands of examples, of what other tests have covered

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT = "AC" + 31 * "0" + "1"
SHARED_KEY = "webhooks_sharedkey_1"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
SHA256 = {"x-twilio-webhooks-signature-settings": f"key={SHARED_KEY},algorithm=HMAC_SHA256"}
SHARED_SHA1 = {"x-twilio-webhooks-signature-settings": f"key={SHARED_KEY},algorithm=HMAC_SHA1"}
NODE = Path(playwright.__file__).parent / "driver" / "node"
NODES_QUERIES = """
const { parse, stringify } = require("querystring");
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const query = new URL("https://sms.example.com/?" + JSON.parse(line)).search.slice(1);
  console.log(JSON.stringify([query, stringify(parse(query))]));
});
"""


class Form(dict[str, list[str]]):
    """A form as web frameworks hand it to the validator: every value of a repeated name."""

    @classmethod
    def of(cls, pairs: list[tuple[str, str]]) -> Form:
        form = cls()
        for name, value in pairs:
            form.setdefault(name, []).append(value)
        return form

    def getlist(self, name: str) -> list[str]:
        return self[name]


class Node:
    """Node's own ``URL`` and ``querystring``, with which Twilio's SDK for Node writes a query before it hashes it."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    def urls(self, url: str) -> list[str]:
        """The URL with its query in both of Node's forms."""
        base, mark, query = url.partition("?")
        if not mark or self._process.stdin is None or self._process.stdout is None:
            return [url]
        self._process.stdin.write(json.dumps(query) + "\n")
        self._process.stdin.flush()
        return [f"{base}?{form}" for form in json.loads(self._process.stdout.readline())]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Popen([NODE, "-e", NODES_QUERIES], stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8") as process:
        yield Node(process)
        process.kill()


def we_accept(request: HttpRequest, *keys: Key) -> bool:
    try:
        ADAPTER.verify(request, secrets=keys, now=NOW)
    except InvalidSignature:
        return False
    return True


def twilio_accepts(request: HttpRequest, token: str, node: Node | None = None) -> bool:
    """The library's verdict: for the URL as received, as a gateway may have rewritten it, and as Node writes it."""
    settings_header = request.headers.get("x-twilio-webhooks-signature-settings", "")
    params: Form | str = Form.of(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if request.headers["content-type"] == "application/json":
        params = request.body.decode()
    return any(
        RequestValidator(token).validate(
            url, params, request.headers["x-twilio-signature"], get_signature_algorithm(settings_header)
        )
        for url in (*url_variants(request.url), *_spellings(request.url), *(node.urls(request.url) if node else ()))
    )


def _spellings(url: str) -> Iterator[str]:
    """The same query, with some characters raw on one side that are escaped on the other."""
    base, mark, query = url.partition("?")
    for raw in ("", "!'()*", ":@", "!$'()*,/:;?@") if mark else ():
        for escape in (quote, quote_plus):
            yield f"{base}?{urlencode(parse_qsl(query, keep_blank_values=True), safe=raw, quote_via=escape)}"


def sign(url: str, pairs: list[tuple[str, str]], token: str, headers: dict[str, str]) -> str:
    algorithm = get_signature_algorithm(headers.get("x-twilio-webhooks-signature-settings", ""))
    signature = RequestValidator(token).compute_signature(url, Form.of(pairs), algorithm)
    assert isinstance(signature, str)
    return signature


TEXT = st.text(max_size=8)
TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=32)
# Left out is what urlsplit in the library changes before it hashes: control characters, ";" and "#".
QUERIES = st.text(st.sampled_from("aZ09-._~:[],+ &&&===/?@!$'()*%é".replace(" ", "")), min_size=1, max_size=24).map(
    lambda query: query.replace("%", "%5b")
)
PAIRS = st.lists(
    st.tuples(st.sampled_from(["MessageSid", "messagesid", "To", "Body", "", "é", "￿", "😀"]) | TEXT, TEXT), max_size=8
)


@st.composite
def urls(draw: st.DrawFn) -> str:
    """Not with userinfo and a port together, where the library cuts the host off."""
    scheme = draw(st.sampled_from(["https", "http"]))
    userinfo, port = draw(st.sampled_from([("", ""), ("user:secret@", ""), ("", ":443"), ("", ":80"), ("", ":8443")]))
    path = draw(st.sampled_from(["", "/", "/webhooks/twilio", "/a//b", "/%7Etilde"]))
    query = draw(st.just("") | QUERIES.map("?{}".format))
    return f"{scheme}://{userinfo}sms.example.com{port}{path}{query}"


def encoded(pairs: list[tuple[str, str]], *, plus: bool) -> bytes:
    escape = quote_plus if plus else quote
    return "&".join(f"{escape(name, safe='')}={escape(value, safe='')}" for name, value in pairs).encode()


@st.composite
def signed_forms(draw: st.DrawFn) -> tuple[HttpRequest, str]:
    """A request that the library signed, and the secret."""
    url, pairs, token = draw(urls()), draw(PAIRS), draw(TOKENS)
    headers = draw(st.sampled_from([{}, SHA256, SHARED_SHA1]))
    signature = sign(draw(st.sampled_from(_ports(url))), pairs, token, headers)
    body = encoded(pairs, plus=draw(st.booleans()))
    return HttpRequest("POST", url, {**FORM, **headers, "x-twilio-signature": signature}, body), token


def _ports(url: str) -> list[str]:
    """As written, without the port, and with the scheme's default one where none is written."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.port:
        return [url, url.replace(f":{parts.port}", "", 1)]
    default = {"https": 443, "http": 80}[parts.scheme]
    return [url, url.replace(host, f"{host}:{default}", 1)]


quick = settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@quick
@given(signed=signed_forms())
def test_what_twilio_signs_we_accept(signed: tuple[HttpRequest, str]) -> None:
    request, token = signed
    owner = SHARED_KEY if len(request.headers) == 3 else None

    assert we_accept(request, Key("another"), Key(token, owner))
    assert not we_accept(request, Key(token + "x", owner))


@quick
@given(signed=signed_forms(), data=st.data())
def test_an_altered_request_is_judged_as_twilio_judges_it(
    node: Node, signed: tuple[HttpRequest, str], data: st.DataObject
) -> None:
    request, token = signed
    altered = _altered(request, data)
    assume(_is_parsed_alike(altered.url) and not _is_reordered(altered.url))

    assert we_accept(altered, Key(token)) == twilio_accepts(altered, token, node)


@quick
@given(
    fields=st.lists(st.tuples(st.sampled_from(["Body", "To", "é", "a b"]), TEXT), min_size=1, max_size=4),
    encodings=st.tuples(*2 * [st.sampled_from(["quote", "plus", "raw quote", "node", "at", "at plus", "raw"])]),
    token=TOKENS,
)
@example(fields=[("Body", "It's")], encodings=("quote", "raw quote"), token="a-token")
def test_a_get_may_be_signed_over_its_query_in_any_spelling(
    node: Node, fields: list[tuple[str, str]], encodings: tuple[str, str], token: str
) -> None:
    """What Twilio signs in one encoding may be sent in another."""
    # Found in twilio/twilio-node#621, #1059, #1183, twilio/twilio-ruby#528
    received, signed = (_get_url(fields, encoding) for encoding in encodings)
    headers = {**FORM, "x-twilio-signature": sign(signed, [], token, {})}
    request = HttpRequest("GET", received, headers)

    assert we_accept(request, Key(token)) == twilio_accepts(request, token, node)
    assert not we_accept(request, Key(token + "x"))


def _get_url(fields: list[tuple[str, str]], encoding: str) -> str:
    node, rfc = "!'()*", "!$'()*,/:;?@"
    safe = {"quote": "", "plus": "", "raw quote": "'()", "node": node, "at": ":@", "at plus": ":@", "raw": rfc}[
        encoding
    ]
    escape = quote_plus if encoding.endswith("plus") else quote
    query = "&".join(f"{escape(name, safe=safe)}={escape(value, safe=safe)}" for name, value in fields)
    return f"https://sms.example.com/webhooks/twilio?{query}"


def _is_reordered(url: str) -> bool:
    """Whether Node writes numbers for names first, as the members of any object; no webhook has such names."""
    return any(re.fullmatch("[0-9]+", name) for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _altered(request: HttpRequest, data: st.DataObject) -> HttpRequest:
    """One octet of the body, one character of path or query, or the signature is another."""
    url, headers, body = request.url, request.headers, request.body
    match data.draw(st.sampled_from(["body", "body", "url", "signature", "algorithm"])):
        case "body":
            body = _edited(body, [b"", b"&", b"=", b"+", b"%", b"%ff", b"\xff", b"a", b"%C3"], data)
        case "url":
            start = url.index("example.com") + len("example.com")
            edited = _edited(url[start:].encode(), [b"", b"a", b"&", b"+", b"%20", b"["], data)
            url = url[:start] + edited.decode("utf-8", "replace")
        case "signature":
            value = data.draw(TEXT | st.sampled_from([headers["x-twilio-signature"] + " ", " "]))
            headers = {**headers, "x-twilio-signature": value or "x"}
        case _:
            kept = {name: value for name, value in headers.items() if "settings" not in name}
            further = {} if len(kept) < len(headers) else data.draw(st.sampled_from([SHA256, SHARED_SHA1]))
            headers = {**kept, **further}
    return HttpRequest("POST", url, headers, body)


def _edited(octets: bytes, new: list[bytes], data: st.DataObject) -> bytes:
    put, at = data.draw(st.sampled_from(new)), data.draw(st.integers(0, len(octets)))
    return octets[:at] + put + octets[at + data.draw(st.integers(0, 1)) :]


def _is_parsed_alike(url: str) -> bool:
    """Whether urlsplit, which the library uses, leaves the URL as it is."""
    try:
        return urlsplit(url).geturl() == url and urlsplit(url).port != 0
    except ValueError:
        return False


@settings(max_examples=400, deadline=None)
@given(url=urls(), body=st.text(), other=st.text(), token=TOKENS, header=st.sampled_from([{}, SHA256]))
def test_json_bodies_are_judged_as_twilio_judges_them(
    url: str, body: str, other: str, token: str, header: dict[str, str]
) -> None:
    mark = "&" if "?" in url else "?"
    url = f"{url}{mark}bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    assume(url.count("bodySHA256=") == 1)
    headers = {"content-type": "application/json", **header, "x-twilio-signature": sign(url, [], token, header)}
    request, changed = (HttpRequest("POST", url, headers, text.encode()) for text in (body, other))

    assert we_accept(request, Key(token))
    assert twilio_accepts(request, token)
    assert we_accept(changed, Key(token)) == twilio_accepts(changed, token) == (body == other)


@settings(max_examples=300, deadline=None)
@given(
    pairs=PAIRS, tokens=st.lists(TOKENS, min_size=2, max_size=2, unique=True), account=st.sampled_from([ACCOUNT, "AC2"])
)
def test_a_callback_is_only_checked_with_its_own_accounts_tokens(
    pairs: list[tuple[str, str]], tokens: list[str], account: str
) -> None:
    keys = (Key(tokens[0], ACCOUNT), Key(tokens[1], "AC2"))
    pairs = [*(pair for pair in pairs if pair[0] != "AccountSid"), ("AccountSid", account)]
    url = "https://sms.example.com/webhooks/twilio?attempt=1"

    def signed_with(token: str) -> HttpRequest:
        headers = {**FORM, "x-twilio-signature": sign(url, pairs, token, {})}
        return HttpRequest("POST", url, headers, encoded(pairs, plus=True))

    own, foreign = tokens if account == ACCOUNT else reversed(tokens)
    assert we_accept(signed_with(own), *keys)
    assert not we_accept(signed_with(foreign), *keys)


# --- requests


class Recorder(HttpClient):  # type: ignore[misc]  # twilio ships no types
    """Keeps the library's one request and gives it one answer."""

    def __init__(self, status: int, answer: object) -> None:
        self.answer = Response(status, json.dumps(answer))
        self.sent: dict[str, Any] = {}

    def request(self, method: str, uri: str, *_: Any, **more: Any) -> Response:
        self.sent = {"method": method, "uri": uri, **more}
        return self.answer


CREDENTIALS = {"account_sid": ACCOUNT, "auth_token": "example-auth-token"}
API_KEY = {"api_key_sid": "SKexample", "api_key_secret": "example-api-key-secret"}
TAKEN = {"sid": "SM" + 32 * "a", "status": "queued", "date_updated": "Sun, 01 Mar 2026 12:00:00 +0000"}
CALLBACK = "https://sms.example.com/webhooks/twilio?message_id=1c8b2a2e-6f0e-5c43-9a3e-0f6f3f6f5a01&attempt=1"


def message(**values: Any) -> OutboundMessage:
    usual: dict[str, Any] = {"to": "+31612345678", "sender": "MyShop", "body": "Your parcel is here"}
    known: dict[str, Any] = {"message_id": "1c8b2a2e-6f0e-5c43-9a3e-0f6f3f6f5a01", "attempt": 1, "token": "a-token"}
    return OutboundMessage(**{**known, **usual, "encoding": Encoding.GSM_7, **values})


@settings(max_examples=200, deadline=None)
@given(
    body=st.text(min_size=1),
    sender=st.sampled_from(["+15551234567", "12345", "MyShop", "MGMT", "MG" + 32 * "0"]),
    validity=st.none() | st.integers(1, 36000),
    api_key=st.booleans(),
)
def test_a_send_request_is_the_one_that_twilios_client_makes(
    body: str,
    sender: str,
    validity: int | None,
    api_key: bool,  # noqa: FBT001  hypothesis draws it
) -> None:
    recorder = Recorder(201, TAKEN)
    login = tuple(API_KEY.values()) if api_key else tuple(CREDENTIALS.values())
    originator = {"messaging_service_sid" if len(sender) == 34 else "from_": sender}
    optional = {} if validity is None else {"validity_period": validity}
    Client(*login, account_sid=ACCOUNT, http_client=recorder).messages.create(
        to="+31612345678", body=body, status_callback=f"{CALLBACK}#rc=5&rp=all", **originator, **optional
    )

    request = ADAPTER.send_request(
        message(sender=sender, body=body, validity_seconds=validity),
        credentials={**CREDENTIALS, **API_KEY} if api_key else CREDENTIALS,
        callback_url=CALLBACK,
    )

    assert (request.method, request.url) == (recorder.sent["method"], recorder.sent["uri"])
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))
    assert form == {name: str(value) for name, value in recorder.sent["data"].items()}
    assert request.headers["authorization"] == "Basic " + b64encode(":".join(recorder.sent["auth"]).encode()).decode()
    assert request.headers["content-type"] == recorder.sent["headers"]["Content-Type"]
    assert request.headers["accept"] == recorder.sent["headers"]["Accept"]


def test_a_lookup_request_is_the_one_that_twilios_client_makes() -> None:
    recorder = Recorder(200, TAKEN)
    Client(*CREDENTIALS.values(), http_client=recorder).messages(TAKEN["sid"]).fetch()

    request = ADAPTER.lookup_request(TAKEN["sid"], credentials=CREDENTIALS)

    assert (request.method, request.url) == (recorder.sent["method"], recorder.sent["uri"])


def test_a_search_is_the_list_that_twilios_client_asks_for() -> None:
    recorder = Recorder(200, {"messages": []})
    listing = Client(*CREDENTIALS.values(), http_client=recorder).messages
    listing.page(to="+31612345678", page_size=200)
    criteria = searched(message(), "twilio", "2026-03-01T11:58:00.000Z", "2026-03-01T12:03:00.000Z")

    request = ADAPTER.search_request(criteria, credentials=CREDENTIALS, page=None)

    address, _, query = request.url.partition("?")
    theirs = {name: str(value) for name, value in recorder.sent["params"].items() if isinstance(value, str | int)}
    assert (request.method, address) == (recorder.sent["method"], recorder.sent["uri"])
    assert dict(parse_qsl(query, strict_parsing=True)) == theirs


def test_we_read_an_answer_as_twilios_client_does() -> None:
    theirs = Client(*CREDENTIALS.values(), http_client=Recorder(201, TAKEN)).messages.create(
        to="+1", from_="+1", body="x"
    )

    ours = ADAPTER.send_outcome(HttpResponse(201, {}, json.dumps(TAKEN).encode()))

    assert isinstance(ours, Accepted)
    assert (ours.provider_message_id, ours.word) == (theirs.sid, theirs.status)
    assert theirs.date_updated is not None
    assert ours.occurred == theirs.date_updated.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_we_read_an_error_as_twilios_client_does() -> None:
    error = {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}
    with pytest.raises(TwilioRestException) as theirs:
        Client(*CREDENTIALS.values(), http_client=Recorder(400, error)).messages.create(to="+1", from_="+1", body="x")

    ours = ADAPTER.send_outcome(HttpResponse(400, {}, json.dumps(error).encode()))

    assert isinstance(ours, Refused)
    assert ours.failure.code == str(theirs.value.code)
    assert ours.failure.message is not None
    assert ours.failure.message in theirs.value.msg


def test_our_table_has_every_status_of_twilios_client() -> None:
    theirs = {value for name, value in vars(MessageInstance.Status).items() if name.isupper()}
    assert set(twilio_report.STATUSES) == theirs
