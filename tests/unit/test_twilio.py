"""The Twilio adapter, rule by rule; the oracle is in contract/test_twilio_sdk.py."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from sms_tracker import providers
from sms_tracker.domain.errors import InvalidSignature, Misconfigured
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.outbound import (
    Accepted,
    Fault,
    LookupFailed,
    NoSuchMessage,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
    SendOutcome,
)
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Category, Failure, Reason, Status
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.base import Key
from sms_tracker.providers.twilio import codes as twilio_codes
from sms_tracker.providers.twilio import report as twilio_report

ADAPTER = providers.load("twilio")
DOC = (Path(__file__).parents[2] / "docs" / "providers" / "twilio.md").read_text()
RECEIVED = "2026-03-01T12:00:00.000Z"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT, OTHER = "AC" + 31 * "0" + "1", "AC" + 31 * "0" + "2"
URL = "https://sms.example.com/webhooks/twilio?message_id=1&attempt=1"
CREDENTIALS = {"account_sid": ACCOUNT, "auth_token": "example-auth-token"}
SETTINGS = "x-twilio-webhooks-signature-settings"


def callback(
    fields: dict[str, str], key: str, *, url: str = URL, signed_url: str | None = None, **headers: str
) -> HttpRequest:
    signed = (signed_url or url) + "".join(name + fields[name] for name in sorted(fields))
    algorithm = "sha1" if "HMAC_SHA256" not in headers.get(SETTINGS, "HMAC_SHA1").upper() else "sha256"
    signature = b64encode(hmac.digest(key.encode(), signed.encode(), algorithm)).decode()
    form = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
    return HttpRequest("POST", url, {**form, **headers}, urlencode(fields).encode())


def json_callback(body: bytes, key: str, *, url: str) -> HttpRequest:
    signature = b64encode(hmac.digest(key.encode(), url.encode("utf-8", "surrogatepass"), "sha1")).decode()
    headers = {"content-type": "Application/JSON; charset=utf-8", "x-twilio-signature": signature}
    return HttpRequest("POST", url, headers, body)


def accepts(request: HttpRequest, *keys: Key) -> bool:
    try:
        ADAPTER.verify(request, secrets=keys, now=NOW)
    except InvalidSignature:
        return False
    return True


def report(**fields: str) -> Report:
    return ADAPTER.report(fields, received_at=RECEIVED)


def answer_to(status: int, body: dict[str, object], **headers: str) -> SendOutcome:
    return ADAPTER.send_outcome(HttpResponse(status, headers, json.dumps(body).encode()))


def message(sender: str = "+15551234567", **changes: Any) -> OutboundMessage:
    values: dict[str, Any] = {"body": "Hi", "encoding": Encoding.GSM_7, **changes}
    return OutboundMessage(message_id="1", attempt=1, token="a-token", to="+31612345678", sender=sender, **values)


def form_of(sent: OutboundMessage) -> dict[str, str]:
    request = ADAPTER.send_request(sent, credentials=CREDENTIALS, callback_url=URL)
    return {name: value for name, (value,) in parse_qs(request.body.decode(), strict_parsing=True).items()}


def listed(heading: str) -> dict[str, str]:
    """The first line of each item of the page's list under this heading, by each name before its colon."""
    section = re.split(r"^#+ ", DOC, flags=re.MULTILINE)
    (found,) = [part for part in section if part.startswith(heading + "\n")]
    items = [line.removeprefix("- ").partition(": ") for line in found.splitlines() if line.startswith("- ")]
    rows = [(name.strip("`"), rest) for names, _, rest in items for name in names.split(", ")]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


# --- the page


def test_the_page_shows_every_status_as_the_code_has_it_and_every_credential_that_is_read() -> None:
    asked: set[str] = set()

    class Asked(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.add(key)
            return super().get(key, default)

    ADAPTER.keys(Asked(CREDENTIALS))
    ADAPTER.lookup_request("SM1", credentials=Asked(CREDENTIALS))
    assert listed("Credentials").keys() == asked
    assert listed("Statuses") == {word: status or "–" for word, status in twilio_report.STATUSES.items()}


def test_the_page_shows_every_code_once_and_as_the_code_has_it() -> None:
    families = {f"{codes[0]}–{codes[-1]}": str(codes[-1]) for codes in twilio_codes.ACCOUNT_FAMILIES}

    assert sorted(code_list()) == sorted(
        (name, at_creation(code), *(twilio_codes.cause_of(code) or ()))
        for name, code in {**dict(zip(twilio_codes.CODES, twilio_codes.CODES, strict=True)), **families}.items()
    )


def code_list() -> Iterator[tuple[str, str, str, str]]:
    """Each code or range of the page with the answer in its heading and the category and reason above its list."""
    answer = category = reason = ""
    for line in DOC.split("## Error codes\n")[1].split("\n## ")[0].splitlines():
        if heading := re.match(r"### (.+?): ", line):
            answer = heading[1]
        elif group := re.match(r"(permanent|temporary), (\w+)\b.*:$", line):
            category, reason = group[1], group[2]
        elif codes := re.match(r"- ([\d–, ]+): .", line):
            yield from ((name, answer, category, reason) for name in codes[1].split(", "))


def at_creation(code: str) -> str:
    """What the send route answers for it, from what the adapter really decides."""
    outcome = answer_to(400, {"code": int(code)})
    if isinstance(outcome, NotProcessed):
        return "503" if outcome.soon else "503, later"
    assert isinstance(outcome, Refused)
    return {Fault.ACCOUNT: "502", Fault.SENDER: "422 or 502", Fault.CALLER: "422"}[outcome.fault]


def test_every_code_with_a_rule_of_its_own_is_in_the_table_and_in_one_family_at_most() -> None:
    with_a_rule = {*twilio_codes.NOT_PROCESSED, *twilio_codes.RECIPIENT_CODES, *twilio_codes.OWN_SENDER_CODES}
    of_families = [code for family in twilio_codes.ACCOUNT_FAMILIES for code in family]
    assert with_a_rule <= set(twilio_codes.CODES)
    assert len(of_families) == len(set(of_families))


@pytest.mark.parametrize("code", ["21650", "21703", "21704", "21712", "30109", "30127", "30445", "30883", "63112"])
def test_a_code_of_a_family_is_about_the_account(code: str) -> None:
    outcome = answer_to(400, {"code": int(code), "message": "no"})
    assert isinstance(outcome, Refused)
    assert (outcome.fault, outcome.failure.reason) == (Fault.ACCOUNT, Reason.ACCOUNT)


@pytest.mark.parametrize("code", ["", "0", "21627", "21652", "21800", "2170", "217000", "٢١٧٠٣", "9" * 5000])
def test_what_only_looks_like_a_code_of_a_family_has_no_cause(code: str) -> None:
    assert twilio_codes.cause_of(code) is None


# --- keys


def test_every_token_belongs_to_its_account_and_every_shared_key_to_its_id() -> None:
    subaccounts = f"{OTHER}=one, {OTHER}=two,,no-mark,=no-owner,no-secret="
    more = {"next_auth_token": " next ", "subaccount_tokens": subaccounts, "webhook_keys": "id=with=mark="}
    assert ADAPTER.keys({**CREDENTIALS, **more}) == (
        Key("example-auth-token", ACCOUNT),
        *(Key("one", OTHER), Key("two", OTHER), Key("with=mark=", "id")),
        Key("next", ACCOUNT, following=True),
    )


def test_a_token_without_an_account_fits_any_and_an_api_key_is_none() -> None:
    assert ADAPTER.keys({"auth_token": "token", "next_auth_token": "token"}) == (Key("token", None),)
    assert ADAPTER.keys({"account_sid": ACCOUNT, "api_key_sid": "SKexample", "api_key_secret": "secret"}) == ()


@pytest.mark.parametrize(
    ("entry", "value", "flaw"),
    [
        ("webhook_keys", "id=secret, id2=with=mark", None),
        ("webhook_keys", "lonely", "holds an entry that is not id=secret"),
        ("webhook_keys", "id=one,id2=", "holds an entry that is not id=secret"),
        ("webhook_keys", f"id={ACCOUNT}", "holds an entry whose secret is a SID (AC…), which is no secret"),
        ("subaccount_tokens", f"{OTHER}=token", None),
        ("subaccount_tokens", "SK1=token", "holds an entry that is not AC…=token"),
    ],
)
def test_a_list_of_keys_with_a_malformed_entry_has_a_flaw(entry: str, value: str, flaw: str | None) -> None:
    assert ADAPTER.flaws({**CREDENTIALS, entry: value}).get(entry) == flaw


# --- signatures


def test_twilios_published_example_is_accepted() -> None:
    numbers = {"Caller": "+14158675309", "From": "+14158675309", "To": "+18005551212"}
    fields = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", **numbers}
    form = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"

    assert accepts(HttpRequest("POST", url, form, urlencode(fields).encode()), Key("12345"))


def test_both_tokens_are_accepted_while_one_rotates_and_an_empty_one_signs_nothing() -> None:
    keys = (Key("old", ACCOUNT), Key("new", ACCOUNT))
    assert accepts(callback({"AccountSid": ACCOUNT}, "old"), *keys)
    assert accepts(callback({"AccountSid": ACCOUNT}, "new"), *keys)
    assert not accepts(callback({}, ""), Key(""))


def test_one_accounts_token_does_not_sign_for_another() -> None:
    keys = (Key("mine", ACCOUNT), Key("theirs", OTHER))

    assert accepts(callback({"AccountSid": OTHER}, "theirs"), *keys)
    assert not accepts(callback({"AccountSid": OTHER}, "mine"), *keys)
    assert not accepts(callback({"AccountSid": ACCOUNT}, "theirs"), *keys)
    assert not accepts(callback({"AccountSid": ""}, "mine"), *keys)
    assert accepts(callback({"AccountSid": OTHER}, "any"), Key("any"))


def test_the_account_of_a_get_is_in_its_query() -> None:
    url = f"{URL}&AccountSid={OTHER}"
    signature = b64encode(hmac.digest(b"mine", url.encode(), "sha1")).decode()
    request = HttpRequest("GET", url, {"x-twilio-signature": signature})

    assert accepts(request, Key("mine", OTHER))
    assert not accepts(request, Key("mine", ACCOUNT))


@pytest.mark.parametrize(
    ("received", "signed"),
    [
        (URL + "#rc=5&rp=all", URL),
        ("https://sms.example.com/x?a=%5B1%5D&b=c%20d", "https://sms.example.com/x?a=[1]&b=c+d"),
        ("https://sms.example.com/x?a=1", "https://sms.example.com:443/x?a=1"),
        ("https://sms.example.com:443/x?a=1", "https://sms.example.com/x?a=1"),
        ("http://sms.example.com?a=1", "http://sms.example.com:80?a=1"),
        ("https://sms.example.com:8443", "https://sms.example.com:8443"),
        ("https://user:1@sms.example.com:443/x", "https://user:1@sms.example.com/x"),
        ("https://[::1]:443/x", "https://[::1]/x"),
        ("https://sms.example.com/x?Body=It%27s", "https://sms.example.com/x?Body=It's"),
        ("https://sms.example.com/x?Body=It's", "https://sms.example.com/x?Body=It%27s"),
        ("https://sms.example.com/x?Body=It%27s", "https://sms.example.com:443/x?Body=It's"),
        ("https://sms.example.com/x?b=%28%21%29%2a&c=1+2", "https://sms.example.com/x?b=(!)*&c=1%202"),
        ("https://sms.example.com/x?a=é&b=<>", "https://sms.example.com/x?a=%C3%A9&b=%3C%3E"),
        ("https://sms.example.com/x?a=%7e&b=%2f", "https://sms.example.com/x?a=~&b=%2F"),
        ("https://sms.example.com/x?a=1&b=2&a=3&c", "https://sms.example.com/x?a=1&a=3&b=2&c="),
        ("https://sms.example.com/x?b=It%27s+me&a=1&b=2", "https://sms.example.com/x?b=It's+me&a=1&b=2"),
        ("https://sms.example.com/x?b=It%27s%20me", "https://sms.example.com:443/x?b=It's+me"),
        ("https://sms.example.com/x?b=me%40example.com&t=%2B1", "https://sms.example.com/x?b=me@example.com&t=%2B1"),
        ("https://sms.example.com/x?t=sip%3Ame%40h&c=It%27s", "https://sms.example.com/x?t=sip:me@h&c=It%27s"),
        ("https://sms.example.com/x?b=it%27s%3A+a%2Fb%3F%26", "https://sms.example.com/x?b=it's:+a/b?%26"),
        ("not a URL", "not a URL"),
    ],
)
def test_the_same_url_may_be_written_differently(received: str, signed: str) -> None:
    assert accepts(callback({"a": "b"}, "key", url=received, signed_url=signed), Key("key"))


@pytest.mark.parametrize(
    ("received", "signed"),
    [
        ("https://sms.example.com/x", "http://sms.example.com/x"),
        ("https://sms.example.com/x", "https://user:1@sms.example.com/x"),
        ("https://sms.example.com/x?a=1&b=2", "https://sms.example.com/x?b=2&a=1"),
        ("https://sms.example.com/x?a=", "https://sms.example.com/x?a"),
        ("https://sms.example.com/x?a=It%27s", "https://sms.example.com/x?a=Its"),
        ("https://sms.example.com/x?a=%26b", "https://sms.example.com/x?a=&b"),
        ("https://sms.example.com/x?a=%2B", "https://sms.example.com/x?a=+"),
        ("https://sms.example.com/x?a=b%3Dc&d=", "https://sms.example.com/x?a=b=c&d="),
        ("https://sms.example.com/x", "https://sms.example.com:80/x"),
    ],
)
def test_another_url_is_another_url(received: str, signed: str) -> None:
    assert not accepts(callback({"a": "b"}, "key", url=received, signed_url=signed), Key("key"))


@pytest.mark.parametrize(
    ("named", "signer"),
    [
        ("key=id,algorithm=HMAC_SHA256", "shared"),
        (" algorithm = hmac_sha256 , key = id ", "shared"),
        ("key=id,algorithm=HMAC_SHA256,v=1", "shared"),
        ("key=id,algorithm=HMAC_SHA1", "shared"),
        ("algorithm=hmac_sha1, key=id", "shared"),
        ("key=id", "shared"),
        ("", "token"),
        (" ", "token"),
    ],
)
def test_signature_settings_name_the_one_key_that_signs(named: str, signer: str) -> None:
    # Found in twilio/twilio-python
    keys = (Key("token", ACCOUNT), Key("shared", "id"), Key("spare", "id2"))
    signed = [
        key.secret for key in keys if accepts(callback({"AccountSid": ACCOUNT}, key.secret, **{SETTINGS: named}), *keys)
    ]

    assert signed == [signer]


def test_a_shared_key_is_no_auth_token() -> None:
    assert not accepts(callback({}, "shared"), Key("shared", "id"))
    assert not accepts(callback({"AccountSid": "id"}, "shared"), Key("shared", "id"))


@pytest.mark.parametrize(
    "named",
    [
        *(f"algorithm={name}" for name in ("HMAC_SHA1", "HMAC_SHA256")),
        *(f"key=id,algorithm={name}" for name in ("", "SHA1", "HMAC_SHA512", "none", "HMAC_SHA256,")),
        *(f"key={name},algorithm=HMAC_SHA256" for name in ("", "unknown", ACCOUNT)),
        *("key=id;algorithm=HMAC_SHA256", "key=id,key=id,algorithm=HMAC_SHA256", "key=é,algorithm=\udcff"),
    ],
)
def test_signature_settings_that_are_not_understood_are_refused(named: str) -> None:
    keys = (Key("secret", ACCOUNT), Key("secret", "id"))
    assert not accepts(callback({"AccountSid": ACCOUNT}, "secret", **{SETTINGS: named}), *keys)


def test_a_json_body_is_vouched_for_by_its_hash_in_the_url() -> None:
    body = b'{"MessageStatus":"sent"}'
    url = f"{URL}&bodySHA256={hashlib.sha256(body).hexdigest()}"

    assert accepts(json_callback(body, "token", url=url), Key("token", ACCOUNT))
    for other, signer, address in ((body + b" ", "token", url), (body, "other", url), (body, "token", URL)):
        assert not accepts(json_callback(other, signer, url=address), Key("token", ACCOUNT))
    assert not accepts(json_callback(body, "token", url=f"{URL}&bodySHA256=\udcff"), Key("token", ACCOUNT))


@pytest.mark.parametrize("is_listed", [True, False])
def test_events_of_event_streams_are_verified_and_set_aside_with_that_reason(is_listed: bool) -> None:  # noqa: FBT001
    # Found in https://www.twilio.com/docs/events/webhook-quickstart
    event = {
        "specversion": "1.0",
        "type": "com.twilio.messaging.message.delivered",
        "data": {"messageSid": "SM1", "messageStatus": "DELIVERED", "body": "Hi"},
    }
    body = json.dumps([event, event] if is_listed else event).encode()
    url = f"https://sms.example.com/webhooks/twilio?bodySHA256={hashlib.sha256(body).hexdigest()}"
    request = json_callback(body, "token", url=url)
    fields = ADAPTER.fields(request)

    assert accepts(request, Key("token", ACCOUNT))
    assert not ADAPTER.is_reply(fields)
    assert report(**fields).set_aside == twilio_report.EVENT_STREAMS


@pytest.mark.parametrize("fields", [{}, {"Body": "specversion"}, {"specversion": "1.0", "MessageStatus": "sent"}])
def test_a_callback_is_not_set_aside_however_odd(fields: dict[str, str]) -> None:
    assert report(**fields).set_aside is None


def test_form_fields_are_signed_although_the_url_carries_a_body_hash() -> None:
    fields = {"MessageStatus": "sent"}
    url = f"{URL}&bodySHA256={hashlib.sha256(urlencode(fields).encode()).hexdigest()}"
    empty = callback({}, "token", url=url)

    assert accepts(callback(fields, "token", url=url), Key("token"))
    assert not accepts(replace(empty, body=b"MessageStatus=sent"), Key("token"))


# --- reports


def test_the_older_status_field_counts_where_the_newer_is_blank() -> None:
    assert report(MessageStatus="", SmsStatus="sent").status is Status.SENT
    assert report(SmsSid="SM1").provider_message_id == "SM1"


def test_only_undelivered_expires() -> None:
    expired, failed = (report(MessageStatus=word, ErrorCode="30036") for word in ("undelivered", "failed"))
    failure = Failure(category=Category.TEMPORARY, reason=Reason.EXPIRED, code="30036")

    assert (expired.status, failed.status) == (Status.EXPIRED, Status.FAILED)
    assert expired.failure == failed.failure == failure


@pytest.mark.parametrize("code", ["", "0", "\x00"])
def test_a_code_that_says_nothing_is_no_code(code: str) -> None:
    said = report(MessageStatus="undelivered", ErrorCode=code)
    assert (said.code, said.failure) == (None, Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN))


@pytest.mark.parametrize(
    ("code", "category", "reason"),
    [
        ("30019", Category.PERMANENT, Reason.UNKNOWN),  # too much content for the carrier
        ("30044", Category.PERMANENT, Reason.ACCOUNT),  # too many segments for a trial account
        ("30047", Category.TEMPORARY, Reason.PROVIDER_ERROR),  # not scheduled for an allowed hour
        ("30610", Category.TEMPORARY, Reason.BLOCKED),  # not at this hour
        ("30615", Category.TEMPORARY, Reason.BLOCKED),  # not at this hour there
        ("30450", Category.TEMPORARY, Reason.BLOCKED),  # SMS pumping, for minutes
        ("30453", Category.TEMPORARY, Reason.BLOCKED),  # SMS pumping, for hours
        ("30485", Category.TEMPORARY, Reason.BLOCKED),
        ("30620", Category.PERMANENT, Reason.SENDER_REJECTED),  # another use than the sender's
        ("30640", Category.PERMANENT, Reason.BLOCKED),  # a known litigator
        ("30524", Category.PERMANENT, Reason.ACCOUNT),  # toll-free verification
        ("30139", Category.PERMANENT, Reason.ACCOUNT),  # link shortening
        ("14107", Category.TEMPORARY, Reason.PROVIDER_ERROR),  # too many to one number
        ("63005", Category.PERMANENT, Reason.CONTENT_FILTERED),  # RCS
        ("63035", Category.PERMANENT, Reason.SENDER_REJECTED),
        ("63036", Category.TEMPORARY, Reason.UNREACHABLE),
    ],
)
def test_a_new_code_has_a_cause(code: str, category: Category, reason: Reason) -> None:
    # Found in https://www.twilio.com/docs/api/errors
    failure = report(MessageStatus="failed", ErrorCode=code).failure

    assert failure is not None
    assert (failure.category, failure.reason) == (category, reason)


def test_a_known_code_explains_a_cancellation_better() -> None:
    explained = report(MessageStatus="canceled", ErrorCode="30002").failure
    canceled = Failure(category=Category.PERMANENT, reason=Reason.CANCELED)

    assert report(MessageStatus="canceled").failure == canceled
    assert explained is not None
    assert explained.reason is Reason.ACCOUNT


def test_a_code_on_what_is_no_failure_is_kept_and_a_callback_tells_no_time_of_its_own() -> None:
    said = report(MessageStatus="sent", ErrorCode="30003", ErrorMessage="odd", RawDlrDoneDate="2603011159")
    assert (said.code, said.failure, said.occurred, said.at) == ("30003", None, None, RECEIVED)
    assert said.details == {"ErrorMessage": "odd", "RawDlrDoneDate": "2603011159"}


def test_further_fields_are_kept_up_to_forty_and_no_personal_ones() -> None:
    many = {f"F{number}": "x" for number in range(50)}
    said = report(MessageStatus="sent", To="+31612345678", From="+1555", Body="hello", **many)
    assert len(said.details) == 40
    assert set(said.details) < set(many)


def test_numbers_in_an_error_message_are_not_kept() -> None:
    told = "To +31 6 1234-5678, 1600 characters, 30007"
    failure = report(MessageStatus="failed", ErrorCode="30007", ErrorMessage=told).failure

    assert failure is not None
    assert failure.message == "To [number], 1600 characters, 30007"


# --- sending


@pytest.mark.parametrize("sender", ["MGMT", "MG123456789", "+15551234567", "12345"])
def test_a_messaging_service_is_told_from_a_name(sender: str) -> None:
    assert form_of(message("MG" + 32 * "0"))["MessagingServiceSid"] == "MG" + 32 * "0"
    assert form_of(message(sender))["From"] == sender


def test_a_request_asks_for_retried_callbacks_and_has_a_validity_only_where_it_is_set() -> None:
    assert form_of(message())["StatusCallback"] == URL + "#rc=5&rp=all"
    assert "ValidityPeriod" not in form_of(message())
    assert form_of(message(validity_seconds=60))["ValidityPeriod"] == "60"
    assert form_of(message(body="\ud800"))["Body"] == "?"


@pytest.mark.parametrize(
    ("more", "login"),
    [
        ({}, f"{ACCOUNT}:example-auth-token"),
        ({"api_key_sid": "SKexample", "api_key_secret": "s\n"}, "SKexample:s"),
        ({"api_key_sid": "SKexample"}, f"{ACCOUNT}:example-auth-token"),
        ({"next_auth_token": "next"}, f"{ACCOUNT}:example-auth-token"),
        ({"account_sid": "AC/../x"}, "AC/../x:example-auth-token"),
    ],
)
def test_an_api_key_is_preferred_where_it_is_whole_and_an_account_id_stays_one_part_of_the_path(
    more: dict[str, str], login: str
) -> None:
    request = ADAPTER.lookup_request("SM1", credentials={**CREDENTIALS, **more})

    scheme, _, value = request.headers["authorization"].partition(" ")
    assert (scheme, b64decode(value).decode()) == ("Basic", login)
    account = "AC%2F%2E%2E%2Fx" if "account_sid" in more else ACCOUNT
    assert request.url == f"https://api.twilio.com/2010-04-01/Accounts/{account}/Messages/SM1.json"


def test_octets_that_are_no_utf_8_are_signed_and_read_as_replacement_characters() -> None:
    signed = callback({"Note": "\ufffd"}, "token")
    for body in (b"Note=%FF", b"Note=\xff"):
        request = HttpRequest("POST", signed.url, signed.headers, body)

        assert accepts(request, Key("token"))
        assert ADAPTER.fields(request) == {"Note": "\ufffd"}


def test_names_are_sorted_by_code_point() -> None:
    assert accepts(callback({"\uffff": "1", "\U0001f600": "2", "a": "3", "Z": "4"}, "token"), Key("token"))


@pytest.mark.parametrize(
    ("credentials", "flaw"),
    [
        ({}, " credentials lack account_sid, auth_token"),
        ({"account_sid": ACCOUNT}, " credentials lack auth_token"),
        ({"auth_token": "token"}, " credentials lack account_sid"),
        ({"api_key_sid": "SKexample", "api_key_secret": "s"}, " credentials lack account_sid"),
        ({**CREDENTIALS, "auth_token": "live_x"}, ": auth_token is a key of another provider (live_, test_)"),
        ({**CREDENTIALS, "auth_token": "bk_us1_x"}, ": auth_token is a key of another provider (bk_, bm_, whsec_)"),
    ],
)
def test_what_is_missing_or_another_providers_is_named(credentials: dict[str, str], flaw: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        ADAPTER.lookup_request("SM1", credentials=credentials)
    assert str(refused.value) == f"twilio{flaw}"


# --- answers


@pytest.mark.parametrize("code", [21211, 21266, 21408, 21602, 21604, 21608, 21610, 21612, 21614, 21617, 21635])
@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_message_that_twilio_will_not_take_is_the_callers_fault(code: int, status: int) -> None:
    outcome = answer_to(status, {"code": code, "message": "No."})
    assert isinstance(outcome, Refused)
    told = (outcome.failure.category, outcome.failure.code, outcome.failure.message)
    assert (outcome.fault, *told) == (Fault.CALLER, Category.PERMANENT, str(code), "No.")


def test_an_unlisted_refusal_is_the_callers_and_unexplained() -> None:
    assert answer_to(400, {"code": 59999}) == Refused(
        failure=Failure(category=Category.UNKNOWN, reason=Reason.UNKNOWN, code="59999", message="HTTP 400"),
        fault=Fault.CALLER,
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 20003), (403, 20003), (404, 20404), (400, 30002), (403, 59999), (401, None), (402, None), (410, 59999)],
)
def test_our_account_is_our_fault(status: int, code: int | None) -> None:
    outcome = answer_to(status, {"code": code})
    assert isinstance(outcome, Refused)
    assert (outcome.fault, outcome.failure.reason) == (Fault.ACCOUNT, Reason.ACCOUNT)
    assert outcome.failure.message == f"HTTP {status}"


@pytest.mark.parametrize(
    ("more", "message"), [({}, "Opted out"), ({"detail": "Not to +31612345678"}, "Not to [number]")]
)
def test_the_newer_shape_of_errors_is_read_too(more: dict[str, str], message: str) -> None:
    page = "https://www.twilio.com/docs/api/errors/21610"
    outcome = answer_to(400, {"type": page, "title": "Opted out", "status": 400, "code": 21610, **more})
    assert isinstance(outcome, Refused)
    assert (outcome.failure.reason, outcome.failure.message) == (Reason.OPTED_OUT, message)


@pytest.mark.parametrize(
    ("status", "code", "soon"),
    [(429, 20429, True), (400, 21611, True), (429, 63038, False), (400, 63038, False), (429, 1, True)],
)
def test_what_was_not_processed_says_whether_to_try_soon(status: int, code: int, soon: bool) -> None:  # noqa: FBT001  a row of the table
    outcome = answer_to(status, {"code": code}, **{"retry-after": "30"})
    assert outcome == NotProcessed(reason=f"HTTP {status}", code=str(code), retry_after=30.0, soon=soon)


@pytest.mark.parametrize("status", [408, 500, 503])
@pytest.mark.parametrize("code", [20429, 21211])
def test_after_a_server_error_no_code_is_believed(status: int, code: int) -> None:
    assert answer_to(status, {"code": code}) == OutcomeUnknown(reason=f"HTTP {status}")


@pytest.mark.parametrize("word", [None, "", "teleported", "received", 7])
def test_an_acceptance_with_an_odd_word_is_an_acceptance(word: object) -> None:
    outcome = answer_to(201, {"sid": "SM1", "status": word})
    assert isinstance(outcome, Accepted)
    assert (outcome.status, outcome.word, bool(outcome.warning)) == (Status.ACCEPTED, str(word or "accepted"), True)


def test_an_acceptance_tells_its_word_and_time() -> None:
    outcome = answer_to(201, {"sid": "SM1", "status": "scheduled", "date_updated": "Sun, 01 Mar 2026 13:00:00 +0100"})
    assert outcome == Accepted(
        provider_message_id="SM1", word="scheduled", status=Status.SCHEDULED, occurred="2026-03-01T12:00:00.000Z"
    )


@pytest.mark.parametrize(
    ("word", "code", "status", "category", "reason"),
    [
        ("failed", "30007", Status.FAILED, Category.PERMANENT, Reason.CONTENT_FILTERED),
        ("undelivered", "30036", Status.EXPIRED, Category.TEMPORARY, Reason.EXPIRED),
        ("failed", None, Status.FAILED, Category.UNKNOWN, Reason.UNKNOWN),
    ],
)
def test_an_acceptance_that_has_failed_already_says_why(
    word: str, code: str | None, status: Status, category: Category, reason: Reason
) -> None:
    told: dict[str, object] = {"sid": "SM1", "status": word, "error_code": code and int(code), "error_message": "No"}
    failure = Failure(category=category, reason=reason, code=code, message="No")
    assert answer_to(201, told) == Accepted(provider_message_id="SM1", word=word, status=status, failure=failure)


# --- looking up


def look_up(record: dict[str, object], status: int = 200) -> Report | NoSuchMessage | LookupFailed:
    return ADAPTER.lookup_outcome(HttpResponse(status, {}, json.dumps(record).encode()), received_at=RECEIVED)


def test_a_failed_message_is_read_with_its_code_price_and_time() -> None:
    error = {"status": "undelivered", "error_code": 30003, "error_message": "Unreachable"}
    price = {"price": "-0.00750", "price_unit": "USD", "num_segments": "2"}
    time = {"date_updated": "Sun, 01 Mar 2026 11:00:00 -0000"}
    found = look_up({"sid": "SM1", **error, **price, **time, "to": "+31612345678", "body": "secret"})

    assert isinstance(found, Report)
    assert (found.status, found.code, str(found.price)) == (Status.UNDELIVERED, "30003", "0.0075 USD")
    assert found.failure == Failure(
        category=Category.TEMPORARY, reason=Reason.UNREACHABLE, code="30003", message="Unreachable"
    )
    assert found.occurred == "2026-03-01T11:00:00.000Z"
    assert found.details == {"num_segments": "2"}


@pytest.mark.parametrize(("word", "status"), [("sending", Status.SENDING), ("teleported", None)])
def test_a_message_that_is_still_on_its_way_has_neither_price_nor_code(word: str, status: Status | None) -> None:
    found = look_up({"sid": "SM1", "status": word, "price": None, "price_unit": "USD", "error_code": None})
    assert isinstance(found, Report)
    assert (found.word, found.status, found.recognised) == (word, status, status is not None)
    assert (found.price, found.code, found.failure) == (None, None, None)


@pytest.mark.parametrize("record", [{}, {"sid": "SM1"}, {"status": "sent"}])
def test_a_record_without_id_or_status_or_a_404_about_something_else_is_no_answer(record: dict[str, object]) -> None:
    assert isinstance(look_up(record), LookupFailed)
    assert look_up({"code": 20003}, status=404) == LookupFailed(reason="HTTP 404")


@pytest.mark.parametrize(("code", "page"), [("30003", "https://www.twilio.com/docs/api/errors/30003"), ("3/..", None)])
def test_a_code_that_is_a_number_has_a_page(code: str, page: str | None) -> None:
    assert ADAPTER.page(code, Status.UNDELIVERED) == page
