"""The lean client's AWS on moto, which by itself stands in front of boto3 alone: in memory, or as an endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from sms_tracker.aws.http1 import Answer
from sms_tracker.aws.lean import Lean
from sms_tracker.aws.sigv4 import Credentials

REGION = "eu-west-1"
_SERVICES = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}
_alone = Lock()  # moto loses updates under threads


def ask(headers: Mapping[str, str], body: bytes) -> Answer:
    """What moto answers to a call, wherever it was sent."""
    service = _SERVICES[headers["x-amz-target"].partition(".")[0]]
    url = f"https://{service}.{REGION}.amazonaws.com/"
    with _alone:
        answered = botocore_stubber.process_request(
            AWSPreparedRequest("POST", url, HTTPHeaders.from_dict(headers), body, stream_output=False)
        )
    assert answered is not None
    status, names, content = answered
    encoded = content.encode() if isinstance(content, str) else content
    return Answer(status, {name.lower(): str(value) for name, value in names.items()}, encoded)


def lean(service: str) -> Lean:
    """A client without a network, for use under moto; it does not wait between its tries."""
    credentials = Credentials("test", "test")
    return Lean(service, REGION, "memory", ask, credentials=lambda: credentials, sleep=lambda _: None)


class _Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # as the base class names it
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = ask(headers, self.rfile.read(int(headers["content-length"])))
        self.send_response(answer.status)
        kept = {name: value for name, value in answer.headers.items() if name not in {"content-length", "date"}}
        for name, value in {**kept, "content-length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Say nothing: what is on stdout is the function's own."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # clients keep their connections open


@contextmanager
def serving() -> Iterator[str]:
    """The URL of an endpoint for every service, for AWS_ENDPOINT_URL."""
    with _Server(("127.0.0.1", 0), _Endpoint) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
