"""API Gateway's events as requests, our answers as its responses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.aws.gateway import caller, request, response
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import Caller, HttpRequest


def event(**values: Any) -> dict[str, Any]:
    context = {"http": {"method": "POST", "path": "/webhooks/twilio"}}
    return {"version": "2.0", "rawPath": "/webhooks/twilio", "rawQueryString": "", "requestContext": context, **values}


def test_a_request_is_what_the_sender_wrote_with_header_names_in_lower_case_whatever_its_host() -> None:
    headers = {"X-Twilio-Signature": "one,two", "IDEMPOTENCY-KEY": "Ab", "host": "evil.example"}
    made = request(event(rawQueryString="b=%5B1%5D&a=&a=2+3", headers=headers, body="hello"))

    lower = {"x-twilio-signature": "one,two", "idempotency-key": "Ab", "host": "evil.example"}
    assert made == HttpRequest("POST", "/webhooks/twilio?b=%5B1%5D&a=&a=2+3", lower, b"hello")


def test_a_request_without_query_headers_or_body_is_just_that() -> None:
    bare = event()
    del bare["rawQueryString"]

    assert request(bare) == HttpRequest("POST", "/webhooks/twilio", {}, b"")


@pytest.mark.parametrize("body", [None, ""])
@pytest.mark.parametrize("encoded", [True, False])
def test_an_absent_body_is_an_empty_one(body: str | None, encoded: bool) -> None:  # noqa: FBT001  # a parameter of the test
    assert request(event(body=body, isBase64Encoded=encoded)).body == b""


@given(st.binary())
def test_a_base64_body_is_every_byte_of_what_was_sent(body: bytes) -> None:
    assert request(event(body=base64.b64encode(body).decode(), isBase64Encoded=True)).body == body


@given(st.text())
def test_a_text_body_is_utf_8(body: str) -> None:
    assert request(event(body=body, isBase64Encoded=False)).body == body.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("body", ["not base64!", "abc", "ünï", "YWJj\n"])
def test_a_body_that_is_not_the_base64_it_claims_to_be_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable, match="not base64"):
        request(event(body=body, isBase64Encoded=True))


@pytest.mark.parametrize(("scopes", "granted"), [("read send", {"read", "send"}), ("", set())])
def test_the_caller_comes_from_the_authorizers_context(scopes: str, granted: set[str]) -> None:
    context = {"authorizer": {"lambda": {"client": "shop", "scopes": scopes}}}

    assert caller({"requestContext": context}) == Caller("shop", frozenset(granted))


def test_an_answer_is_json_a_text_or_nothing_with_its_headers() -> None:
    made = response(202, {"text": "grüezi 👋"}, {"location": "/messages/1"})

    assert json.loads(made["body"]) == {"text": "grüezi 👋"}
    assert (made["statusCode"], made["headers"]) == (202, {"location": "/messages/1"})
    assert response(200, "<!doctype html>")["body"] == "<!doctype html>"
    assert response(204) == {"statusCode": 204, "headers": {}, "body": ""}
