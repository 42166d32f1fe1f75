"""boto3 clients for the emulator, independent of the user's AWS settings."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

if TYPE_CHECKING:
    from types_boto3_apigatewayv2 import ApiGatewayV2Client
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

REGION: Final = "eu-central-1"
ROOT_KEY = "test"
"""The emulator's root user, which no policy restricts."""


def _session() -> boto3.Session:
    """A session that ignores the user's environment variables and files."""
    variables = {name: (key, None, default, convert) for name, (key, _env, default, convert) in _VARIABLES.items()}
    variables["config_file"] = (None, None, "/dev/null", None)
    variables["credentials_file"] = (None, None, "/dev/null", None)
    return boto3.Session(
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
        region_name=REGION,
        botocore_session=botocore.session.Session(session_vars=variables),
    )


_VARIABLES = BOTOCORE_DEFAUT_SESSION_VARIABLES


class Clients:
    """One client for each service, created on first use."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._session = _session()
        self._config = Config(connect_timeout=5, read_timeout=60, max_pool_connections=32, proxies={})

    def close(self) -> None:
        """Close every connection."""
        for made in vars(self).values():
            if isinstance(made, BaseClient):
                made.close()

    def _client(self, service: Any) -> object:
        return self._session.client(service, endpoint_url=self.endpoint, config=self._config)

    @cached_property
    def apigateway(self) -> ApiGatewayV2Client:
        return cast("ApiGatewayV2Client", self._client("apigatewayv2"))

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return cast("CloudFormationClient", self._client("cloudformation"))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self._client("dynamodb"))

    @cached_property
    def events(self) -> EventBridgeClient:
        return cast("EventBridgeClient", self._client("events"))

    @cached_property
    def functions(self) -> LambdaClient:
        return cast("LambdaClient", self._client("lambda"))

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        return cast("CloudWatchLogsClient", self._client("logs"))

    @cached_property
    def s3(self) -> S3Client:
        return cast("S3Client", self._client("s3"))

    @cached_property
    def sns(self) -> SNSClient:
        return cast("SNSClient", self._client("sns"))

    @cached_property
    def sqs(self) -> SQSClient:
        return cast("SQSClient", self._client("sqs"))

    @cached_property
    def ssm(self) -> SSMClient:
        return cast("SSMClient", self._client("ssm"))

    @cached_property
    def streams(self) -> Any:
        """DynamoDB Streams; only the chaos suite reads them, without type stubs."""
        return self._client("dynamodbstreams")
