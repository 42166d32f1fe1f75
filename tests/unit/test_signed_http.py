"""A provider's request that AWS signs: right before it is sent, once, and nothing without credentials."""

from __future__ import annotations

from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from sms_tracker.aws.json_client import Credentials
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse, SigningScope
from sms_tracker.wiring import SignedHttp

NOON = 1769860800.0
SEND = HttpRequest(
    "POST",
    "https://sms-voice.eu-west-1.amazonaws.com/",
    {"content-type": "application/x-amz-json-1.0", "x-amz-target": "PinpointSMSVoiceV2.SendTextMessage"},
    b"{}",
    SigningScope("eu-west-1", "sms-voice"),
)


@dataclass
class Http:
    """Remembers what it is given, and answers 500."""

    seen: list[tuple[HttpRequest, float]] = field(default_factory=list)

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        self.seen.append((request, timeout))
        return HttpResponse(500)


def known() -> Credentials:
    return Credentials("AKIAEXAMPLE", "example", "example-session-token")


def none() -> Credentials:
    raise Unavailable("credentials: NoCredentialsError")


def test_what_names_a_scope_is_signed_as_botocore_signs_it() -> None:
    http = Http()
    SignedHttp(http, known, lambda: NOON)(SEND, timeout=7.0)

    ((request, timeout),) = http.seen
    expected = AWSRequest("POST", request.url, {**SEND.headers, "host": "sms-voice.eu-west-1.amazonaws.com"}, SEND.body)
    signer = SigV4Auth(BotocoreCredentials("AKIAEXAMPLE", "example", "example-session-token"), "sms-voice", "eu-west-1")
    expected.headers["X-Amz-Security-Token"] = "example-session-token"
    expected.headers["X-Amz-Date"] = expected.context["timestamp"] = "20260131T120000Z"
    signature = signer.signature(signer.string_to_sign(expected, signer.canonical_request(expected)), expected)
    assert request.headers["authorization"].endswith(f"Signature={signature}")
    assert request.headers["x-amz-date"] == "20260131T120000Z"
    assert (request.url, request.body, timeout) == (SEND.url, SEND.body, 7.0)


def test_a_failed_call_is_not_made_again_and_a_port_is_part_of_what_is_signed() -> None:
    http = Http()
    local = HttpRequest("POST", "http://127.0.0.1:9999/", SEND.headers, b"{}", SEND.sign_for)

    assert SignedHttp(http, known)(local, timeout=7.0) == HttpResponse(500)
    ((request, _),) = http.seen
    assert request.headers["host"] == "127.0.0.1:9999"


def test_without_credentials_nothing_is_sent_but_what_needs_none() -> None:
    http, plain = Http(), HttpRequest("GET", "https://api.example.com/messages/1", {"authorization": "Basic x"})

    refused = NoResponse(written=False, reason="credentials: NoCredentialsError")
    assert SignedHttp(http, none)(SEND, timeout=7.0) == refused
    SignedHttp(http, none)(plain, timeout=7.0)
    assert http.seen == [(plain, 7.0)]
