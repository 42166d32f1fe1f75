"""boto3 clients with the time-outs and retries that each caller can afford."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sms_tracker.aws.api import Api, failure

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
@overload
def client(service: str, *, timeout: float = ..., attempts: int = ...) -> Any: ...
def client(service: str, *, timeout: float = 2.0, attempts: int = 3) -> object:
    """A client that gives up after ``attempts`` calls of at most ``timeout`` seconds each."""
    connect = min(timeout / 2, 1.0)
    config = Config(
        connect_timeout=connect,
        read_timeout=timeout - connect,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]  # one name for every service


def api(service: str, *, timeout: float = 2.0, attempts: int = 3) -> Api:
    """The same, as the one call that the rest of aws/ uses."""
    return calling(client(service, timeout=timeout, attempts=attempts))


def calling(client: Any) -> Api:
    """A boto3 client as that one call."""

    def call(operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            item: Any = error.response.get("Item")  # DynamoDB's, of a condition that failed
            raise failure(operation, code, item) from error
        except BotoCoreError as error:
            raise failure(operation, type(error).__name__) from error
        return answer

    return call
