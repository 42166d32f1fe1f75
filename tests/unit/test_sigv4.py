"""Our signatures against botocore's own signer, which is the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_tracker.aws.json_client import Credentials, sign

pytestmark = pytest.mark.no_cover  # other tests cover what it uses

# Whatever a header's value may be without spaces at its ends or doubled, which no header of ours has.
WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
VALUES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
NAMES = st.from_regex(r"x-[a-z0-9][a-z0-9-]{0,20}", fullmatch=True).filter(
    lambda name: name not in {"x-amz-date", "x-amz-security-token", "x-amzn-trace-id"}
)
HOSTS = st.sampled_from(["sqs.eu-west-1.amazonaws.com", "dynamodb.cn-north-1.amazonaws.com.cn", "127.0.0.1:4566"])
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat().translate({ord("-"): "", ord(":"): ""})[:15] + "Z")
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
TEXTS = st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
BODIES = st.just(b"") | st.binary(max_size=300) | TEXTS


class At(SigV4Auth):
    """Botocore's signer at a time of our choice: it reads the clock in the one method that is not used here."""

    def signed(self, request: AWSRequest, at: str) -> AWSRequest:
        request.context["timestamp"] = at
        self._modify_request_before_signing(request)  # type: ignore[attr-defined]  # the stubs lack it
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))  # type: ignore[attr-defined]  # likewise
        return request


def by_botocore(
    credentials: Credentials, service: str, region: str, headers: Mapping[str, str], body: bytes, at: str
) -> dict[str, Any]:
    request = AWSRequest(method="POST", url=f"https://{headers['host']}/", headers=dict(headers), data=body)
    known = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    signed = At(known, service, region).signed(request, at)
    return {name.lower(): value for name, value in signed.headers.items()}


@settings(max_examples=400)
@given(
    credentials=st.builds(Credentials, KEYS, KEYS, st.none() | KEYS),
    service=st.sampled_from(["sqs", "dynamodb", "ssm"]),
    region=st.sampled_from(["eu-west-1", "us-gov-west-1", "cn-north-1"]),
    host=HOSTS,
    further=st.dictionaries(NAMES, VALUES, max_size=4),
    body=BODIES,
    at=MOMENTS,
)
def test_every_request_is_signed_as_botocore_signs_it(  # noqa: PLR0913  # all that goes into a signature
    *, credentials: Credentials, service: str, region: str, host: str, further: dict[str, str], body: bytes, at: str
) -> None:
    headers = {"host": host, "content-type": "application/x-amz-json-1.0", "x-amz-target": "Service.Do", **further}
    ours = sign(headers, body, credentials, service=service, region=region, at=at)
    assert ours == by_botocore(credentials, service, region, headers, body, at)


@given(st.lists(st.tuples(KEYS, MOMENTS), min_size=2, max_size=6), st.data())
def test_kept_signing_keys_follow_every_change_of_key_and_day(
    turns: list[tuple[str, str]], data: st.DataObject
) -> None:
    headers = {"host": "sqs.eu-west-1.amazonaws.com"}
    again = [*turns, *data.draw(st.permutations(turns))]

    for secret, at in again:
        credentials = Credentials("AKIA", secret)
        expected = by_botocore(credentials, "sqs", "eu-west-1", headers, b"{}", at)
        assert sign(headers, b"{}", credentials, service="sqs", region="eu-west-1", at=at) == expected


def test_a_token_that_came_with_a_line_break_is_sent_as_it_is_signed() -> None:
    credentials = Credentials("AKIA", "secret", "token\n")
    signed = sign({"host": "h"}, b"", credentials, service="sqs", region="eu-west-1", at="20260131T120000Z")
    assert signed["x-amz-security-token"] == "token"


def test_no_secret_shows_in_a_representation() -> None:
    assert repr(Credentials("AKIA", "the-secret", "the-token")) == "Credentials(access_key='AKIA')"
