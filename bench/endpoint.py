"""An HTTPS endpoint on the loopback that stands in for AWS and the providers; every call is recorded."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import certifi
from cryptography.hazmat.primitives.asymmetric import rsa

from local.process import LOCALHOST
from tests.certificates import issue


@dataclass(frozen=True, slots=True)
class Call:
    """One request: ``service`` is DynamoDB, AmazonSQS, AmazonSSM, AWSEvents, SNS or provider."""

    service: str
    operation: str
    body: Mapping[str, Any]


Respond = Callable[[Call], Mapping[str, Any] | str]
"""The body of the response, as JSON or a text; the status is 200."""


@dataclass
class Endpoint:
    """A running server; ``calls`` are the requests since the last ``take``.

    ``authorities`` is a file for the clients with the public authorities too: a cold start reads them all.
    """

    respond: Respond
    authorities: Path
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def take(self) -> list[Call]:
        """Return the calls so far and clear them."""
        calls, self.calls = self.calls, []
        return calls


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive as on AWS."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # the answer is sent in one piece
    timeout = 60
    endpoint: ClassVar[Endpoint]

    def do_POST(self) -> None:  # as the base class names it
        call = self._call(self.rfile.read(int(self.headers.get("content-length") or 0)))
        self.endpoint.calls.append(call)
        body = self.endpoint.respond(call)
        answer = (body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(answer)))
        self.send_header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
        self.send_header("x-amz-crc32", str(zlib.crc32(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815  # as the base class names it

    def _call(self, body: bytes) -> Call:
        target, _, operation = self.headers.get("x-amz-target", "").partition(".")
        if target:
            return Call(target.partition("_")[0], operation, json.loads(body))
        # SNS uses the query protocol; the providers have their own.
        fields = dict(parse_qsl(body.decode())) if not body.startswith(b"{") else {}
        return Call("SNS" if "Action" in fields else "provider", fields.get("Action", self.path), fields)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Ignore closed connections: each function's process ends with its connections open."""


@contextmanager
def serving(respond: Respond) -> Iterator[Endpoint]:
    """A running server. Its certificate is RSA with 2048 bits, as AWS's are."""
    with tempfile.TemporaryDirectory() as folder:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        authorities, context = issue(Path(folder), LOCALHOST, key)
        authorities.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + authorities.read_bytes())
        endpoint = Endpoint(respond, authorities)
        with _Server((LOCALHOST, 0), type("Handler", (_Handler,), {"endpoint": endpoint})) as server:
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
