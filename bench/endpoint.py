"""HTTPS endpoints on the loopback that stand in for AWS and the providers, with keep-alive; every call is recorded."""

from __future__ import annotations

import json
import ssl
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import certifi
from cryptography.hazmat.primitives.asymmetric import rsa

from local.process import LOCALHOST
from tests.certificates import issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: ``service`` is dynamodb, sqs, ssm, events, sns or provider."""

    service: str
    operation: str
    body: Mapping[str, Any]
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; ``kind`` is its content type."""

    body: bytes
    status: int = 200
    kind: str = "application/x-amz-json-1.0"


def answered(body: Mapping[str, Any], status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(body, separators=(",", ":")).encode(), status)


Respond = Callable[[Call], Answer]


@dataclass
class Endpoint:
    """A running server; ``calls`` are the requests since the last ``take``."""

    respond: Respond
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def take(self) -> list[Call]:
        """Return the calls so far and clear them."""
        calls, self.calls = self.calls, []
        return calls


_SERVICES = {"DynamoDB": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm", "AWSEvents": "events"}


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive as on AWS."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # the answer is sent in one piece
    timeout = 60
    endpoint: ClassVar[Endpoint]

    def do_POST(self) -> None:  # as the base class names it
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        call = self._call(body)
        self.endpoint.calls.append(call)
        answer = self.endpoint.respond(call)
        self.send_response(answer.status)
        self.send_header("content-type", answer.kind)
        self.send_header("content-length", str(len(answer.body)))
        self.send_header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
        self.send_header("x-amz-crc32", str(zlib.crc32(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST  # noqa: N815  # as the base class names it

    def _call(self, body: bytes) -> Call:
        target, _, operation = self.headers.get("x-amz-target", "").partition(".")
        service = _SERVICES.get(target.partition("_")[0], "")
        if service:
            fields = json.loads(body)
        else:  # SNS uses the query protocol; the providers have their own
            fields = dict(parse_qsl(body.decode())) if b"=" in body and not body.startswith(b"{") else {}
            operation = fields.get("Action", self.path)
            service = "sns" if "Action" in fields else "provider"
        return Call(service=service, operation=operation, body=fields, body_bytes=len(body))

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Ignore closed connections: each function's process ends with its connections open."""


@contextmanager
def serving(*responders: Respond) -> Iterator[tuple[list[Endpoint], Path]]:
    """One server for each responder, and the file of authorities for their clients.

    The certificate is RSA with 2048 bits, as AWS's are. The file also holds the public authorities: a cold start
    reads them all.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authorities, context = issue(folder, LOCALHOST, rsa.generate_private_key(public_exponent=65537, key_size=2048))
        authorities.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + authorities.read_bytes())
        yield [stack.enter_context(_serve(respond, context)) for respond in responders], authorities


@contextmanager
def _serve(respond: Respond, context: ssl.SSLContext) -> Iterator[Endpoint]:
    endpoint = Endpoint(respond)
    handler = type("Handler", (_Handler,), {"endpoint": endpoint})
    with _Server((LOCALHOST, 0), handler) as server:
        # Each connection's own thread does the handshake, so that no client delays another.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        endpoint.url = f"https://{LOCALHOST}:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()
