"""boto3 clients with the time-outs and retries that each caller can afford."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient


@overload
def client(service: Literal["dynamodb"], *, timeout: float = ..., attempts: int = ...) -> DynamoDBClient: ...
@overload
def client(service: Literal["sqs"], *, timeout: float = ..., attempts: int = ...) -> SQSClient: ...
@overload
def client(service: Literal["ssm"], *, timeout: float = ..., attempts: int = ...) -> SSMClient: ...
@overload
def client(service: Literal["events"], *, timeout: float = ..., attempts: int = ...) -> EventBridgeClient: ...
@overload
def client(service: Literal["sns"], *, timeout: float = ..., attempts: int = ...) -> SNSClient: ...
def client(service: str, *, timeout: float = 2.0, attempts: int = 3) -> object:
    """A client that gives up after ``attempts`` calls of at most ``timeout`` seconds each."""
    connect = min(timeout / 2, 1.0)
    config = Config(
        connect_timeout=connect,
        read_timeout=timeout - connect,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # one name for five services
