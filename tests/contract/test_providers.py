"""The contract of a provider's adapter: one suite over all providers."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker import providers
from sms_tracker.domain.callback import callback_url
from sms_tracker.domain.errors import InvalidSignature, Misconfigured, UnknownProvider, Unreadable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import (
    Accepted,
    LookupFailed,
    NoSuchMessage,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
    SearchCriteria,
)
from sms_tracker.domain.report import Report, Source, clean
from sms_tracker.domain.status import Category, Failure, Outcome, Reason, Status
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.base import Key, Provider, Webhooks

WEBHOOKS = Path(__file__).parents[2] / "events" / "webhooks"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECEIVED = "2026-03-01T12:00:00.000Z"
MESSAGE_ID = "1c8b2a2e-6f0e-5c43-9a3e-0f6f3f6f5a01"
OUTCOMES = (Accepted, Refused, NotProcessed, OutcomeUnknown)
NAMES = providers.all_names()


@dataclass(frozen=True, slots=True)
class Sample:
    """The samples of one provider: credentials, one message id, and its answers about that id.

    ``word`` is how a webhook spells a status word; ``spelt`` makes the fields that say it, where one field does not.
    ``calls_url``: each message names the URL of its reports, which is signed; otherwise the body names our message, and
    the URL decides nothing. ``record`` and ``missing`` are empty for a provider without look-ups. ``account``: it needs
    credentials.
    """

    credentials: Mapping[str, str]
    message_id: str
    taken: Mapping[str, object]
    record: Mapping[str, object] = field(default_factory=dict)
    missing: Mapping[str, object] = field(default_factory=dict)
    word: str = "{}"
    spelt: Callable[[str], dict[str, str]] | None = None
    calls_url: bool = True
    account: bool = True


def aws_event(word: str) -> dict[str, str]:
    """The fields of an event with a stored word, which includes its finality."""
    bare, mark, end = word.rpartition(".")
    final = bare != "" and end in {"final", "delivered"}
    said = bare if final else word
    return {
        "eventType": f"TEXT_{said}",
        "messageStatus": said,
        "isFinal": "true" if final else "false",
        "isoCountryCode": "CH",
        "context[carrier_accepted]": "CH" if f"{mark}{end}" == ".delivered" else "",
    }


AWS_ID, BIRD_ID = "862a8790-60c0-4430-9b2b-658bdc0ffee1", "sms_01krdgeqcxet5s7t44vh8rt9mg"
MESSAGEBIRD_ID, TWILIO_ID = "e8077d803532c0b5937c639b60216938", "SM" + 32 * "a"


def messagebird_record(**status: str) -> dict[str, object]:
    return {"id": MESSAGEBIRD_ID, "recipients": {"items": [{"recipient": 31612345678, **status}]}}


SAMPLES = {
    "aws": Sample(
        credentials={"sms_region": "eu-west-1", "configuration_set": "sms-tracker-sms"},
        message_id=AWS_ID,
        taken={"MessageId": AWS_ID},
        spelt=aws_event,
        calls_url=False,
    ),
    "bird": Sample(
        credentials={"api_key": "bk_us1_example-key", "webhook_secret": "whsec_ZXhhbXBsZQ==", "category": "service"},
        message_id=BIRD_ID,
        taken={"id": BIRD_ID, "status": "accepted"},
        record={"id": BIRD_ID, "status": "delivered", "delivered_at": "2026-03-01T11:59:58Z"},
        missing={"error": {"type": "not_found_error", "name": "NotFound", "message": "There is no such message"}},
        word="sms.{}",
        calls_url=False,
    ),
    "messagebird": Sample(
        credentials={"access_key": "example-access-key", "signing_key": "example-signing-key"},
        message_id=MESSAGEBIRD_ID,
        taken=messagebird_record(status="sent"),
        record=messagebird_record(status="delivered", statusDatetime="2026-03-01T11:59:58+00:00"),
        missing={"errors": [{"code": 20, "description": "message not found", "parameter": None}]},
    ),
    "test": Sample(
        credentials={},
        message_id=f"test-{MESSAGE_ID}-1",
        taken={"id": f"test-{MESSAGE_ID}-1", "status": "accepted"},
        calls_url=False,
        account=False,
    ),
    "twilio": Sample(
        credentials={"account_sid": "AC" + 32 * "0", "auth_token": "example-auth-token"},
        message_id=TWILIO_ID,
        taken={"sid": TWILIO_ID, "status": "queued"},
        record={"sid": TWILIO_ID, "status": "delivered", "date_updated": "Sun, 01 Mar 2026 11:59:58 +0000"},
        missing={"code": 20404, "message": "The requested resource was not found", "status": 404},
    ),
}

ALL = [providers.load(name) for name in NAMES]


def each(providers_: list[Provider]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("provider", providers_, ids=lambda provider: provider.name)


each_provider = each(ALL)
each_with_webhooks = each([provider for provider in ALL if provider.WEBHOOK])
each_with_an_account = each([provider for provider in ALL if SAMPLES[provider.name].account])
each_with_lookups = each([provider for provider in ALL if provider.LOOKUP])


@cache
def goldens(name: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((WEBHOOKS / name).glob("*.json"))]


def request_of(golden: Mapping[str, Any]) -> HttpRequest:
    request = golden["request"]
    return HttpRequest(request["method"], request["url"], request["headers"], request["body"].encode())


def keys_of(golden: Mapping[str, Any]) -> tuple[Key, ...]:
    return tuple(Key(key["secret"], key["owner"]) for key in golden["secrets"])


def tables(name: str) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """The constant tables of a provider's modules, with their names."""
    folder = Path(str(providers.__file__)).parent
    for path in sorted((folder / name).glob("*.py")):
        module = import_module(f"sms_tracker.providers.{name}.{path.stem}")
        yield from ((word, value) for word, value in vars(module).items() if word.isupper() and isinstance(value, dict))


def parameters(function: object) -> list[tuple[str, object]]:
    """Name and kind of each parameter except ``self``, which only the contract's methods have."""
    assert callable(function)
    found = inspect.signature(function).parameters.values()
    return [(each.name, each.kind) for each in found if each.name != "self"]


@cache
def codes(name: str) -> list[str]:
    """The numbers in any table, and the words in the table of codes."""
    keys = {
        key for of, table in tables(name) for key in table if isinstance(key, str) and (key.isdigit() or of == "CODES")
    }
    return sorted(keys)


def with_word(name: str, word: str, code: str | None = None) -> dict[str, str]:
    """A provider's fields saying ``word`` (and ``code``), made from a golden file that has both."""
    sample = SAMPLES[name]
    if sample.spelt is not None:
        golden = next(g for g in goldens(name) if g["report"]["code"])
        return {**golden["fields"], **sample.spelt(word)}
    spelt = sample.word.format
    golden = next(g for g in goldens(name) if g["report"]["code"] and spelt(g["report"]["word"]) in str(g["fields"]))
    replaced = {spelt(golden["report"]["word"]): spelt(word), golden["report"]["code"]: code}
    fields = {key: _replaced(value, replaced) for key, value in golden["fields"].items()}
    return {key: value for key, value in fields.items() if value is not None}


def _replaced(value: Any, replaced: Mapping[str, str | None]) -> Any:
    """A scalar, or each scalar in an object, also in an object written as text."""
    if isinstance(value, dict):
        return {key: _replaced(part, replaced) for key, part in value.items()}
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(_replaced(json.loads(value), replaced))
    return replaced.get(value, value) if isinstance(value, str) else value


def message(**changes: Any) -> OutboundMessage:
    values: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "attempt": 1,
        "to": "+31612345678",
        "sender": "+15551234567",
        "body": "Your parcel is here",
        "encoding": Encoding.GSM_7,
        "token": "a-token",
    }
    return OutboundMessage(**{**values, **changes})


ANY_TEXT = st.text(st.characters())  # lone surrogates too: headers and JSON can hold them
BODIES = st.binary(max_size=60) | st.sampled_from(
    [
        b"{}",
        b"[]",
        b"null",
        b'{"errors":[]}',
        b'{"errors":[1]}',
        b'{"code":1e999}',
        b'{"sid":[]}',
        b'{"id":{}}',
        b"\xff",
    ]
)
JSON_OBJECTS = st.dictionaries(ANY_TEXT, st.none() | st.booleans() | st.floats() | ANY_TEXT)
ANSWERS = st.builds(
    HttpResponse,
    st.integers(-1, 1000),
    st.dictionaries(st.sampled_from(["retry-after", "location"]), ANY_TEXT, max_size=2),
    BODIES | JSON_OBJECTS.map(lambda value: json.dumps(value).encode()),
)


def test_every_provider_is_covered_by_this_suite() -> None:
    assert set(NAMES) == set(SAMPLES) == set(SENDERS) == {path.name for path in WEBHOOKS.iterdir()}


def test_an_unknown_name_is_no_provider() -> None:
    for name in ("nexmo", "base", "wire", "", "../twilio", "twilio_signature"):
        with pytest.raises(UnknownProvider):
            providers.load(name)


def promised(provider: Provider) -> dict[str, tuple[str, ...]]:
    """The names that each module of an adapter defines."""
    further = providers.LOOKUPS if provider.LOOKUP else {}
    return {module: (*words, *further.get(module, ())) for module, words in providers.CONTRACT.items()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("module", providers.CONTRACT)
def test_each_module_defines_its_names_as_the_contract_has_them(name: str, module: str) -> None:
    defined = vars(import_module(f"sms_tracker.providers.{name}.{module}"))
    words = promised(providers.load(name))[module]
    functions = [word for word in words if not word.isupper()]

    assert set(words) <= defined.keys()
    assert {defined[word].__module__ for word in functions} <= {f"sms_tracker.providers.{name}.{module}"}
    for word in functions:
        assert parameters(defined[word]) == parameters(getattr(Provider, word)), word


def test_the_contract_names_what_the_protocol_describes() -> None:
    described = {*vars(Provider), *vars(Webhooks), *Provider.__annotations__, *Webhooks.__annotations__}
    public = {word for word in described if not word.startswith("_")}

    named = [word for part in (providers.CONTRACT, providers.LOOKUPS) for words in part.values() for word in words]

    assert sorted(["name", *named]) == sorted(public)


@each_provider
def test_it_has_its_folders_name_a_2xx_answer_and_the_entries_of_its_secret(provider: Provider) -> None:
    assert provider.name in NAMES
    assert 200 <= provider.ACK_STATUS < 300
    if provider.WEBHOOK:
        assert SAMPLES[provider.name].credentials.keys() | {"api_url"} <= set(provider.ENTRIES)


# --- signatures


@pytest.mark.parametrize(
    ("name", "golden"),
    [pytest.param(name, golden, id=f"{name}-{golden['description']}") for name in NAMES for golden in goldens(name)],
)
class TestGolden:
    def test_it_is_verified_read_and_understood(self, name: str, golden: dict[str, Any]) -> None:
        provider, request = providers.load(name), request_of(golden)
        if provider.WEBHOOK:
            provider.verify(request, secrets=keys_of(golden), now=datetime.fromisoformat(golden["now"]))

        fields = provider.fields(request)
        report = provider.report(fields, received_at=golden["received_at"])

        assert dict(fields) == golden["fields"]
        assert as_golden(report) == golden["report"]
        assert (report.provider, report.received, report.attempt) == (name, golden["received_at"], 1)
        assert report.source is Source.CALLBACK

    def test_any_other_url_body_or_key_is_refused(self, name: str, golden: dict[str, Any]) -> None:
        provider, request, now = providers.load(name), request_of(golden), datetime.fromisoformat(golden["now"])
        altered = HttpRequest(request.method, request.url + "0", request.headers, request.body)
        if not provider.WEBHOOK:
            with pytest.raises(InvalidSignature):
                provider.verify(request, secrets=(Key("any"),), now=now)
            return
        forged = [
            *([(altered, keys_of(golden))] if SAMPLES[name].calls_url else []),
            (HttpRequest(request.method, request.url, request.headers, request.body + b"&x=1"), keys_of(golden)),
            (HttpRequest(request.method, request.url, {}, request.body), keys_of(golden)),
            (request, ()),
            (request, (Key(""), Key("another", keys_of(golden)[0].owner))),
        ]

        for each, keys in forged:
            with pytest.raises(InvalidSignature):
                provider.verify(each, secrets=keys, now=now)

    def test_an_url_that_nobody_signed_decides_nothing(self, name: str, golden: dict[str, Any]) -> None:
        # Found in Bird's guides
        provider, request = providers.load(name), request_of(golden)
        url = callback_url("https://sms.example.com", name, MESSAGE_ID, 3, token="a-token")
        named = provider.target(HttpRequest(request.method, url, request.headers, request.body), golden["fields"])

        assert (named.message_id == MESSAGE_ID) == SAMPLES[name].calls_url
        assert SAMPLES[name].calls_url or named == provider.target(request, golden["fields"])

    def test_no_signature_header_may_be_altered(self, name: str, golden: dict[str, Any]) -> None:
        provider, request, now = providers.load(name), request_of(golden), datetime.fromisoformat(golden["now"])
        for header in (each for each in request.headers if "signature" in each):
            for value in ("", "é", "\udcff", "=", "a.b.c", request.headers[header][:-3], request.headers[header] + "A"):
                altered = HttpRequest(request.method, request.url, {**request.headers, header: value}, request.body)
                with pytest.raises(InvalidSignature):
                    provider.verify(altered, secrets=keys_of(golden), now=now)


def as_golden(report: Report) -> dict[str, Any]:
    failure = report.failure
    stated = ("word", "status", "recognised", "code", "occurred", "provider_message_id", "recipient", "network")
    told = {key: getattr(report, key) for key in stated}
    shown = failure and {key: getattr(failure, key) for key in ("category", "reason", "code", "message")}
    return {**told, "failure": shown, "price": report.price and str(report.price)}


@each_provider
@given(data=st.data())
@settings(max_examples=200)
def test_whatever_a_stranger_sends_is_refused_as_unsigned(provider: Provider, data: st.DataObject) -> None:
    headers = sorted({"content-type", *(h for g in goldens(provider.name) for h in g["request"]["headers"])})
    values = ANY_TEXT | st.sampled_from(
        ["application/json", "key=k,algorithm=HMAC_SHA256", "e30.e30.e30", "1772366400"]
    )
    request = HttpRequest(
        data.draw(st.sampled_from(["GET", "POST", "PUT", ""])),
        data.draw(ANY_TEXT | ANY_TEXT.map("https://sms.example.com/webhooks/x?{}".format)),
        data.draw(st.dictionaries(st.sampled_from(headers), values)),
        data.draw(BODIES),
    )
    secrets = data.draw(st.lists(st.builds(Key, ANY_TEXT, st.none() | st.sampled_from(["k", "AC1"])), max_size=3))

    with pytest.raises(InvalidSignature):
        provider.verify(request, secrets=secrets, now=NOW)


# --- reports


@each_provider
@given(data=st.data())
@settings(max_examples=200)
def test_a_body_is_read_as_text_or_is_unreadable(provider: Provider, data: st.DataObject) -> None:
    request = HttpRequest(
        data.draw(st.sampled_from(["GET", "POST"])),
        data.draw(ANY_TEXT | ANY_TEXT.map("https://sms.example.com/webhooks/x?message_id=1&a={}".format)),
        {
            "content-type": data.draw(
                ANY_TEXT | st.sampled_from(["application/json", "application/x-www-form-urlencoded"])
            )
        },
        data.draw(BODIES | ANY_TEXT.map(lambda text: json.dumps({"a": {"b": text}}).encode())),
    )

    try:
        fields = provider.fields(request)
    except Unreadable:
        return

    target = provider.target(request, fields)

    assert all(isinstance(name, str) and isinstance(value, str) for name, value in fields.items())
    assert target.attempt >= 1
    assert "message_id" not in fields or request.method != "GET"


@each_provider
def test_more_fields_than_any_provider_sends_are_unreadable(provider: Provider) -> None:
    many = "&".join(f"f{number}=1" for number in range(201))
    form = {"content-type": "application/x-www-form-urlencoded"}

    for request in (
        HttpRequest("GET", f"https://sms.example.com/?{many}"),
        HttpRequest("POST", "https://sms.example.com/", form, many.encode()),
    ):
        with pytest.raises(Unreadable):
            provider.fields(request)


@each_provider
@given(data=st.data())
@settings(max_examples=200)
def test_a_report_can_be_made_of_any_text(provider: Provider, data: st.DataObject) -> None:
    names = sorted({name for golden in goldens(provider.name) for name in golden["fields"]})
    values = ANY_TEXT | ANY_TEXT.map(lambda text: 300 * text)
    fields = data.draw(st.dictionaries(st.sampled_from(names) | ANY_TEXT, values, max_size=8))
    fields |= {f"F{number}": "x" for number in range(data.draw(st.sampled_from([0, 50])))}

    report = provider.report(fields, received_at=RECEIVED)

    kept = [report.word, report.code, report.provider_message_id, report.occurred, report.network]
    kept += [text for pair in report.details.items() for text in pair]
    kept += [report.failure.message if report.failure else None]
    assert [text for text in kept if text is not None and text != clean(text)] == []
    assert len(report.details) <= 40
    assert (report.failure is not None) == report.is_failure
    assert report.recipient is None or report.recipient.startswith("+")
    assert [len(known) for known in report.fingerprints] == [8, 16]


@each_provider
def test_every_word_in_the_table_is_recognised_and_explained(provider: Provider) -> None:
    for word, status in provider.STATUSES.items():
        report = provider.report(with_word(provider.name, word), received_at=RECEIVED)

        assert report.recognised
        assert report.word == word
        assert report.status is status
        assert (report.failure is not None) == (status is not None and status.outcome is Outcome.FAILURE)
        assert provider.status(word, None) is status
        assert provider.knows(word)


@each_provider
def test_every_code_in_a_table_makes_a_failure_of_a_failed_message(provider: Provider) -> None:
    failed = [word for word, status in provider.STATUSES.items() if status and status.outcome is Outcome.FAILURE]
    assert codes(provider.name) or all(
        provider.report(with_word(provider.name, word), received_at=RECEIVED).code for word in failed
    )

    for word in failed:
        for code in codes(provider.name):
            report = provider.report(with_word(provider.name, word, code), received_at=RECEIVED)
            failure = report.failure

            assert report.status is provider.status(word, code)
            assert failure is not None
            assert failure.code == code
            assert isinstance(failure.category, Category)
            assert isinstance(failure.reason, Reason)
            assert report.status is not None
            page = provider.page(code, report.status)
            assert page is None or page.startswith("https://")


@each_provider
def test_a_stored_word_means_what_its_report_meant_and_no_detail_holds_a_number(provider: Provider) -> None:
    for golden in goldens(provider.name):
        report = provider.report(golden["fields"], received_at=RECEIVED)
        text = report.failure.message if report.failure else None

        assert provider.meaning(report.word, report.code, text) == (report.status, report.failure)
        assert not [v for v in report.details.values() if "31612345678" in v or "15551234567" in v]


@each_provider
@given(word=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20))
def test_an_unfamiliar_word_is_kept_and_moves_nothing(provider: Provider, word: str) -> None:
    if word in provider.STATUSES:
        return
    report = provider.report(with_word(provider.name, word), received_at=RECEIVED)

    assert (report.word, report.status, report.recognised, report.failure) == (word, None, False, None)
    assert provider.status(word, None) is None
    assert not provider.knows(word)


@each_provider
def test_a_report_without_a_word_is_unrecognised(provider: Provider) -> None:
    report = provider.report({}, received_at=RECEIVED)

    assert (report.word, report.status, report.recognised) == ("", None, False)
    assert report.at == RECEIVED


# --- sending


@each_provider
def test_a_send_request_carries_the_text_and_what_brings_its_reports_back(provider: Provider) -> None:
    callback = callback_url("https://sms.example.com", provider.name, MESSAGE_ID, 1)

    request = request_for(provider, message())

    assert (request.method, request.url.partition("//")[0]) == ("POST", "https:")
    assert all(name == name.lower() for name in request.headers)
    assert ("authorization" in request.headers or request.sign_for is not None) == SAMPLES[provider.name].account
    sent = request.body.decode().replace("+", " ")
    assert "Your parcel is here" in sent
    assert MESSAGE_ID in sent
    if SAMPLES[provider.name].calls_url:
        assert callback in sent or quote(callback, safe="") in sent
    else:
        assert "a-token" in sent


# --- abilities


@each_provider
def test_it_takes_a_validity_from_the_first_to_the_last_of_its_range(provider: Provider) -> None:
    taken = provider.VALIDITY
    assert taken is None or (taken.step == 1 and 0 < taken[0] < taken[-1])
    for seconds in (taken[0], taken[-1]) if taken else ():
        request = request_for(provider, message(validity_seconds=seconds))
        assert re.search(rf"\b{seconds}\b", request.body.decode())


@each_provider
def test_it_takes_each_of_its_categories(provider: Provider) -> None:
    for category in provider.CATEGORIES:
        assert category in request_for(provider, message(category=category)).body.decode()


@each_provider
def test_price_states_whether_its_reports_have_one(provider: Provider) -> None:
    reports = [provider.report(golden["fields"], received_at=RECEIVED) for golden in goldens(provider.name)]
    assert any(report.price for report in reports) == provider.PRICE


@each_provider
def test_a_request_that_may_be_repeated_is_always_the_same_and_carries_its_key(provider: Provider) -> None:
    request = request_for(provider, message())
    assert request == request_for(provider, message())
    if provider.IDEMPOTENCY is None:
        assert "idempotency-key" not in request.headers
        return
    assert request.headers["idempotency-key"]
    for other in (message(token="another-token"), message(attempt=2, token="the-second")):
        assert request_for(provider, other).headers["idempotency-key"] != request.headers["idempotency-key"]
    assert 0 < provider.IDEMPOTENCY.seconds <= 3600
    assert provider.IDEMPOTENCY.replayed == provider.IDEMPOTENCY.replayed.lower()


def request_for(provider: Provider, wanted: OutboundMessage) -> HttpRequest:
    callback = callback_url("https://sms.example.com", provider.name, wanted.message_id, wanted.attempt)
    return provider.send_request(wanted, credentials=SAMPLES[provider.name].credentials, callback_url=callback)


def requests_of(provider: Provider, credentials: Mapping[str, str]) -> list[Callable[[], HttpRequest]]:
    """Each request that an adapter makes of the credentials alone."""
    made = [
        lambda: provider.send_request(message(), credentials=credentials, callback_url="https://sms.example.com/x?a=1")
    ]
    if provider.LOOKUP:
        made.append(lambda: provider.lookup_request("id", credentials=credentials))
        made.append(lambda: provider.search_request(SOUGHT, credentials=credentials, page=None))
    return made


@each_with_an_account
def test_another_address_of_the_provider_can_be_set(provider: Provider) -> None:
    credentials = {**SAMPLES[provider.name].credentials, "api_url": "http://127.0.0.1:9999/"}

    for request in requests_of(provider, credentials):
        parts = urlsplit(request().url)
        assert (parts.netloc, "//" in parts.path) == ("127.0.0.1:9999", False)


@each_with_an_account
def test_missing_credentials_are_named_and_none_is_shown(provider: Provider) -> None:
    for request in requests_of(provider, {}):
        with pytest.raises(Misconfigured, match=provider.name):
            request()


@each_provider
def test_without_credentials_there_is_no_key_and_a_key_does_not_show_its_secret(provider: Provider) -> None:
    keys = provider.keys(SAMPLES[provider.name].credentials)

    assert provider.keys({}) == ()
    assert (keys != ()) == provider.WEBHOOK
    assert not [key for key in keys if key.secret in repr(key)]


@each_provider
@given(result=ANSWERS)
@settings(max_examples=200)
def test_any_answer_has_an_outcome(provider: Provider, result: HttpResponse) -> None:
    outcome = provider.send_outcome(result)

    assert isinstance(outcome, OUTCOMES)
    if not 200 <= result.status < 300:
        assert not isinstance(outcome, Accepted)
    if not 400 <= result.status < 500:
        assert not isinstance(outcome, Refused | NotProcessed)


@each_provider
@given(body=BODIES, status=st.integers(500, 599))
def test_after_a_5xx_the_outcome_is_unknown(provider: Provider, body: bytes, status: int) -> None:
    sample = SAMPLES[provider.name]

    for each in (body, json.dumps(sample.missing).encode(), json.dumps(sample.taken).encode()):
        assert isinstance(provider.send_outcome(HttpResponse(status, {}, each)), OutcomeUnknown)


@each_provider
def test_no_answer_is_unknown_once_a_byte_was_written(provider: Provider) -> None:
    assert provider.send_outcome(NoResponse(written=True, reason="timed out")) == OutcomeUnknown(reason="timed out")
    assert provider.send_outcome(NoResponse(written=False, reason="no route")) == NotProcessed(reason="no route")


@each_provider
def test_a_throttled_request_was_not_processed(provider: Provider) -> None:
    outcome = provider.send_outcome(HttpResponse(429, {"retry-after": "7"}, b""))

    assert isinstance(outcome, NotProcessed)
    assert (outcome.retry_after, outcome.soon) == (7.0, True)


@each_provider
@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_an_id_is_an_acceptance_and_its_absence_is_unknown(provider: Provider, status: int) -> None:
    sample = SAMPLES[provider.name]
    only_id = {name: value for name, value in sample.taken.items() if value == sample.message_id}

    accepted, bare, unnamed = (
        provider.send_outcome(HttpResponse(status, {}, json.dumps(body).encode()))
        for body in (sample.taken, only_id, {})
    )

    assert isinstance(accepted, Accepted)
    assert isinstance(bare, Accepted)
    assert accepted.provider_message_id == bare.provider_message_id == sample.message_id
    assert (accepted.warning, bare.status) == (None, Status.ACCEPTED)
    assert bool(bare.warning) == (bare != accepted)
    assert isinstance(unnamed, OutcomeUnknown)


@each_provider
@pytest.mark.parametrize("body", [b"", b"{}", b"<html><h1>The plain HTTP request was sent to HTTPS port</h1></html>"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_by_a_gateway_is_not_the_callers_fault(provider: Provider, status: int, body: bytes) -> None:
    # Found in Hubs-Foundation/hubs-cloud#376
    outcome = provider.send_outcome(HttpResponse(status, {}, body))

    assert isinstance(outcome, Refused)
    assert outcome.fault == "account"
    assert isinstance(outcome.failure, Failure)


@each_provider
@pytest.mark.parametrize("status", [100, 301, 302, 303, 307, 308, 408])
def test_a_redirect_or_a_time_out_on_the_way_is_unknown(provider: Provider, status: int) -> None:
    assert isinstance(provider.send_outcome(HttpResponse(status, {}, b"")), OutcomeUnknown)


# --- look-ups


@each_with_lookups
def test_the_providers_own_record_becomes_a_report(provider: Provider) -> None:
    sample = SAMPLES[provider.name]

    request = provider.lookup_request(sample.message_id, credentials=sample.credentials)
    found = provider.lookup_outcome(HttpResponse(200, {}, json.dumps(sample.record).encode()), received_at=RECEIVED)

    assert (request.method, request.body) == ("GET", b"")
    assert sample.message_id in request.url
    assert isinstance(found, Report)
    assert (found.source, found.attempt, found.received) == (Source.LOOKUP, 1, RECEIVED)
    assert (found.provider_message_id, found.status) == (sample.message_id, Status.DELIVERED)
    assert found.occurred == "2026-03-01T11:59:58.000Z"


@each_with_lookups
@given(message_id=ANY_TEXT)
def test_an_id_stays_one_part_of_the_path(provider: Provider, message_id: str) -> None:
    credentials = SAMPLES[provider.name].credentials

    plain = urlsplit(provider.lookup_request("id", credentials=credentials).url)
    odd = urlsplit(provider.lookup_request(message_id, credentials=credentials).url)

    assert odd.path.count("/") == plain.path.count("/")
    assert odd._replace(path="") == plain._replace(path="")
    assert not {"..", "."} & set(odd.path.split("/"))


@each_with_lookups
def test_only_the_providers_own_word_for_it_means_no_such_message(provider: Provider) -> None:
    missing = json.dumps(SAMPLES[provider.name].missing).encode()

    assert provider.lookup_outcome(HttpResponse(404, {}, missing), received_at=RECEIVED) == NoSuchMessage()
    assert isinstance(provider.lookup_outcome(HttpResponse(404, {}, b"<html>"), received_at=RECEIVED), LookupFailed)


@each_with_lookups
@given(result=ANSWERS)
@settings(max_examples=200)
def test_any_answer_to_a_lookup_is_a_result(provider: Provider, result: HttpResponse) -> None:
    found = provider.lookup_outcome(result, received_at=RECEIVED)

    assert isinstance(found, Report | NoSuchMessage | LookupFailed)
    assert isinstance(found, LookupFailed) or 200 <= result.status < 300 or result.status == 404


@each_with_lookups
def test_a_failed_lookup_or_search_has_the_retry_after(provider: Provider) -> None:
    for outcome in (
        partial(provider.lookup_outcome, received_at=RECEIVED),
        partial(provider.search_outcome, criteria=SOUGHT),
    ):
        throttled = outcome(HttpResponse(429, {"retry-after": "3"}, b""))

        assert isinstance(throttled, LookupFailed)
        assert throttled.retry_after == 3.0
        assert outcome(NoResponse(written=True, reason="timed out")) == LookupFailed(reason="timed out")


# --- searching for a send with a lost answer

SOUGHT = SearchCriteria(
    message_id=MESSAGE_ID,
    references=frozenset({f"{MESSAGE_ID}.a-token"}),
    provider="any",
    to="+31612345678",
    sender="+15551234567",
    text_hash="a-hash",
    since="2026-03-01T11:58:00.000Z",
    until="2026-03-01T12:03:00.000Z",
)


@each_with_lookups
def test_a_search_is_a_get_of_the_same_account_as_a_lookup(provider: Provider) -> None:
    credentials = SAMPLES[provider.name].credentials

    search = provider.search_request(SOUGHT, credentials=credentials, page=None)
    lookup = provider.lookup_request("id", credentials=credentials)

    assert (search.method, search.body, search.headers) == ("GET", b"", lookup.headers)


@each_with_lookups
@given(result=ANSWERS)
@settings(max_examples=200)
def test_an_arbitrary_answer_to_a_search_does_not_pass_for_an_empty_list(
    provider: Provider, result: HttpResponse
) -> None:
    assert isinstance(provider.search_outcome(result, criteria=SOUGHT), LookupFailed)


@each([provider for provider in ALL if not provider.LOOKUP])
def test_without_look_ups_an_adapter_has_none_of_their_functions(provider: Provider) -> None:
    assert not any(hasattr(provider, name) for names in providers.LOOKUPS.values() for name in names)


@each_provider
def test_a_word_that_leaves_a_message_unconfirmed_ends_it_as_unknown(provider: Provider) -> None:
    assert {provider.STATUSES[word] for word in provider.UNCONFIRMED} <= {Status.UNKNOWN}


# --- senders


def listed(text: str) -> list[str]:
    return text.split(", ")


HEX = "0123456789abcdef" * 2
ARN = "arn:aws:sms-voice:eu-west-1:123456789012:"
SENDERS = {
    "aws": (
        listed(f"MyShop, My_Shop, T-Mobile, X, 3M, -A-, pool-{HEX}, {ARN}phone-number/phone-{HEX}"),
        listed(f"My Shop, My.Shop, A&B, TwelveLetter, 1-2, MG{32 * '0'}, pool-{31 * '0'}, {ARN}opt-out-list/list"),
    ),
    "bird": (
        listed("T-Mobile, My Shop, My_Shop, My.Shop, 3M1, Shop2Go4You"),
        listed(f"X, 3M, -A-, Shop-, A&B, TwelveLetter, MG{32 * '0'}, 123 456, 1-2"),
    ),
    "test": (
        listed(f"T-Mobile, A&B_c+d, My Shop, My.Shop, X, MG{32 * '0'}, phone-{32 * '0'}"),
        listed(f"-+-, 1-2, Shop!, {129 * 'x'}"),
    ),
    "twilio": (
        listed(f"T-Mobile, A&B_c+d, My Shop, X, 3M, -A-, Shop2Go4You, MGMT, MG{HEX}, MG{5 * 'ABCDEF'}00"),
        listed(
            f"My.Shop, Shop!, TwelveLetter, MG{31 * '0'}, MG{33 * '0'}, MG{32 * 'g'}, AC{32 * '0'}, -+-, 123 456, "
            "whatsapp:+15551234567"
        ),
    ),
    "messagebird": (
        listed("MyShop, My Shop, X, 3M, Shop2Go4You"),
        listed(f"T-Mobile, A&B, My_Shop, TwelveLetter, MG{32 * '0'}, 123 456"),
    ),
}
"""Senders that each adapter takes, and those that it refuses, by the pages that it cites."""


def takes(provider: Provider, sender: str) -> bool:
    return any(re.fullmatch(form, sender) for form in provider.SENDERS.values())


@each_provider
def test_a_provider_takes_the_senders_that_its_pages_allow_and_no_others(provider: Provider) -> None:
    # Found in https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id
    taken, refused = SENDERS[provider.name]
    numbers = listed("+15551234567, +31612345678, 123, 12345, 12345678")
    wrong = ["", " ", "12", "123456789", "15551234567", "+0123456789", "+1", " Shop", "Shop ", "Shop\n", "Über", "a,b"]

    assert [each for each in [*numbers, *taken] if not takes(provider, each)] == []
    assert [each for each in [*wrong, *refused] if takes(provider, each)] == []


@each_provider
@given(data=st.data())
def test_every_sender_that_is_taken_can_be_handed_over(provider: Provider, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(sorted(provider.SENDERS.values())))
    sender = data.draw(st.from_regex(rf"\A(?:{form})\Z"))
    assert urlsplit(request_for(provider, message(sender=sender)).url).scheme == "https"
