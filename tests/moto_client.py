"""Runs the project's AWS client on moto, which only intercepts boto3."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from sms_tracker.aws.connections import Answer, Endpoint
from sms_tracker.aws.json_client import Credentials, JsonClient

REGION = "eu-west-1"
_SERVICES = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}
_alone = Lock()  # moto loses updates under threads


def ask(headers: Mapping[str, str], body: bytes) -> Answer:
    """Moto's answer to a call."""
    service = _SERVICES[headers["x-amz-target"].partition(".")[0]]
    url = f"https://{service}.{REGION}.amazonaws.com/"
    with _alone:
        answered = botocore_stubber.process_request(
            AWSPreparedRequest("POST", url, HTTPHeaders.from_dict(headers), body, stream_output=False)
        )
    assert answered is not None
    status, names, content = answered
    encoded = content.encode() if isinstance(content, str) else content
    return Answer(status, {name.lower().encode(): str(value).encode() for name, value in names.items()}, encoded)


def json_client(service: str) -> JsonClient:
    """A client without a network, for use under moto; it does not wait between tries."""
    credentials = Credentials("test", "test")
    return JsonClient(
        service, Endpoint(REGION, "memory", 443), ask, credentials=lambda: credentials, sleep=lambda _: None
    )
