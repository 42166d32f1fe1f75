"""Who may vouch for AWS: Amazon's authorities first, the system's where those do not suffice, never anybody else."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from threading import Barrier

import certifi
import pytest

from sms_tracker.aws.authorities import AMAZON, Authorities
from sms_tracker.aws.channel import Channel, Endpoint, NoAnswer
from sms_tracker.threads import Threads
from tests.certificates import issue
from tests.scripted_server import Reply, Server, serving


@pytest.fixture(autouse=True)
def nobody_chose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The system knows nobody, until a test says whom: an empty folder, and a file that is not there."""
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))


def system_trusts(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))


def asked(server: Server, authorities: Authorities, calls: int = 1) -> str:
    """What comes of the last of some calls to https://localhost."""
    place = Endpoint("eu-west-1", "localhost", server.port)
    channel = Channel(place, connect=5.0, read=5.0, authorities=lambda: authorities)
    told = ""
    for _ in range(calls):
        try:
            told = str(channel.post({"host": place.authority}, b"{}").status)
        except NoAnswer as error:
            told = error.code
    return told


def test_one_of_the_first_is_enough_and_nobody_else_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority, shown = issue(tmp_path, "localhost")
    authorities = Authorities({}, first=str(authority))
    before = authorities.tls
    with serving(Reply(), tls=shown) as server:
        assert asked(server, authorities) == "200"

    assert authorities.tls is before
    assert capsys.readouterr().out == ""


def test_whom_amazon_does_not_name_the_system_may_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    authority, shown = issue(tmp_path, "localhost")
    system_trusts(authority, monkeypatch)
    authorities = Authorities({})
    with serving(Reply(close=True), tls=shown) as server:
        assert asked(server, authorities, calls=3) == "200"

    assert server.connections == 1 + 3  # one refused, and none after it
    warning = json.loads(capsys.readouterr().out)
    assert (warning["level"], warning["decision"]) == ("WARNING", "more-authorities")
    assert "Amazon's authorities" in warning["error"]


def test_several_that_are_refused_at_once_are_all_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, shown = issue(tmp_path, "localhost")
    system_trusts(authority, monkeypatch)
    authorities, together = Authorities({}), Barrier(4, timeout=30)

    def call(_: int) -> str:
        together.wait()
        return asked(server, authorities)

    with serving(Reply(), tls=shown) as server:
        assert Threads(4)(call, range(4)) == ["200"] * 4


@pytest.mark.parametrize("calls", [1, 2])
def test_a_forger_is_refused_by_amazons_authorities_and_by_the_systems(
    calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, _ = issue(tmp_path, "other.example")
    _, shown = issue(tmp_path, "localhost")
    system_trusts(authority, monkeypatch)
    with serving(Reply(), tls=shown) as server:
        assert asked(server, Authorities({}), calls) == "SSLError"

    assert server.requests == []


@pytest.mark.parametrize("by_system", [False, True])
def test_another_hosts_certificate_is_refused_whoever_signed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_system: bool
) -> None:
    authority, shown = issue(tmp_path, "sqs.eu-west-1.amazonaws.com")
    system_trusts(authority, monkeypatch)
    authorities = Authorities({}) if by_system else Authorities({}, first=str(authority))
    with serving(Reply(), tls=shown) as server:
        assert asked(server, authorities, calls=2) == "SSLError"

    assert server.requests == []


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_authorities_that_an_operator_chose_are_asked(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, shown = issue(tmp_path, "localhost")
    monkeypatch.setenv(variable, str(authority))
    with serving(Reply(), tls=shown) as server:
        assert asked(server, Authorities({variable: str(authority)})) == "200"


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_where_an_operator_chose_amazons_own_are_refused(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazons, shown = issue(tmp_path, "localhost")
    other, _ = issue(tmp_path, "other.example")
    chosen = str(tmp_path if variable == "SSL_CERT_DIR" else other)
    monkeypatch.setenv(variable, chosen)
    with serving(Reply(), tls=shown) as server:
        assert asked(server, Authorities({variable: chosen}, first=str(amazons)), calls=2) == "SSLError"


def test_whoever_is_asked_chain_and_name_are_checked(tmp_path: Path) -> None:
    authority, _ = issue(tmp_path, "localhost")
    few, chosen = Authorities({}), Authorities({"AWS_CA_BUNDLE": str(authority)})
    wide = Authorities({})
    assert wide.more(wide.tls, "nobody knows it")

    for authorities in (few, chosen, wide):
        tls, usual = authorities.tls, ssl.create_default_context()
        assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert tls.verify_flags == usual.verify_flags
        assert tls.minimum_version == usual.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_amazons_authorities_are_five_of_those_that_the_world_trusts() -> None:
    amazons, worlds = (ssl.create_default_context(cafile=path) for path in (AMAZON, certifi.where()))

    ours = amazons.get_ca_certs(binary_form=True)
    assert len(ours) == 5
    assert set(ours) <= set(worlds.get_ca_certs(binary_form=True))
