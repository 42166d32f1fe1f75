"""The template's tables and the stream that is read from one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.template_stack import stack

TABLES = ["MessagesTable", "StateTable"]
INDEXES = {
    "by_recipient": (["to", "created_at"], {"ProjectionType": "KEYS_ONLY"}),
    "by_reference": (["client_reference", "created_at"], {"ProjectionType": "KEYS_ONLY"}),
    "by_provider_id": (["provider_key"], {"ProjectionType": "KEYS_ONLY"}),
    "by_time": (["time_shard", "created_at"], {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["client"]}),
    "by_attention": (["attention", "due_at"], {"ProjectionType": "KEYS_ONLY"}),
}


def properties(name: str, **parameters: str) -> Mapping[str, Any]:
    return stack(**parameters).properties(name)


def keys(schema: list[Mapping[str, str]]) -> list[str]:
    assert [each["KeyType"] for each in schema] == ["HASH", "RANGE"][: len(schema)]
    return [each["AttributeName"] for each in schema]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_survives_the_stack_and_its_own_mistakes(table: str) -> None:
    attributes = stack().resources[table].attributes
    assert attributes["DeletionPolicy"] == attributes["UpdateReplacePolicy"] == "Retain"
    assert properties(table)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties(table, Environment="prod")["DeletionProtectionEnabled"] is True
    assert properties(table, Environment="dev")["DeletionProtectionEnabled"] is False
    assert "TableName" not in properties(table)  # a kept table must not stand in a new stack's way


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_encrypted_with_the_key_that_costs_nothing_and_forgets_on_time(table: str) -> None:
    # Without SSESpecification the key is DynamoDB's own. KMS bills the use of any other: "DynamoDB encryption at rest".
    assert "SSESpecification" not in properties(table)
    assert properties(table)["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties(table)["BillingMode"] == "PAY_PER_REQUEST"


def test_messages_are_found_by_every_index_from_the_first_deployment_on() -> None:
    declared = properties("MessagesTable")["GlobalSecondaryIndexes"]
    assert {index["IndexName"]: (keys(index["KeySchema"]), index["Projection"]) for index in declared} == INDEXES


def test_the_tables_keys_are_declared_as_text_and_nothing_else_is() -> None:
    messages, state = properties("MessagesTable"), properties("StateTable")
    indexed = {key for names, _ in INDEXES.values() for key in names}
    assert keys(messages["KeySchema"]) == ["message_id"]
    assert keys(state["KeySchema"]) == ["pk"]
    assert {each["AttributeName"] for each in messages["AttributeDefinitions"]} == {"message_id", *indexed}
    assert {each["AttributeType"] for each in messages["AttributeDefinitions"]} == {"S"}
    (by_change,) = state["GlobalSecondaryIndexes"]
    indexed = {"pk", *keys(by_change["KeySchema"])}
    assert {(each["AttributeName"], each["AttributeType"]) for each in state["AttributeDefinitions"]} == {
        (name, "S") for name in indexed
    }


def test_only_messages_have_a_stream_and_it_shows_before_and_after() -> None:
    assert properties("MessagesTable")["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert "StreamSpecification" not in properties("StateTable")


def test_the_stream_is_read_from_its_beginning_and_a_poisonous_change_is_put_aside_while_it_is_still_there() -> None:
    mapping = properties("PublisherFunctionChanges")
    assert (mapping["EventSourceArn"], mapping["FunctionName"]) == ("MessagesTable.StreamArn", "PublisherFunction")
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 0 < mapping["MaximumRecordAgeInSeconds"] <= 12 * 3600  # the stream forgets after 24 h
    assert 0 < mapping["MaximumRetryAttempts"] <= 10_000
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": "PublishFailedQueue.Arn"}}
