"""Our Bird adapter beside Bird's own SDK and the reference library of Standard Webhooks.

Of a webhook's age neither is asked: theirs refuse an old one, ours accepts it on purpose.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from sms_tracker.domain.errors import InvalidSignature
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import (
    Accepted,
    Fault,
    LookupFailed,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
)
from sms_tracker.domain.report import Report
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.base import Key, Listed
from sms_tracker.providers.bird import api, endpoint, opt_outs, report, signature, webhook
from sms_tracker.providers.optional import Endpoints
from tests.bird_sdk import bird, exceptions, models
from tests.criteria import searched

MANY = settings(max_examples=500, deadline=None)
EVER = 10**15
"""A tolerance, in seconds, beyond any age."""

RECEIVER = bird.Bird(webhook_secret="given with each webhook")


@dataclass(frozen=True)
class Sent:
    """A webhook as it came, and the secret that is known."""

    secret: str
    message_id: str
    stamp: str
    signatures: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        return dict(zip(names, (self.message_id, self.stamp, self.signatures), strict=True))


def we_believe(sent: Sent) -> bool:
    request = HttpRequest("POST", "https://sms.example.com/webhooks/bird", sent.headers, sent.body)
    try:
        signature.verify(request, secrets=[Key(sent.secret)], now=datetime.now(UTC))
    except InvalidSignature:
        return False
    return True


def bird_believes(sent: Sent) -> bool:
    try:
        RECEIVER.webhooks.unwrap(sent.body, sent.headers, secret=sent.secret, tolerance=EVER)
    except bird.WebhookVerificationError:
        return False
    return True


def the_standard_believes(sent: Sent) -> bool:
    try:
        Webhook(sent.secret).verify(sent.body, sent.headers)
    except WebhookVerificationError:
        return False
    return True


secrets = st.binary(min_size=1, max_size=40).map(lambda key: "whsec_" + b64encode(key).decode())
plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
# Its own verifier also parses the event by its type: these are of a type that it does not know, with any content.
events = st.fixed_dictionaries(
    {"type": plain.map("x.{}".format), "timestamp": plain, "data": st.dictionaries(plain, plain | st.integers())}
)
bodies = st.builds(lambda event, escaped: json.dumps(event, ensure_ascii=escaped).encode(), events, st.booleans())


def signed(secret: str, message_id: str, at: datetime, body: bytes) -> Sent:
    signatures = Webhook(secret).sign(message_id, at, body.decode())
    return Sent(secret, message_id, str(int(at.timestamp())), signatures, body)


CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "secret": secrets,
    "message_id": ids | st.just(""),
    "stamp": st.integers(0, 2**40).map(str) | st.sampled_from(["", "soon", "1.5", "-1", "٣", "1_0", " 7"]),
    "body": bodies,
}
SIGNATURES = st.sampled_from([
    "{0}", "v1,AAAA {0}", "v2,AAAA {0}", "v1a,AAAA\t{0}", "{0} v1,AAAA", "{0} {0}", "nonsense {0}", "{0}A", "{0}=",
    "{0},v1", "v1,{0}", " {0} ", "V1{1}", "v2{1}", "v1a{1}", "v01{1}", "{1}", "v1", "v1,", "",
])  # fmt: skip


@pytest.mark.no_cover  # thousands of examples, of what other tests have covered
@MANY
@given(secrets, ids, bodies, SIGNATURES, st.data())
def test_a_webhook_with_anything_changed_is_judged_as_bird_judges_it(
    secret: str, message_id: str, body: bytes, form: str, data: st.DataObject
) -> None:
    good = signed(secret, message_id, datetime(2026, 11, 29, tzinfo=UTC), body)
    changes = data.draw(st.fixed_dictionaries({}, optional=CHANGES) | st.just({}))
    sent = replace(good, signatures=form.format(good.signatures, good.signatures.removeprefix("v1")), **changes)

    assert we_believe(sent) == bird_believes(sent)


@pytest.mark.no_cover  # thousands of examples, of what other tests have covered
@MANY
@given(secrets, ids, bodies, st.data())
def test_a_webhook_with_one_byte_changed_is_believed_by_none(
    secret: str, message_id: str, body: bytes, data: st.DataObject
) -> None:
    good = signed(secret, message_id, datetime.now(UTC), body)
    at = data.draw(st.integers(0, len(body) - 1))
    sent = replace(good, body=body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 127))]) + body[at + 1 :])

    assert not we_believe(sent)
    assert not bird_believes(sent)


@pytest.mark.no_cover  # thousands of examples, of what other tests have covered
@MANY
@given(st.lists(secrets, min_size=1, max_size=5), ids, bodies, st.data())
def test_what_the_standard_signs_with_any_of_its_secrets_all_three_believe(
    rotating: list[str], message_id: str, body: bytes, data: st.DataObject
) -> None:
    at = datetime.now(UTC)
    signatures = " ".join(signed(secret, message_id, at, body).signatures for secret in rotating)
    sent = replace(signed(data.draw(st.sampled_from(rotating)), message_id, at, body), signatures=signatures)

    assert we_believe(sent)
    assert bird_believes(sent)
    assert the_standard_believes(sent)


@given(secrets, ids, bodies, st.sampled_from([-301, -300, 300, 301, 86400]))
def test_of_an_old_webhook_we_know_what_bird_makes_of_its_age(
    secret: str, message_id: str, body: bytes, seconds: int
) -> None:
    now = datetime.now(UTC)
    sent = signed(secret, message_id, now - timedelta(seconds=seconds), body)
    request = HttpRequest("POST", "https://x", sent.headers, sent.body)

    assert we_believe(sent)
    assert bird_believes(sent)  # apart from its age
    assert signature.verify(request, secrets=[Key(secret)], now=now) == timedelta(seconds=seconds)


# Their models


def test_their_keyword_rules_and_suppressions_are_read_whole() -> None:
    operations = {each.value for each in models.SMSKeywordOperation}
    assert operations - opt_outs.OPERATIONS.keys() == {"confirm", "custom"}
    assert {each.value for each in models.SMSSuppressionCoverage} == {"all", opt_outs.NOT_TRANSACTIONAL}
    assert {each.value for each in models.SMSSuppressionReason} - opt_outs.PASSING == {"keyword_stop"}
    assert {"effective_keywords", "operation"} <= models.SMSKeywordRule.model_fields.keys()
    assert {"applies_to", "reason"} <= models.SMSSuppression.model_fields.keys()


def test_every_word_of_their_models_is_in_our_tables() -> None:
    assert {each.value for each in models.SMSMessageStatus} <= set(report.STATUSES)
    assert {each.value for each in models.SMSErrorCode} - report.NO_CODE == set(report.CODES)
    assert {each.value for each in models.SMSMessageCategory} == set(webhook.CATEGORIES)
    kinds = {each.value for each in models.WebhookEventType if each.value.startswith(("sms.", "sms_"))}
    assert {kind.removeprefix("sms.") for kind in kinds} <= set(report.STATUSES)
    subscribed = {kind for kind in kinds if kind.startswith(("sms.", "sms_suppression."))}
    assert set(endpoint.EVENTS) == subscribed


# The API


@dataclass
class Api:
    """A fake of Bird's API: keeps the requests, returns scripted answers."""

    status: int = 200
    body: object = None
    headers: dict[str, str] | None = None
    asked: httpx.Request | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked = request
        return httpx.Response(self.status, json=self.body, headers=self.headers)

    @contextmanager
    def sdk(self) -> Iterator[Any]:
        with httpx.Client(transport=httpx.MockTransport(self)) as http:
            yield bird.Bird(api_key=KEY, http_client=http, max_retries=0)

    @property
    def answer(self) -> HttpResponse:
        return HttpResponse(self.status, self.headers or {}, json.dumps(self.body).encode())


KEY = "bk_us1_an-example-key"
CREDENTIALS = {"api_key": KEY, "category": "service"}
METADATA = {"message_id": "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa", "attempt": 1, "token": "a-token"}
MESSAGE = OutboundMessage(
    message_id=str(METADATA["message_id"]),
    attempt=1,
    to="+31612345678",
    sender="Acme",
    body="Ваша посылка",
    encoding=Encoding.UCS_2,
    token="a-token",
)
RECORD = {
    "id": "sms_01krdgeqcxet5s7t44vh8rt9mg", "direction": "outbound", "status": "undelivered",
    "to": "+31612345678", "from": "Acme", "text": "Ваша посылка", "category": "service",
    "requested_language": None, "resolved_language": None, "template_id": None, "template_version_id": None,
    "template_content_hash": None, "cost": None, "tags": None, "metadata": METADATA,
    "segments": {"count": 1, "encoding": "UCS2", "characters": 12},
    "last_error": {"code": "unreachable", "description": "Absent", "occurred_at": "2026-11-29T08:00:05Z"},
    "created_at": "2026-11-29T08:00:00Z", "sent_at": "2026-11-29T08:00:01Z", "delivered_at": None,
}  # fmt: skip


def same(ours: HttpRequest, theirs: httpx.Request | None) -> bool:
    assert theirs
    path, _, query = ours.url.partition("?")
    assert (ours.method, path) == (theirs.method, str(theirs.url).partition("?")[0])
    assert parse_qs(query) == parse_qs(theirs.url.query.decode())
    return all(theirs.headers[name] == value for name, value in ours.headers.items())


def test_we_ask_for_a_message_as_their_client_does() -> None:
    stand_in = Api(202, RECORD | {"status": "accepted"})
    with stand_in.sdk() as sdk:
        options = {"idempotency_key": "a-token"}
        theirs = sdk.sms.send(
            to="+31612345678", from_="Acme", text="Ваша посылка", category="service", metadata=METADATA, options=options
        )

    ours = api.send_request(MESSAGE, credentials=CREDENTIALS, callback_url="https://sms.example.com/webhooks/bird")

    assert same(ours, stand_in.asked)
    assert stand_in.asked
    assert json.loads(ours.body) == json.loads(stand_in.asked.content)
    assert models.SMSMessageSendRequest.model_validate_json(ours.body).model_extra == {}
    outcome = api.send_outcome(stand_in.answer)
    assert isinstance(outcome, Accepted)
    assert (outcome.provider_message_id, outcome.word) == (theirs.id, theirs.status.value)


def test_we_look_a_message_up_as_their_client_does() -> None:
    stand_in = Api(200, RECORD)
    with stand_in.sdk() as sdk:
        theirs = sdk.sms.get(RECORD["id"])

    ours = api.lookup_request(str(RECORD["id"]), credentials=CREDENTIALS)

    assert same(ours, stand_in.asked)
    found = api.lookup_outcome(stand_in.answer, received_at="2026-11-29T08:00:07.000Z")
    assert isinstance(found, Report)
    assert (found.provider_message_id, found.word) == (theirs.id, theirs.status.value)
    assert found.code == theirs.last_error.code.value


def test_we_list_messages_as_their_client_does() -> None:
    stand_in = Api(200, {"data": [RECORD], "next_cursor": "more", "prev_cursor": None, "refresh_cursor": None})
    criteria = searched(MESSAGE, "bird", "2026-11-29T07:59:00.000Z", "2026-11-29T08:04:00.000Z")
    when = {"created_after": criteria.since, "created_before": criteria.until}
    with stand_in.sdk() as sdk:
        theirs = sdk.sms.list(direction="outbound", to=criteria.to, limit=100, starting_after="x", **when)
        first = next(iter(theirs))

    ours = api.search_request(criteria, credentials=CREDENTIALS, page="x")

    assert same(ours, stand_in.asked)
    found = api.search_outcome(stand_in.answer, criteria=criteria)
    assert isinstance(found, Listed)
    (candidate,) = found.candidates
    assert (candidate.provider_message_id, candidate.certain) == (first.id, True)


@pytest.mark.parametrize("bare", [False, True])
def test_we_read_an_error_as_their_client_does(*, bare: bool) -> None:
    shown = {"name": "SMSInvalidRecipient", "message": "No.", "param": "to"}
    error = {"type": "validation_error", "code": "E12901", **shown}
    stand_in = Api(422, error if bare else {"error": error})
    with stand_in.sdk() as sdk, pytest.raises(bird.ValidationError) as caught:
        sdk.sms.send(to="0", from_="Acme", text="x", category="service")

    outcome = api.send_outcome(stand_in.answer)

    assert isinstance(outcome, Refused)
    assert (outcome.failure.code, outcome.failure.message) == (caught.value.code, caught.value.message)


MEANINGS: dict[str, Any] = {
    **dict.fromkeys(("bad_request_error", "validation_error"), Fault.CALLER),
    **dict.fromkeys(("auth_error", "billing_error", "permission_error", "misdirected_error"), Fault.ACCOUNT),
    **dict.fromkeys(("not_found_error", "precondition_error", "payload_too_large_error"), Fault.ACCOUNT),
    "rate_limit_error": NotProcessed,
    **dict.fromkeys(("conflict_error", "internal_error", "not_implemented_error"), OutcomeUnknown),
    "service_unavailable_error": OutcomeUnknown,
}
"""Each error type of their client, with our fault or outcome."""


def test_every_type_of_their_errors_has_a_meaning() -> None:
    assert MEANINGS.keys() == {each.value for each in exceptions.ErrorType}


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 412, 413, 421, 422, 428, 429, 500, 501, 502, 503])
def test_every_status_of_their_errors_means_what_their_type_for_it_means(status: int) -> None:
    kind = exceptions.from_response(status, b"", {}).type
    error = {"type": str(getattr(kind, "value", kind)), "code": "E01999", "name": "Unlisted", "message": "No."}
    stand_in = Api(status, {"error": error})
    with stand_in.sdk() as sdk, pytest.raises(bird.APIStatusError) as caught:
        sdk.sms.send(to="0", from_="Acme", text="x", category="service")

    outcome = api.send_outcome(stand_in.answer)

    assert (caught.value.status_code, caught.value.type) == (status, kind)
    assert MEANINGS[kind] == (outcome.fault if isinstance(outcome, Refused) else type(outcome))


@pytest.mark.parametrize("code", ["E01004", "E01005"])
@pytest.mark.parametrize("replayed", [None, "true"])
def test_after_a_conflict_of_keys_the_outcome_is_unknown(code: str, replayed: str | None) -> None:
    headers = {"idempotency-replay": replayed} if replayed else {}
    body = json.dumps({"error": {"type": "conflict_error", "code": code, "name": "A", "message": "No."}}).encode()
    answer = HttpResponse(409, headers, body)

    assert api.send_outcome(answer) == OutcomeUnknown(reason=f"HTTP 409 {code}")


@pytest.mark.parametrize("key", ["live_key", "bk_nowhere", "bird_live_x", "bk_us1_x", "bm_eu1_x", "bk_us12_x_y"])
def test_we_find_the_region_in_a_key_where_they_do(key: str) -> None:
    try:
        theirs = bird.Bird(api_key=key).base_url
    except bird.BirdError:
        theirs = None

    ours = None if webhook.flaws({"api_key": key}) else api.lookup_request("x", credentials={"api_key": key}).url

    assert (ours and ours.removesuffix("/v1/sms/messages/x")) == theirs


# The endpoint


ID, URL = "whk_01krdgeqcxet5s7t44vh8rt9mg", "https://sms.example.com/webhooks/bird"
ENDPOINT = {
    "id": ID, "url": URL, "filter": None, "events": list(endpoint.EVENTS), "status": "active",
    "created_at": "2026-11-29T08:00:00Z", "updated_at": "2026-11-29T08:00:00Z",
}  # fmt: skip
SINCE = "2026-11-28T08:00:00.000Z"
HOW: dict[str, Any] = {"credentials": CREDENTIALS, "key": "a-key"}
OPTIONS = {"idempotency_key": "a-key"}
LISTED = {"data": [ENDPOINT], "next_cursor": None, "prev_cursor": None, "refresh_cursor": None}
CALLS: dict[str, tuple[HttpRequest, Any, int, object]] = {
    "list": (
        endpoint.list_request(URL, credentials=CREDENTIALS),
        lambda sdk: list(sdk.webhooks.list(url=URL)),
        *(200, LISTED),
    ),
    "list all": (
        endpoint.list_request(None, credentials=CREDENTIALS, page="x"),
        lambda sdk: list(sdk.webhooks.list(limit=100, starting_after="x")),
        *(200, LISTED),
    ),
    "register": (
        endpoint.register_request(URL, **HOW),
        lambda sdk: sdk.webhooks.create(url=URL, events=endpoint.EVENTS, options=OPTIONS),
        *(201, ENDPOINT | {"secret": "whsec_ZXhhbXBsZQ=="}),
    ),
    "enable": (
        endpoint.enable_request(ID, **HOW),
        lambda sdk: sdk.webhooks.update(ID, events=endpoint.EVENTS, status="active", options=OPTIONS),
        *(200, ENDPOINT),
    ),
    "rotate": (
        endpoint.rotate_request(ID, **HOW),
        lambda sdk: sdk.webhooks.rotate_secret(ID, options=OPTIONS),
        *(200, {"secret": "whsec_ZXhhbXBsZTI="}),
    ),
    "test": (
        endpoint.test_request(ID, **HOW),
        lambda sdk: sdk.webhooks.test(ID, event_type="sms.delivered", options=OPTIONS),
        *(200, {"status": "delivered", "response_status_code": 204, "response_duration_ms": 12}),
    ),
    "replay": (
        endpoint.replay_request(ID, SINCE, "2026-11-29T08:00:00.000Z", **HOW),
        lambda sdk: sdk.webhooks.replay(ID, since=SINCE, until="2026-11-29T08:00:00.000Z", options=OPTIONS),
        *(202, None),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_endpoint_is_managed_as_their_client_manages_it(name: str) -> None:
    ours, call, status, body = CALLS[name]
    stand_in = Api(status, body)
    with stand_in.sdk() as sdk:
        call(sdk)

    assert same(ours, stand_in.asked)
    assert stand_in.asked
    assert json.loads(ours.body or b"null") == json.loads(stand_in.asked.content or b"null")
    assert endpoint.refusal(stand_in.answer) is None


def test_an_endpoint_and_its_secret_are_read_as_their_client_reads_them() -> None:
    listed = endpoint.list_outcome(Api(200, LISTED).answer)
    assert isinstance(listed, Endpoints)
    (found,) = listed.found
    theirs = models.WebhookEndpoint.model_validate(ENDPOINT)
    assert (found.endpoint_id, found.url, found.state) == (theirs.id, theirs.url, theirs.status.value)
    assert (found.delivers, found.missing, listed.next_page) == (True, (), None)
    assert endpoint.secret(Api(201, CALLS["register"][3]).answer) == "whsec_ZXhhbXBsZQ=="
    assert endpoint.test_outcome(Api(200, CALLS["test"][3]).answer) == "204"


def test_only_a_paused_endpoint_delivers_nothing() -> None:
    states = {each.value: each for each in models.WebhookEndpointStatus}
    pages = {state: {"data": [ENDPOINT | {"status": state}], "next_cursor": None} for state in (*states, "new", None)}
    found = {state: endpoint.list_outcome(Api(200, page).answer) for state, page in pages.items()}

    silent = [state for state, each in found.items() if isinstance(each, Endpoints) and not each.found[0].delivers]
    assert silent == ["paused"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"[]"),
        (200, b'{"data": [1]}'),
        (200, b'{"data": {}}'),
        (403, b'{"error": {"code": "E01903", "message": "no scope"}}'),
        (404, b"<html>"),
        (0, None),
    ],
)
def test_an_answer_that_is_no_list_proves_nothing(status: int, body: bytes | None) -> None:
    lost = NoResponse(written=True, reason="ReadTimeout")
    for outcome in (endpoint.list_outcome, endpoint.secret, endpoint.test_outcome):
        assert isinstance(outcome(lost if body is None else HttpResponse(status, {}, body)), LookupFailed)


@pytest.mark.parametrize(
    ("endpoint_status", "error", "reason"),
    [
        (403, None, "the endpoint answered 403"),
        (None, "connection refused", "the endpoint answered nothing (connection refused)"),
    ],
)
def test_a_test_that_the_endpoint_did_not_take_is_a_failure(
    endpoint_status: int | None, error: str | None, reason: str
) -> None:
    answer = {"status": "failed", "response_status_code": endpoint_status, "error": error}

    assert endpoint.test_outcome(Api(200, answer).answer) == LookupFailed(reason=reason)
    assert endpoint.test_outcome(Api(200, {"status": "delivered"}).answer) == "2xx"


def test_an_endpoint_without_readable_members_is_shown_as_such() -> None:
    listed = endpoint.list_outcome(Api(200, {"data": [{"events": [1]}], "next_cursor": None}).answer)

    assert isinstance(listed, Endpoints)
    assert listed.found[0].missing == endpoint.EVENTS
    assert listed.found[0].state == "unknown"
