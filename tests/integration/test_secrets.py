"""`make secrets`: what people paste is trimmed, what cannot be is refused, and no value is ever shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import boto3
import pytest

from local.process import ROOT
from ops.accounts import ENTRIES
from ops.secrets import main
from sms_tracker.aws.clients import calling
from sms_tracker.aws.settings import SsmSettings

pytestmark = pytest.mark.usefixtures("aws")

ACCOUNT, OTHER, API_KEY = "AC" + 31 * "0" + "1", "AC" + 31 * "0" + "2", "SK" + 31 * "0" + "1"
TOKEN, SECOND = 32 * "a", 32 * "b"
ACCESS_KEY, SIGNING_KEY = "Example0Access0Key0123456", "Example0Signing0Key0123456789012"
GOOD = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_API_URL": "https://api.ie1.twilio.com",
    "TWILIO_SUBACCOUNT_TOKENS": f"{OTHER}={SECOND}",
    "TWILIO_WEBHOOK_KEYS": "id=shared=secret,id2=spare",
    "MESSAGEBIRD_ACCESS_KEY": ACCESS_KEY,
    "MESSAGEBIRD_SIGNING_KEY": SIGNING_KEY,
    "BIRD_API_KEY": "bk_eu1_example",
    "BIRD_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ==",
    "BIRD_CATEGORY": "transactional",
}
AROUND = ["{}\r", "{}\n", " {} ", '"{}"', "'{}'", "\ufeff{}", '"{}"\r\n', "\t{}", "“{}”", "\u200b{}\u00a0", '{}"']


def stored() -> dict[str, dict[str, str]]:
    answer = boto3.client("ssm").get_parameters_by_path(Path="/sms-tracker/secrets", WithDecryption=True)
    named = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    return {name.rpartition("/")[2]: json.loads(value) for name, value in named.items() if not name.endswith("service")}


def expected(environment: Mapping[str, str] = GOOD) -> dict[str, dict[str, str]]:
    return {
        provider: {entry: environment[name] for entry, name in entries.items() if name in environment}
        for provider, entries in ENTRIES.items()
        if entries
    }


@pytest.mark.parametrize("around", ["{}", *AROUND])
def test_what_is_around_a_value_is_trimmed_and_the_variable_named(
    around: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Found in supabase/auth#1554
    assert main([], {name: around.format(value) for name, value in GOOD.items()}) == 0

    told = capsys.readouterr()
    named = [name for entries in ENTRIES.values() for name in entries.values() if name in GOOD]
    trimmed = [line.split()[1].rstrip(":") for line in told.out.splitlines() if line.startswith("trimmed")]
    assert stored() == expected()
    assert trimmed == ([] if around == "{}" else named)
    assert [line.split()[0] for line in told.err.splitlines()] == ["stack"]
    assert not [value for value in (TOKEN, SECOND, ACCESS_KEY, SIGNING_KEY) if value in told.out + told.err]


def test_what_is_around_a_part_of_a_list_is_trimmed_too() -> None:
    pasted = {
        "TWILIO_WEBHOOK_KEYS": ' "id" = "shared=secret" ,\r\n id2 = spare\r',
        "TWILIO_SUBACCOUNT_TOKENS": f"{OTHER} = '{SECOND}'",
    }
    assert main([], {**GOOD, **pasted}) == 0

    assert stored() == expected()


def test_a_value_that_is_nothing_but_blanks_is_not_set() -> None:
    assert main([], {"TWILIO_ACCOUNT_SID": " \r", "TWILIO_AUTH_TOKEN": '""'}) == 2
    assert stored() == {}


NO_ACCOUNT, NO_ENTRY = "is not the SID of an account (AC…)", "holds an entry that is not id=secret"
ACCOUNTS_SID, BLANK = "is a SID (AC…), which is no secret", "holds a blank or another character that no key has"
PLATFORM, OTHERS = "is a key of the Bird platform: use the provider bird", "is a key of another provider"


@pytest.mark.parametrize(
    ("variable", "values", "sentence"),
    [
        ("TWILIO_ACCOUNT_SID", (API_KEY, TOKEN, ACCESS_KEY, "AC 0001"), NO_ACCOUNT),
        ("TWILIO_API_KEY_SID", (ACCOUNT,), "is not the SID of an API key (SK…)"),
        ("TWILIO_API_KEY_SECRET", (API_KEY,), "is a SID (SK…), which is no secret"),
        ("TWILIO_AUTH_TOKEN", (ACCOUNT,), ACCOUNTS_SID),
        ("TWILIO_NEXT_AUTH_TOKEN", (ACCOUNT,), ACCOUNTS_SID),
        ("TWILIO_AUTH_TOKEN", ("bk_eu1_payload", "live_Example0Access0Key0123456"), OTHERS),
        ("TWILIO_AUTH_TOKEN", ("0123 4567", "0123\u200b4567"), BLANK),
        ("TWILIO_WEBHOOK_KEYS", ("lonely", "=ownerless", "id=one,id2=", '{"id": "secret"}'), NO_ENTRY),
        ("TWILIO_WEBHOOK_KEYS", (f"id={ACCOUNT}",), f"holds an entry whose secret {ACCOUNTS_SID}"),
        ("TWILIO_SUBACCOUNT_TOKENS", (f"{SECOND}={OTHER}",), "holds an entry that is not AC…=token"),
        ("TWILIO_API_URL", ("http://api.twilio.com", "api.twilio.com"), "must start with https://"),
        ("MESSAGEBIRD_API_URL", ("https://rest.messagebird.com /",), "must not hold a space"),
        ("MESSAGEBIRD_ACCESS_KEY", ("bk_eu1_payload", "bm_payload", "bird_live_payload"), PLATFORM),
        ("MESSAGEBIRD_ACCESS_KEY", (ACCOUNT,), ACCOUNTS_SID),
        ("MESSAGEBIRD_ACCESS_KEY", ("two words",), BLANK),
        ("MESSAGEBIRD_SIGNING_KEY", ("whsec_payload",), PLATFORM),
        ("MESSAGEBIRD_SIGNING_KEY", (ACCESS_KEY,), "is an access key"),
        ("MESSAGEBIRD_NEXT_SIGNING_KEY", ("live_Example0Access0Key0123456",), "is an access key"),
        ("BIRD_API_KEY", ("live_payload",), "is a key of the classic API: use the provider messagebird"),
        ("BIRD_API_KEY", (ACCESS_KEY,), "looks like a key of the classic API (provider messagebird)"),
        ("BIRD_WEBHOOK_SECRET", ("bk_eu1_payload",), "is an API key"),
        ("BIRD_CATEGORY", ("important",), "is none of transactional, marketing"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_written(
    variable: str, values: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Found in supabase/auth#1554
    for value in values:
        assert main([], {**GOOD, variable: value}) == 2

        told = capsys.readouterr()
        (line, end) = told.err.splitlines()
        assert line.startswith(f"error: {variable} {sentence}")
        assert (end, told.out, stored()) == ("Nothing was written.", "", {})
        assert value not in told.err


def test_swapped_values_are_refused_with_a_sentence_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {"TWILIO_ACCOUNT_SID": TOKEN, "TWILIO_AUTH_TOKEN": ACCOUNT}) == 2

    told = capsys.readouterr().err
    assert [line.split()[1] for line in told.splitlines()[:-1]] == ["TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TWILIO_AUTH_TOKEN", "not-hexadecimal"), ("MESSAGEBIRD_ACCESS_KEY", TOKEN), ("MESSAGEBIRD_SIGNING_KEY", "short")],
)
def test_what_only_looks_unusual_is_written_with_a_warning(
    variable: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], {**GOOD, variable: value}) == 0

    told = capsys.readouterr()
    _, line = told.err.splitlines()
    assert line.startswith(f"warning: {variable} is not ")
    assert stored() == expected({**GOOD, variable: value})
    assert value not in told.err + told.out


@pytest.mark.parametrize("around", AROUND)
def test_secrets_that_were_stored_as_pasted_are_read_trimmed(around: str) -> None:
    # Found in supabase/auth#1554
    ssm = boto3.client("ssm")
    main([], GOOD)
    for provider, document in expected().items():
        value = "\ufeff" + json.dumps({entry: around.format(text) for entry, text in document.items()})
        ssm.put_parameter(Name=f"/sms-tracker/secrets/{provider}", Value=value, Type="SecureString", Overwrite=True)
    urls = around.format("https://sms.example.com")
    ssm.put_parameter(Name="/sms-tracker/public-base-urls", Value=urls, Type="String")

    settings = SsmSettings(calling(ssm), "/sms-tracker", tuple(expected()), jitter=lambda: 0.0)()

    assert settings.credentials == expected()
    assert settings.public_base_urls == ("https://sms.example.com",)


def sourced(folder: Path) -> subprocess.CompletedProcess[str]:
    """The variables of .env, by the very line that the Makefile's targets use; its shell ends at the first error."""
    (line,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("DOTENV := ")]
    script = line.removeprefix("DOTENV := ").replace("$$", "$").replace("scripts/dotenv", f"'{ROOT}/scripts/dotenv'")
    script += '; echo "$TWILIO_ACCOUNT_SID|$TWILIO_AUTH_TOKEN|$OTHER"'
    shell = ["/bin/bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=False)


def test_an_env_file_of_windows_is_read_as_it_is_meant(tmp_path: Path) -> None:
    # Found in supabase/auth#1554
    text = (
        f"\ufeffTWILIO_ACCOUNT_SID={ACCOUNT}\n\n# a = b\nTWILIO_AUTH_TOKEN=\"{TOKEN}\" # c d\nOTHER='two words'\nNO=\n"
    )
    (tmp_path / ".env").write_bytes(text.replace("\n", "\r\n").encode())

    run = sourced(tmp_path)

    assert (run.stdout, run.stderr) == (f"{ACCOUNT}|{TOKEN}|two words\n", "")


@pytest.mark.parametrize("written", ["= {}", " = {}", " ={}", "=two {}", "= '{}'"])
@pytest.mark.parametrize("before", ["", " ", "export ", "\ufeff"])
def test_a_blank_in_an_env_file_is_named_and_no_value_is_printed(before: str, written: str, tmp_path: Path) -> None:
    # Found in Vigil-SOC/vigil#160, toddbluhm/env-cmd#32
    (tmp_path / ".env").write_text(f"{before}TWILIO_AUTH_TOKEN{written.format(TOKEN)}\n", "utf-8")

    run = sourced(tmp_path)

    told = "error: in .env leave out the blanks, or put the value in quotes: TWILIO_AUTH_TOKEN\n"
    assert (run.returncode, run.stdout, run.stderr) == (2, "", told)


@pytest.mark.parametrize("value", ["{", "[1]", "null"])
def test_a_malformed_secret_is_replaced_and_what_it_may_have_held_is_named(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for provider in ("twilio", "bird"):
        name = f"/sms-tracker/secrets/{provider}"
        boto3.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString")

    assert main([], GOOD) == 0

    assert stored() == expected()
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert [line.split()[1] for line in warnings] == ["/sms-tracker/secrets/bird"]
    assert "rotate" in warnings[0]


def test_our_own_key_is_kept_where_another_run_created_it_meanwhile(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Found in hashicorp/terraform-provider-aws#13578
    ssm, name = boto3.client("ssm"), "/sms-tracker/secrets/service"
    ssm.put_parameter(Name=name, Value="{}", Type="SecureString")
    monkeypatch.setattr("ops.secrets.parameter", lambda *_, **__: None)  # as it was before that run

    assert main(["--service-key"], {}) == 0

    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "{}"
    assert capsys.readouterr().out == f"kept {name}\n"


def test_our_own_key_alone_can_be_written_where_no_provider_has_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--service-key"], {}) == 0

    assert stored() == {}
    assert "/sms-tracker/secrets/service: hmac_key" in capsys.readouterr().out
