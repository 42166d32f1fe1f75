"""AWS and the providers as the functions reach them here: HTTPS, kept alive, on the loopback; every call recorded."""

from __future__ import annotations

import json
import ssl
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from threading import Lock, Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

LOCALHOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: ``service`` is dynamodb, sqs, ssm, events, sns or provider."""

    service: str
    operation: str
    body: Mapping[str, Any]
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; ``kind`` is its content type."""

    body: bytes
    status: int = 200
    kind: str = "application/x-amz-json-1.0"


def answered(body: Mapping[str, Any], status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(body, separators=(",", ":")).encode(), status)


Respond = Callable[[Call], Answer]


@dataclass
class Endpoint:
    """A running server; ``calls`` are what it was asked since it was last cleared."""

    respond: Respond
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    lock: Lock = field(default_factory=Lock)

    def handle(self, call: Call) -> Answer:
        """Record it and answer it."""
        with self.lock:
            self.calls.append(call)
        return self.respond(call)

    def take(self) -> list[Call]:
        """The calls so far; from here on only new ones."""
        with self.lock:
            calls, self.calls = self.calls, []
        return calls


_SERVICES = {"DynamoDB": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm", "AWSEvents": "events"}


class _Handler(BaseHTTPRequestHandler):
    """One connection; AWS keeps it open, and so does this."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # the answer leaves in one piece
    timeout = 60
    endpoint: ClassVar[Endpoint]

    def do_POST(self) -> None:  # as the base class names it
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        call = self._call(body)
        answer = self.endpoint.handle(call)
        self.send_response(answer.status)
        self.send_header("content-type", answer.kind)
        self.send_header("content-length", str(len(answer.body)))
        self.send_header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
        self.send_header("x-amz-crc32", str(zlib.crc32(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def do_GET(self) -> None:  # as the base class names it
        self.do_POST()

    def _call(self, body: bytes) -> Call:
        target, _, operation = self.headers.get("x-amz-target", "").partition(".")
        service = _SERVICES.get(target.partition("_")[0], "")
        if service:
            fields = json.loads(body)
        else:  # SNS speaks the older query protocol, and the providers their own
            fields = dict(parse_qsl(body.decode())) if b"=" in body and not body.startswith(b"{") else {}
            operation = fields.get("Action", self.path)
            service = "sns" if "Action" in fields else "provider"
        return Call(service=service, operation=operation, body=fields, body_bytes=len(body))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news: each function's process ends with its connections open."""


@contextmanager
def serving(*responders: Respond) -> Iterator[tuple[list[Endpoint], Path]]:
    """One server for each responder, and the file of authorities that a client must trust."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        context = _tls(folder)
        yield [stack.enter_context(_serve(respond, context)) for respond in responders], folder / "authorities.pem"


@contextmanager
def _serve(respond: Respond, context: ssl.SSLContext) -> Iterator[Endpoint]:
    endpoint = Endpoint(respond)
    handler = type("Handler", (_Handler,), {"endpoint": endpoint})
    with _Server((LOCALHOST, 0), handler) as server:
        # The handshake is for the connection's own thread, so that one client cannot hold up another.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        endpoint.url = f"https://{LOCALHOST}:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()


def _tls(folder: Path) -> ssl.SSLContext:
    """A certificate of the kind that AWS shows (RSA, 2048 bits), signed by itself and gone at the end.

    Beside it the file of authorities holds those of the world: reading them is a part of every cold start.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sms-tracker bench")])
    start = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(LOCALHOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    chain, private = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(pem)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "authorities.pem").write_bytes(Path(certifi.where()).read_bytes() + b"\n" + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context
