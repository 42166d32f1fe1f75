"""The default TLS context: which servers are believed to be AWS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from sms_tracker.aws.connections import Connections, Endpoint, TryFailed, default_tls
from tests.certificates import issue
from tests.scripted_server import Reply, Server, serving


@pytest.fixture(autouse=True)
def nothing_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The system trusts no authority until a test names one: an empty folder, and a file that is not there."""
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    default_tls.cache_clear()
    yield
    default_tls.cache_clear()


def called(server: Server) -> str:
    """The status of a call to https://localhost, or the reason why there is none."""
    place = Endpoint("eu-west-1", "localhost", server.port)
    try:
        return str(Connections(place, default_tls(), connect=5.0, read=5.0).post({"host": "h"}, b"{}").status)
    except TryFailed as failed:
        return failed.code


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_systems_authorities_or_those_of_the_environment_are_trusted(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, shown = issue(tmp_path, "localhost")
    monkeypatch.setenv(variable, str(authority))
    with serving(Reply(), tls=shown) as server:
        assert called(server) == "200"


@pytest.mark.parametrize(
    ("host", "system", "bundle"),
    [
        pytest.param("localhost", "localhost", "other.example", id="a bundle replaces the system's authorities"),
        pytest.param("localhost", "other.example", None, id="an unknown authority"),
        pytest.param("sqs.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com", None, id="another host"),
    ],
)
def test_any_other_certificate_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, system: str, bundle: str | None
) -> None:
    issued = {name: issue(tmp_path, name) for name in {host, system, bundle or system}}
    monkeypatch.setenv("SSL_CERT_FILE", str(issued[system][0]))
    if bundle:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(issued[bundle][0]))
    with serving(Reply(), tls=issued[host][1]) as server:
        assert called(server) == "SSLError"

    assert server.requests == []


def test_one_context_serves_all_clients_and_is_pythons_default() -> None:
    tls, usual = default_tls(), ssl.create_default_context()

    assert default_tls() is tls
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (tls.verify_flags, tls.minimum_version) == (usual.verify_flags, usual.minimum_version)
