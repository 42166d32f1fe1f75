"""One case of bench.clients, in the process that is measured: it imports next to nothing before the clock starts."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Call = Callable[[], object]
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/reports"
SEND = {"QueueUrl": URL, "MessageBody": json.dumps({"v": 1, "fields": {f"Name{n}": "x" * 30 for n in range(12)}})}
UPDATE: dict[str, Any] = {
    "TableName": "messages",
    "Key": {"message_id": {"S": "7d2a2b1c-0000-4000-8000-000000000001"}},
    "UpdateExpression": "SET #status = :v0, #version = #version + :v1, #reports.#n6162 = :v2",
    "ConditionExpression": "attribute_exists(#message_id) AND #order < :v3",
    "ExpressionAttributeNames": {f"#{n}": n for n in ("status", "version", "reports", "message_id", "order")},
    "ExpressionAttributeValues": {
        ":v0": {"S": "delivered"},
        ":v1": {"N": "1"},
        ":v2": {"M": {"word": {"S": "delivered"}, "attempt": {"N": "1"}}},
        ":v3": {"N": "1221"},
    },
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
_WARM = 200


def _boto3() -> tuple[Call, Call]:
    import boto3  # noqa: PLC0415  # what is measured
    from botocore.config import Config  # noqa: PLC0415  # what is measured

    config = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
    sqs, dynamodb = boto3.client("sqs", config=config), None

    def update() -> object:
        nonlocal dynamodb
        dynamodb = dynamodb or boto3.client("dynamodb", config=config)
        return dynamodb.update_item(**UPDATE)

    return lambda: sqs.send_message(**SEND), update  # type: ignore[arg-type]  # plain JSON


def _botocore() -> tuple[Call, Call]:
    import botocore.session  # noqa: PLC0415  # what is measured
    from botocore.config import Config  # noqa: PLC0415  # what is measured

    session = botocore.session.get_session()
    config = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
    sqs: Any = session.create_client("sqs", config=config)
    dynamodb: Any = None

    def update() -> object:
        nonlocal dynamodb
        dynamodb = dynamodb or session.create_client("dynamodb", config=config)
        return dynamodb.update_item(**UPDATE)

    return lambda: sqs.send_message(**SEND), update


def _own() -> tuple[Call, Call]:
    from sms_tracker.aws.json_client import api  # noqa: PLC0415  # what is measured

    sqs, dynamodb = api("sqs", attempts=2), api("dynamodb", attempts=2)
    return lambda: sqs("SendMessage", **SEND), lambda: dynamodb("UpdateItem", **UPDATE)


def _head(host: str, target: str) -> dict[str, str]:
    """What a call says of itself, but for its length and its signature."""
    return {"host": host, "content-type": "application/x-amz-json-1.0", "x-amz-target": target}


def _calls(call: Callable[[str, str, dict[str, Any]], object]) -> tuple[Call, Call]:
    """Both calls by what takes a service, an operation's full name, and its arguments."""
    return (
        lambda: call("sqs", "AmazonSQS.SendMessage", SEND),
        lambda: call("dynamodb", "DynamoDB_20120810.UpdateItem", UPDATE),
    )


def _http_client() -> tuple[Call, Call]:
    """Our signer over the standard library's HTTP client, with neither retries nor checks."""
    from http.client import HTTPSConnection  # noqa: PLC0415  # what is measured
    from ssl import create_default_context  # noqa: PLC0415  # what is measured
    from urllib.parse import urlsplit  # noqa: PLC0415  # what is measured

    from sms_tracker.aws.sigv4 import Credentials, sign  # noqa: PLC0415  # what is measured

    place = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    trusted = create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    connection = HTTPSConnection(place.hostname or "", place.port, context=trusted)
    credentials = Credentials("test", "test")

    def call(service: str, target: str, document: dict[str, Any]) -> object:
        body, at = json.dumps(document).encode(), time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        head = _head(place.netloc, target)
        signed = sign(head, body, credentials, service=service, region="eu-west-1", at=at)
        connection.request("POST", "/", body, signed)
        return json.loads(connection.getresponse().read())

    return _calls(call)


def _awscrt() -> tuple[Call, Call]:
    from urllib.parse import urlsplit  # noqa: PLC0415  # what is measured

    place = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    sign, connect = _awscrt_signing(), _awscrt_connecting(place.hostname or "", place.port or 443)
    connections: list[Any] = []

    def call(service: str, target: str, document: dict[str, Any]) -> object:
        request = sign(service, _head(place.netloc, target), json.dumps(document).encode())
        if not connections:
            connections.append(connect())
        answer = bytearray()
        stream = connections[0].request(request, lambda **_: None, lambda chunk, **_: answer.extend(chunk))
        stream.activate()
        stream.completion_future.result()
        return json.loads(answer)

    return _calls(call)


def _awscrt_signing() -> Callable[[str, dict[str, str], bytes], Any]:
    import io  # noqa: PLC0415  # what is measured

    from awscrt import auth, http  # noqa: PLC0415  # what is measured

    provider = auth.AwsCredentialsProvider.new_static("test", "test")

    def sign(service: str, head: dict[str, str], body: bytes) -> Any:
        headers = http.HttpHeaders([*head.items(), ("content-length", str(len(body)))])
        request = http.HttpRequest("POST", "/", headers, io.BytesIO(body))
        signing = auth.AwsSigningConfig(
            algorithm=auth.AwsSigningAlgorithm.V4,
            signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=provider,
            region="eu-west-1",
            service=service,
        )
        auth.aws_sign_request(request, signing).result()
        return request

    return sign


def _awscrt_connecting(host: str, port: int) -> Callable[[], Any]:
    from awscrt import http, io  # noqa: PLC0415  # what is measured

    group = io.EventLoopGroup(1)
    bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
    options = io.TlsContextOptions()
    options.override_default_trust_store_from_path(None, os.environ["AWS_CA_BUNDLE"])
    tls = io.ClientTlsContext(options).new_connection_options()
    tls.set_server_name(host)
    return lambda: http.HttpClientConnection.new(host, port, bootstrap, tls_connection_options=tls).result()


CASES = {
    "boto3": _boto3,
    "botocore": _botocore,
    "awscrt": _awscrt,
    "own signer, http.client": _http_client,
    "own client": _own,
}


def measure(case: str) -> dict[str, float]:
    """CPU milliseconds in this process: to the end of the first SendMessage, then for each further call."""
    known = len(sys.modules)
    began = time.process_time()
    send, update = CASES[case]()
    send()
    first = time.process_time() - began
    modules = len(sys.modules) - known
    return {"first": first * 1000, "send": _warm(send), "update": _warm(update), "modules": modules}


def _warm(call: Call) -> float:
    for _ in range(20):
        call()
    began = time.process_time()
    for _ in range(_WARM):
        call()
    return (time.process_time() - began) / _WARM * 1000


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
