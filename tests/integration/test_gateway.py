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


def test_a_request_is_what_the_sender_wrote() -> None:
    made = request(event(rawQueryString="b=%5B1%5D&a=&a=2+3", headers={"Content-Type": "text/plain"}, body="hello"))

    assert made == HttpRequest("POST", "/webhooks/twilio?b=%5B1%5D&a=&a=2+3", {"content-type": "text/plain"}, b"hello")


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


def test_header_names_are_lower_cased_and_repeated_values_kept_as_the_gateway_joins_them() -> None:
    made = request(event(headers={"X-Twilio-Signature": "one,two", "IDEMPOTENCY-KEY": "Ab"}))

    assert made.headers == {"x-twilio-signature": "one,two", "idempotency-key": "Ab"}


def test_the_host_header_has_no_part_in_the_url() -> None:
    assert request(event(headers={"host": "evil.example"})).url == "/webhooks/twilio"


def test_the_caller_comes_from_the_authorizers_context() -> None:
    context = {"authorizer": {"lambda": {"client": "shop", "scopes": "read send"}}}

    assert caller({"requestContext": context}) == Caller("shop", frozenset({"read", "send"}))


def test_a_key_without_scopes_may_do_nothing() -> None:
    context = {"authorizer": {"lambda": {"client": "shop", "scopes": ""}}}

    assert caller({"requestContext": context}).scopes == frozenset()


def test_an_answer_is_json_with_its_headers() -> None:
    made = response(202, {"text": "grüezi 👋"}, {"location": "/messages/1"})

    assert json.loads(made["body"]) == {"text": "grüezi 👋"}
    assert (made["statusCode"], made["headers"]) == (202, {"location": "/messages/1"})


def test_a_text_is_answered_as_it_is() -> None:
    assert response(200, "<!doctype html>")["body"] == "<!doctype html>"


def test_an_answer_without_a_body_is_empty() -> None:
    assert response(204) == {"statusCode": 204, "headers": {}, "body": ""}
