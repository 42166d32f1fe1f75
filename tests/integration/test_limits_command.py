"""`make limits`: what it writes is what functions read, and nothing wrong is written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from ops.api_keys import ApiKeys, new_key
from ops.limits import main
from ops.stack import Stack
from sms_tracker.aws.limits import LimitCounterStore
from sms_tracker.domain.limits import Quota, SendLimits, day_of
from sms_tracker.domain.operator_rules import read_limits
from tests import tables
from tests.moto_client import json_client

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAME = "/sms-tracker/limits"
USED = "stack sms-tracker, region eu-west-1 (AWS_DEFAULT_REGION)\n"
DOCUMENT = {"daily_cap": 500, "client": {"hour": 20}, "clients": {"shop": {"approved": {"BE": {}}}}}


@dataclass
class Command:
    capsys: pytest.CaptureFixture[str]
    folder: Path
    outputs: dict[str, str] = field(default_factory=lambda: {"StateTableName": "state"})

    def stack(self, name: str) -> Stack:
        stack = Stack(name)
        stack.outputs = self.outputs
        stack.limit_counters = LimitCounterStore(json_client("dynamodb"), "state")
        return stack

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main(arguments, self.stack, lambda: NOON)
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err

    def set(self, document: object, *arguments: str) -> tuple[int, str]:
        file = self.folder / "limits.json"
        file.write_text(document if isinstance(document, str) else json.dumps(document, indent=2), encoding="utf-8")
        code, _, told = self.run("set", str(file), *arguments)
        return code, told

    @property
    def stored(self) -> SendLimits | None:
        found = boto3.client("ssm").get_parameters(Names=[NAME])["Parameters"]
        return read_limits(found[0]["Value"]) if found else None


@pytest.fixture
def command(aws: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:  # noqa: ARG001  # moto is below
    tables.create(tables.client(), "StateTable", "state")
    return Command(capsys, tmp_path)


def test_what_is_set_is_shown_read_and_removed(command: Command) -> None:
    assert command.set(DOCUMENT, "--apply")[0] == 0

    code, shown, _ = command.run("show")
    assert (code, json.loads(shown)) == (0, DOCUMENT)
    assert command.stored == read_limits(json.dumps(DOCUMENT))
    for _ in range(2):  # also where another operator was faster
        assert command.run("off", "--apply")[::2] == (0, f"{USED}{NAME} is now: no limits\n")
    assert command.stored is None


def test_without_apply_nothing_is_written(command: Command) -> None:
    code, told = command.set(DOCUMENT)

    assert (code, command.stored) == (0, None)
    assert "/sms-tracker/limits would be: {" in told
    command.set(DOCUMENT, "--apply")
    command.run("approve", "shop", "FR")
    command.run("off")
    assert command.stored == read_limits(json.dumps(DOCUMENT))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"client": {"hour": 5}}, "error: limits: daily_cap is missing"),
        ("{", "error: limits are not JSON"),
        ({"daily_cap": 1, "clients": {"shop": {"approved": {"UK": {}}}}}, "approved: UK is no country code, write GB"),
    ],
)
def test_what_functions_would_refuse_is_not_written(command: Command, document: object, told: str) -> None:
    code, shown = command.set(document, "--apply")

    assert (code, command.stored) == (1, None)
    assert told in shown


def test_an_approval_is_added_to_the_client_and_to_nobody_else(command: Command) -> None:
    command.set(DOCUMENT, "--apply")
    for arguments in (("shop", "FR"), ("bank", "FR", "--hour", "5", "--day", "9")):
        assert command.run("approve", *arguments, "--apply")[0] == 0

    assert command.stored
    assert command.stored.of("shop").approved == {"BE": Quota(), "FR": Quota()}
    assert command.stored.of("bank").approved == {"FR": Quota(hour=5, day=9)}
    assert command.stored.defaults.approved == {}


def test_approving_again_with_one_number_keeps_the_other(command: Command) -> None:
    command.set(DOCUMENT, "--apply")
    for number in (("--hour", "5", "--day", "9"), ("--hour", "7"), ()):
        assert command.run("approve", "shop", "FR", *number, "--apply")[0] == 0

    assert command.stored
    assert command.stored.of("shop").approved["FR"] == Quota(hour=7, day=9)


def test_a_name_given_twice_is_refused_because_only_one_of_the_two_would_count(command: Command) -> None:
    # Found in hjson/hjson#92
    code, told = command.set('{"daily_cap": 1, "clients": {"shop": {"client": {"day": 5}}, "shop": {}}}', "--apply")

    assert (code, command.stored) == (1, None)
    assert "error: limits are not JSON, or have a name twice" in told


def test_malformed_limits_are_not_approved_into_but_replaced(command: Command) -> None:
    boto3.client("ssm").put_parameter(Name=NAME, Value='\ufeff{"daily_cap": 1, "clients": []}', Type="String")

    code, _, told = command.run("approve", "shop", "FR", "--apply")
    assert (code, told.splitlines()[-1]) == (1, "error: limits: clients is no object")
    assert command.run("show")[:2] == (0, '{\n  "daily_cap": 1,\n  "clients": []\n}\n')
    assert command.set(DOCUMENT, "--apply")[0] == 0


def test_limits_that_are_not_json_are_named_when_shown(command: Command) -> None:
    boto3.client("ssm").put_parameter(Name=NAME, Value='{"daily_cap": 1', Type="String")

    code, shown, told = command.run("show")
    assert (code, shown) == (1, "")
    assert told.startswith(f"{USED}error: {NAME} is not JSON")


@pytest.mark.parametrize("arguments", [("--stack", "other", "show"), ("show", "--stack", "other")])
def test_the_stack_may_be_named_before_or_after_the_command(command: Command, arguments: tuple[str, ...]) -> None:
    # Found in insanum/gcalcli#347, DigitalSlideArchive/ImageDePHI#261
    assert "there is no /other/limits" in command.run(*arguments)[2]


def test_a_client_without_a_key_is_pointed_out(command: Command) -> None:
    ApiKeys(tables.client(), "state").add(new_key("shop", ["send"])[1])

    _, told = command.set({**DOCUMENT, "clients": {"shop": {}, "Shop ": {}, "*": {}}}, "--apply")
    assert [line for line in told.splitlines() if "check the name" in line] == [
        "no API key belongs to *: check the name",
        "no API key belongs to Shop : check the name",
    ]
    assert "no API key belongs to shpo: check the name" in command.run("approve", "shpo", "FR", "--apply")[2]
    command.set(DOCUMENT, "--apply")
    assert "check the name" not in command.run("approve", "shop", "FR", "--apply")[2]


def test_before_the_first_deployment_there_are_no_keys_to_compare_with(command: Command) -> None:
    command.outputs = {"ApiUrl": "https://sms.example.com"}

    code, told = command.set(DOCUMENT, "--apply")
    assert (code, "check the name" in told) == (0, False)


@pytest.mark.parametrize(
    ("limits", "arguments", "error"),
    [
        (None, ("set", "nowhere.json", "--apply"), "error: nowhere.json: No such file or directory"),
        (DOCUMENT, ("approve", "shop", "EL", "--apply"), "EL is no country code, write GR"),
        (None, ("show",), "this stack has no limits"),
        (None, ("approve", "shop", "FR", "--apply"), "this stack has no limits"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    command: Command, limits: object, arguments: tuple[str, ...], error: str
) -> None:
    if limits:
        command.set(limits, "--apply")
    code, _, told = command.run(*arguments)

    assert (code, error in told.splitlines()[-1]) == (1, True)


def test_the_countries_of_a_client_are_listed_with_the_day_from_which_they_are_known(command: Command) -> None:
    _, shown, told = command.run("countries", "shop")
    assert (shown, told.splitlines()[-1]) == ("", "shop has used no country while there were limits")
    store, today = LimitCounterStore(json_client("dynamodb"), "state"), day_of(NOON)
    store.note_use("shop", "NL", day=today - 7)
    store.note_use("shop", "FR", day=today - 6)
    store.note_use("bank", "DE", day=today)

    _, shown, _ = command.run("countries", "shop")

    assert shown.splitlines() == ["FR  first used 2026-01-25  new until 2026-02-01", "NL  first used 2026-01-24  known"]
