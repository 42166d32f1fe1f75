"""API keys: found by their hash alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from types_boto3_dynamodb import DynamoDBClient

from ops.api_keys import new_key
from sms_tracker.aws.clients import calling
from sms_tracker.aws.gateway import ApiKey, KeyStore, key_id
from sms_tracker.domain.errors import Unavailable
from tests.call_recorder import UNREACHABLE, CallRecorder, refusal

Find = Callable[[str], ApiKey | None]


@pytest.fixture
def find(dynamodb: DynamoDBClient) -> Find:
    return KeyStore(calling(dynamodb), "state").find


def issued(dynamodb: DynamoDBClient, client: str, *scopes: str, expires_at: int | None = None) -> str:
    """A key as `make api-key` makes it."""
    key, item = new_key(client, scopes, expires_at=expires_at)
    dynamodb.put_item(TableName="state", Item=item)
    return key


@pytest.mark.parametrize("expires_at", [None, 1_700_000_000])
def test_a_key_is_found_with_its_client_scopes_and_expiry(
    dynamodb: DynamoDBClient, find: Find, expires_at: int | None
) -> None:
    key = issued(dynamodb, "shop", "send", "read", expires_at=expires_at)

    assert find(key) == ApiKey("shop", frozenset({"send", "read"}), expires_at)


def test_a_client_may_have_several_keys_while_one_is_replaced(dynamodb: DynamoDBClient, find: Find) -> None:
    found = [find(issued(dynamodb, "shop", scope)) for scope in ("send", "read")]

    assert [each.scopes for each in found if each] == [{"send"}, {"read"}]


@pytest.mark.parametrize("key", ["", "smst_unknown", "ünï", "\udcff", "x" * 10_000])
def test_a_key_that_was_never_issued_is_not_found_nor_a_stored_hash(
    dynamodb: DynamoDBClient, find: Find, key: str
) -> None:
    stored = key_id(issued(dynamodb, "shop", "read"))

    assert [find(each) for each in (key, stored, stored.removeprefix("key#"))] == [None] * 3


def test_a_lookup_is_one_call_that_does_not_carry_the_key(dynamodb: DynamoDBClient, find: Find) -> None:
    key = issued(dynamodb, "shop", "read")
    recorder = CallRecorder(dynamodb)

    find(key)

    assert recorder.names == ["GetItem"]
    assert key not in str(recorder.calls)


@pytest.mark.parametrize("error", [UNREACHABLE, refusal("ThrottlingException")])
def test_a_table_that_cannot_be_read_is_unavailable(dynamodb: DynamoDBClient, find: Find, error: Exception) -> None:
    CallRecorder(dynamodb, error=error)

    with pytest.raises(Unavailable, match=r"^GetItem: \w+$"):
        find("smst_any")
