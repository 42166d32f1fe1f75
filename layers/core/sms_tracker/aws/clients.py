"""boto3 clients with time-outs and retries chosen by each caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sms_tracker.aws.api import CONDITION_FAILED, Api, failure

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

    from sms_tracker.domain.ports import CallFailed


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


def api(service: str, *, timeout: float = 2.0, attempts: int = 3, failed: CallFailed | None = None) -> Api:
    """A boto3 client as an :class:`sms_tracker.aws.api.Api`; ``failed`` is called for each failed try."""
    made: Any = client(service, timeout=timeout, attempts=attempts)
    if failed is not None:
        _report_failed_tries(made, failed)
    return calling(made)


_FAILED_TRIES = "failed_tries"
"""The key of the failed tries in botocore's context of one call."""


def _report_failed_tries(client: Any, failed: CallFailed) -> None:
    """Call ``failed`` for each failed try of a call, when the call has ended."""

    def received(parsed_response: Any, exception: Exception | None, context: dict[str, Any], **_: object) -> None:
        error = {"Code": type(exception).__name__} if exception else parsed_response.get("Error", {})
        if _is_failure(error):
            status = None if exception else parsed_response["ResponseMetadata"]["HTTPStatusCode"]
            context.setdefault(_FAILED_TRIES, []).append((error.get("Code"), status))

    def answered(model: Any, parsed: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
        report(model.name, context, gave_up=_is_failure(parsed.get("Error", {})))

    def unanswered(event_name: str, context: dict[str, Any], **_: object) -> None:
        report(event_name.rpartition(".")[2], context, gave_up=True)

    def report(operation: str, context: dict[str, Any], *, gave_up: bool) -> None:
        tries = context.pop(_FAILED_TRIES, [])
        for attempt, (code, status) in enumerate(tries, 1):
            again = not (gave_up and attempt == len(tries))
            failed(operation, attempt=attempt, code=code, status=status, again=again)

    client.meta.events.register("response-received", received)
    client.meta.events.register("after-call", answered)
    client.meta.events.register("after-call-error", unanswered)


def _is_failure(error: Mapping[str, Any]) -> bool:
    return bool(error) and error.get("Code") != CONDITION_FAILED


def calling(client: Any) -> Api:
    """A boto3 client as an :class:`sms_tracker.aws.api.Api`."""

    def call(operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            item: Any = error.response.get("Item")  # DynamoDB's, if a condition failed
            raise failure(operation, code, item) from error
        except BotoCoreError as error:
            raise failure(operation, type(error).__name__) from error
        return answer

    return call
