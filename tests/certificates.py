"""Self-signed certificates for test servers."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


def issue(folder: Path, host: str, key: rsa.RSAPrivateKey | None = None) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for a host name or an IPv4 address.

    Returns the file that a client trusts and the server's context. The key is elliptic (P-256) unless one is given.
    """
    signing_key = key or ec.generate_private_key(ec.SECP256R1())
    public_key = signing_key.public_key()
    named = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([named]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    trusted, private = folder / f"{host}.pem", folder / f"{host}.key"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(signing_key.private_bytes(serialization.Encoding.PEM, pem, plain))
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(trusted, private)
    return trusted, shown
