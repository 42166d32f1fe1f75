"""API keys: found by their hash alone."""

from __future__ import annotations

import boto3
import pytest
from types_boto3_dynamodb import DynamoDBClient

from ops.api_keys import new_key
from sms_tracker.aws.clients import calling
from sms_tracker.aws.keys import ApiKey, KeyStore, key_id
from sms_tracker.domain.errors import Unavailable
from tests import tables
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal


@pytest.fixture
def dynamodb(aws: None) -> DynamoDBClient:  # noqa: ARG001  # moto is under the client
    client: DynamoDBClient = boto3.client("dynamodb")
    tables.create(client, "StateTable", "state")
    return client


def issued(dynamodb: DynamoDBClient, client: str, *scopes: str, expires_at: int | None = None) -> str:
    """A key as `make api-key` makes it."""
    key, item = new_key(client, scopes, expires_at=expires_at)
    dynamodb.put_item(TableName="state", Item=item)
    return key


def test_a_key_is_found_with_its_client_and_scopes(dynamodb: DynamoDBClient) -> None:
    key = issued(dynamodb, "shop", "send", "read")

    assert KeyStore(calling(dynamodb), "state").find(key) == ApiKey("shop", frozenset({"send", "read"}))


def test_an_expired_key_is_returned_with_its_expiry(dynamodb: DynamoDBClient) -> None:
    key = issued(dynamodb, "shop", "read", expires_at=1_700_000_000)

    assert KeyStore(calling(dynamodb), "state").find(key) == ApiKey("shop", frozenset({"read"}), 1_700_000_000)


def test_a_client_may_have_several_keys_while_one_is_replaced(dynamodb: DynamoDBClient) -> None:
    keys = [issued(dynamodb, "shop", scope) for scope in ("send", "read")]
    found = [KeyStore(calling(dynamodb), "state").find(key) for key in keys]

    assert [each.scopes for each in found if each] == [{"send"}, {"read"}]


@pytest.mark.parametrize("key", ["", "smst_unknown", "ünï", "\udcff", "x" * 10_000])
def test_a_key_that_was_never_issued_is_not_found(dynamodb: DynamoDBClient, key: str) -> None:
    issued(dynamodb, "shop", "read")

    assert KeyStore(calling(dynamodb), "state").find(key) is None


def test_a_stored_hash_is_no_key(dynamodb: DynamoDBClient) -> None:
    key = issued(dynamodb, "shop", "read")

    assert KeyStore(calling(dynamodb), "state").find(key_id(key)) is None
    assert KeyStore(calling(dynamodb), "state").find(key_id(key).removeprefix("key#")) is None


def test_a_lookup_is_one_call_that_does_not_carry_the_key(dynamodb: DynamoDBClient) -> None:
    key = issued(dynamodb, "shop", "read")
    recorder = CallRecorder(dynamodb)

    KeyStore(calling(dynamodb), "state").find(key)

    assert recorder.names == ["GetItem"]
    assert key not in str(recorder.calls)


@pytest.mark.parametrize("error", [UNREACHABLE, refusal("ThrottlingException")])
def test_a_table_that_cannot_be_read_is_unavailable(dynamodb: DynamoDBClient, error: Exception) -> None:
    CallRecorder(dynamodb, error=error)

    with pytest.raises(Unavailable, match=r"^GetItem: \w+$"):
        KeyStore(calling(dynamodb), "state").find("smst_any")
