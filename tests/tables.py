"""The tables of template.yaml on moto, with its key schema and indexes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from boto3.session import Session
from botocore.config import Config
from moto import mock_aws
from types_boto3_dynamodb import DynamoDBClient

from tests.unit.template_stack import source

_SCHEMA = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")


def client(endpoint: str | None = None) -> DynamoDBClient:
    """A client for use under moto: dummy credentials, no retries."""
    made: DynamoDBClient = session().client(
        "dynamodb",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    return made


@cache
def session() -> Session:
    """A shared session, which reads the service descriptions once."""
    return Session(region_name="eu-west-1")


def create(dynamodb: DynamoDBClient, resource: str, name: str, *, with_stream: bool = False) -> str:
    """Create the template's table ``resource`` with the name ``name``."""
    declared = source()["Resources"][resource]["Properties"]
    schema: dict[str, Any] = {key: declared[key] for key in _SCHEMA if key in declared}
    if with_stream:
        schema["StreamSpecification"] = {"StreamEnabled": True, **declared["StreamSpecification"]}
    dynamodb.create_table(TableName=name, **schema)
    return name


def create_both(dynamodb: DynamoDBClient) -> None:
    """Create the template's tables as ``messages`` and ``state``."""
    create(dynamodb, "MessagesTable", "messages")
    create(dynamodb, "StateTable", "state")


@contextmanager
def messages_table() -> Iterator[tuple[DynamoDBClient, str]]:
    """An empty ``messages`` table and a client of it."""
    with mock_aws():
        dynamodb = client()
        yield dynamodb, create(dynamodb, "MessagesTable", "messages")
