"""What calling AWS costs: boto3, botocore, awscrt and our own client, side by side in fresh processes.

    PYTHONPATH=layers/core:. python -m bench.clients --rounds 11

Each case makes one client and calls a local endpoint over TLS; CPU time is the process's own, not the endpoint's.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import ipaddress
import json
import os
import platform
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from bench.calling import CASES

# -- The endpoint ------------------------------------------------------------------------------------------------------


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            body = b'{"MessageId":"7d2a2b1c-0000-4000-8000-000000000002","MD5OfMessageBody":"x"}'
            if b"updateitem" in head.lower():
                body = b"{}"
            names = b"x-amzn-RequestId: 7d2a2b1c\r\nDate: Sat, 31 Jan 2026 12:00:00 GMT\r\n"
            names += b"Content-Type: application/x-amz-json-1.0\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (names, len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@contextmanager
def endpoint(folder: Path) -> Iterator[str]:
    """An endpoint with a certificate of its own, in ``folder``/ca.pem; only for as long as this block."""
    _write_certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def _write_certificate(folder: Path) -> None:
    from cryptography import x509  # noqa: PLC0415  # no case needs it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  # no case needs it
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  # no case needs it

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))


# -- The run -----------------------------------------------------------------------------------------------------------


def run(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Every case in a fresh process, the cases taking turns."""
    found: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
    with tempfile.TemporaryDirectory() as name, endpoint(Path(name)) as url:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
            "AWS_ENDPOINT_URL": url,
            "AWS_CA_BUNDLE": f"{name}/ca.pem",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPYCACHEPREFIX": f"{name}/pyc",  # compiled, as a function is shipped
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for turn in range(rounds + 1):
            for case, results in found.items():
                told = subprocess.run(
                    [sys.executable, "-m", "bench.calling", case],
                    env=environment,
                    stdout=subprocess.PIPE,
                    check=True,
                    timeout=120,
                )
                if turn:  # the first only compiles
                    results.append(json.loads(told.stdout))
    return found


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Medians with the quartiles beside them, each also as a share of boto3's median."""
    lines = [
        "| CPU ms | first, with init | of boto3 | warm SendMessage | of boto3 | warm UpdateItem | of boto3 | modules |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, results in found.items():
        cells = [f"{case}"]
        for column in ("first", "send", "update"):
            values, base = ([each[column] for each in found[name]] for name in (case, "boto3"))
            low, middle, high = statistics.quantiles(values, n=4)
            cells += [f"{middle:.3g} ({low:.3g}-{high:.3g})", f"{middle / statistics.median(base):.2f}"]
        cells.append(f"{results[0]['modules']:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs, {options.rounds} rounds\n")
    print(table(run(options.rounds)))


if __name__ == "__main__":
    main()
