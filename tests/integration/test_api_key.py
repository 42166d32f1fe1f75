"""`make api-key`: what an operator does with clients' keys, on a stack in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import boto3
import pytest

from ops.api_key import main
from ops.keys import new_key
from ops.stack import Stack
from sms_tracker.aws.clients import calling
from sms_tracker.aws.keys import ApiKey, KeyStore, name_of
from tests import tables

Run = Callable[..., tuple[int, str, str]]


def deployed(name: str) -> Stack:
    """A stack of that name; only the default one is ours."""
    stack = Stack(name)
    stack.outputs = {"StateTableName": "state"} if name == "sms-tracker" else {"ApiUrl": "https://sms.example.com"}
    return stack


@pytest.fixture
def keys(aws: None) -> KeyStore:  # noqa: ARG001  # moto is under the client
    """What the authorizer looks keys up in."""
    dynamodb = boto3.client("dynamodb")
    tables.create(dynamodb, "StateTable", "state")
    return KeyStore(calling(dynamodb), "state")


@pytest.fixture
def run(keys: KeyStore, capsys: pytest.CaptureFixture[str]) -> Run:  # noqa: ARG001  # the command works on them
    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments, deployed)
        told = capsys.readouterr()
        return code, told.out.strip(), told.err

    return command


def test_a_created_key_stands_alone_on_standard_output_and_opens(keys: KeyStore, run: Run) -> None:
    code, key, told = run("--client", "shop", "--scopes", "send", "--days", "1")

    found = keys.find(key)
    assert code == 0
    assert found is not None
    assert found == ApiKey("shop", frozenset({"send"}), found.expires_at)
    assert found.expires_at is not None
    assert key not in told


def test_a_list_names_every_key_and_shows_neither_a_key_nor_its_hash(run: Run) -> None:
    created = [run("create", "--client", client)[1] for client in ("shop", "bank", "shop")]

    _, listed, _ = run("list")

    assert [line.split()[2] for line in listed.splitlines()[1:]] == ["bank", "shop", "shop"]
    for key in created:
        assert f"{name_of(key)}  {key[-4:]} " in listed
        assert key not in listed
        assert hashlib.sha256(key.encode()).hexdigest() not in listed


def test_a_key_from_before_names_were_kept_is_listed_and_revoked(keys: KeyStore, run: Run) -> None:
    key, item = new_key("old-client", ["read"])
    del item["ends"]
    boto3.client("dynamodb").put_item(TableName="state", Item=item)

    assert name_of(key) in run("list")[1]
    assert run("revoke", name_of(key), "--apply")[0] == 0
    assert keys.find(key) is None


def test_a_rotated_key_has_a_second_one_like_it_and_stays_valid(keys: KeyStore, run: Run) -> None:
    old = run("--client", "shop", "--scopes", "read,admin")[1]

    code, new, told = run("rotate", name_of(old))

    first, second = keys.find(old), keys.find(new)
    assert code == 0
    assert new != old
    assert first is not None
    assert second == first
    assert f"revoke {name_of(old)} --apply" in told


def test_revoking_says_what_it_would_do_until_it_is_told_to(keys: KeyStore, run: Run) -> None:
    kept, leaked = (run("--client", "shop")[1] for _ in range(2))

    dry = run("revoke", name_of(leaked))
    assert keys.find(leaked) is not None
    done = run("revoke", name_of(leaked), "--apply")

    assert (dry[0], done[0]) == (0, 0)
    assert "would revoke" in dry[1]
    assert "nothing was changed" in dry[2]
    assert "60 s" in done[1]
    assert keys.find(leaked) is None
    assert keys.find(kept) is not None


def test_a_name_that_fits_no_key_or_several_revokes_none(keys: KeyStore, run: Run) -> None:
    created = [run("--client", "shop")[1] for _ in range(17)]  # so that two names begin alike
    first = [name_of(key)[0] for key in created]
    shared = next(digit for digit in first if first.count(digit) > 1)

    refusals = [run("revoke", name, "--apply") for name in (shared, "zzzz")]

    assert [code for code, _, _ in refusals] == [1, 1]
    assert "keys are called" in refusals[0][2]
    assert "no keys are called zzzz" in refusals[1][2]
    assert all(keys.find(key) for key in created)


@pytest.mark.parametrize("arguments", [[], ["rotate"], ["revoke", "--apply"], ["drop"], ["list", "--scopes"]])
def test_a_command_that_lacks_something_says_how_it_is_used(arguments: list[str], run: Run) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(*arguments)


def test_a_stack_of_another_kind_is_one_line(run: Run) -> None:
    code, _, told = run("list", "--stack", "other")

    assert code == 1
    assert told == "error: stack other has no output StateTableName; is it sms-tracker's, and of this version?\n"
