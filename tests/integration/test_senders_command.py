"""`make senders`: what is shown can be set, a wrong file writes nothing, and what is set is what `send` reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest

from ops.senders import main
from ops.stack import Stack
from sms_tracker.aws.clients import calling
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.services.policy import read_senders
from tests.unit.template_stack import environment

pytestmark = pytest.mark.usefixtures("aws")
LISTED = {"twilio": {"US": "+15551234567", "*": "MyShop"}, "messagebird": {"NL": "Winkel"}}


@dataclass
class Deployed(Stack):
    """A stack whose ``send`` has these variables."""

    sent: Mapping[str, str] = field(default_factory=dict)

    def variables(self, function: str) -> Mapping[str, str]:
        assert function == "send"
        return self.sent


class Command:
    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.capsys, self.file = capsys, folder / "senders.json"
        self.stack: Callable[[str], Stack] = Stack

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main([*arguments], self.stack)
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def set(self, document: object, *arguments: str) -> tuple[int, str, str]:
        self.file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return self.run("set", str(self.file), *arguments)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    return Command(capsys, tmp_path)


def stored() -> Mapping[str, str]:
    found = boto3.client("ssm").get_parameters(Names=["/sms-tracker/senders"])["Parameters"]
    return {parameter["Name"]: parameter["Value"] for parameter in found}


def test_what_is_set_is_shown_and_read_with_the_settings(command: Command) -> None:
    assert Stack("sms-tracker").sending is None  # before the first deployment
    code, told, _ = command.set(LISTED, "--apply")

    lines = ["messagebird NL: - -> Winkel", "twilio *: - -> MyShop", "twilio US: - -> +15551234567"]
    assert (code, told.splitlines()) == (0, lines)
    assert json.loads(command.run()[1]) == json.loads(command.run("show")[1]) == LISTED
    ssm = boto3.client("ssm")
    key = json.dumps({"hmac_key": base64.b64encode(b"k" * 32).decode()})
    ssm.put_parameter(Name="/sms-tracker/secrets/service", Value=key, Type="SecureString")
    ssm.put_parameter(Name="/sms-tracker/public-base-urls", Value="https://sms.example.com", Type="String")
    settings = SsmSettings(calling(ssm), "/sms-tracker", (), jitter=lambda: 0.0, optional={"senders": read_senders})
    assert settings().senders == LISTED


def test_without_apply_the_changes_are_printed_and_nothing_is_written(command: Command) -> None:
    code, told, advice = command.set(LISTED)

    assert (code, stored(), command.run()[:2]) == (0, {}, (0, "{}\n"))
    assert "twilio US: - -> +15551234567\n" in told
    assert "run it again with --apply" in advice


def test_a_file_replaces_all_that_was_set(command: Command) -> None:
    command.set(LISTED, "--apply")
    _, told, _ = command.set({"twilio": {"US": "+15551234567", "*": "NewShop"}}, "--apply")

    assert told.splitlines() == ["messagebird NL: Winkel -> -", "twilio *: MyShop -> NewShop"]
    assert command.set({}, "--apply")[0] == 0
    assert command.run()[1] == "{}\n"
    assert command.set({})[1] == "no change\n"


@pytest.mark.parametrize("document", ["", "{", {"pigeon": {}}, {"twilio": {"UK": "MyShop"}}, {"bird": {"*": "x"}}])
def test_a_wrong_file_writes_nothing(command: Command, document: object) -> None:
    code, told, error = command.set(document, "--apply")

    assert (code, told, stored()) == (1, "", {})
    assert "error: senders" in error


def test_a_good_file_replaces_malformed_senders(command: Command) -> None:
    boto3.client("ssm").put_parameter(Name="/sms-tracker/senders", Value='{"twilio": {"UK": "MyShop"}}', Type="String")

    code, told, error = command.set({"twilio": {"GB": "MyShop"}}, "--apply")

    assert (code, told) == (0, "twilio GB: - -> MyShop\n")
    assert "warning: stored senders: twilio: UK is no country code, write GB" in error
    assert command.run()[:2] == (0, '{\n "twilio": {\n  "GB": "MyShop"\n }\n}\n')


def test_a_missing_file_is_an_error_of_one_line(command: Command) -> None:
    code, _, error = command.run("set", "missing.json")

    assert (code, error.splitlines()[1:]) == (1, ["error: [Errno 2] No such file or directory: 'missing.json'"])


@pytest.mark.parametrize("arguments", [["set"], ["show", "file"], ["set", "file", "--dry"], ["remove"]])
def test_a_wrong_call_is_refused_with_the_usage(command: Command, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.run(*arguments)


def test_what_has_no_effect_in_the_deployed_stack_is_a_warning(command: Command) -> None:
    few, all_ = ({"Providers": "twilio", "AllowedCountries": "US"}, {"Providers": "twilio,messagebird"})
    command.stack = lambda name: Deployed(name, sent=environment("send", **few))
    _, _, told = command.set(LISTED)

    assert [line for line in told.splitlines() if line.startswith("warning")] == [
        "warning: messagebird is not enabled (Providers)",
        "warning: not sent to (AllowedCountries): NL",
    ]
    command.stack = lambda name: Deployed(name, sent=environment("send", **all_))
    assert "warning" not in command.set(LISTED)[2]
