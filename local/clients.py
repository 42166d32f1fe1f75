"""boto3 clients for the emulator, independent of the user's AWS settings."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Final

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
_SERVICES = {"apigateway": "apigatewayv2", "functions": "lambda", "streams": "dynamodbstreams"}
"""The clients with another name than their service."""


def _session() -> boto3.Session:
    """A session that ignores the user's environment variables and files."""
    variables = {
        name: (key, None, default, convert)
        for name, (key, _env, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    variables["config_file"] = (None, None, "/dev/null", None)
    variables["credentials_file"] = (None, None, "/dev/null", None)
    return boto3.Session(
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
        region_name=REGION,
        botocore_session=botocore.session.Session(session_vars=variables),
    )


class Clients:
    """The emulator's clients by attribute, each created on first use."""

    apigateway: ApiGatewayV2Client
    cloudformation: CloudFormationClient
    dynamodb: DynamoDBClient
    events: EventBridgeClient
    functions: LambdaClient
    logs: CloudWatchLogsClient
    s3: S3Client
    sns: SNSClient
    sqs: SQSClient
    ssm: SSMClient
    cloudwatch: Any
    scheduler: Any
    streams: Any
    """DynamoDB Streams. These three are used by checks alone, without type stubs."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._session, self._creating = _session(), Lock()
        self._config = Config(connect_timeout=5, read_timeout=60, max_pool_connections=32, proxies={})

    def __getattr__(self, name: str) -> Any:
        """Create the client of a declared attribute."""
        if name not in type(self).__annotations__:
            raise AttributeError(name)
        service: Any = _SERVICES.get(name, name)
        with self._creating:  # a session creates no two clients at the same time
            if name not in vars(self):
                client = self._session.client(service, endpoint_url=self.endpoint, config=self._config)
                setattr(self, name, client)
        return vars(self)[name]

    def close(self) -> None:
        """Close every connection."""
        for value in vars(self).values():
            if isinstance(value, BaseClient):
                value.close()
