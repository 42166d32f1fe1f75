"""`make api-key`: what an operator does with clients' keys, on a stack in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import boto3
import pytest

from ops.api_key import main
from ops.api_keys import new_key
from ops.stack import Stack
from sms_tracker.aws.clients import calling
from sms_tracker.aws.gateway import ApiKey, KeyStore, key_name
from tests import tables

Run = Callable[..., tuple[int, str, str]]
SCOPES = "is not a scope: use one or more of admin,read,send"


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
    assert f"key {key_name(key)} of shop with send, " in told


def test_a_test_key_has_no_other_scope(keys: KeyStore, run: Run) -> None:
    found = keys.find(run("--client", "shop", "--scopes", "test")[1])

    assert found is not None
    assert found.scopes == {"test"}
    with pytest.raises(SystemExit, match="2"):
        run("--client", "shop", "--scopes", "test,send")
    with pytest.raises(ValueError, match="test alone"):
        new_key("shop", ["test", "send"])


def test_a_list_names_the_keys_of_all_clients_or_of_one_and_shows_neither_a_key_nor_its_hash(run: Run) -> None:
    created = [run("create", "--client", client)[1] for client in ("shop", "bank", "shop")]

    listed = run("list")[1]

    assert [line.split()[2] for line in listed.splitlines()[1:]] == ["bank", "shop", "shop"]
    for key in created:
        assert f"{key_name(key)}  {key[-4:]} " in listed
        assert key not in listed
        assert hashlib.sha256(key.encode()).hexdigest() not in listed
    assert [line.split()[2] for line in run("list", "--client", "shop")[1].splitlines()[1:]] == ["shop", "shop"]
    code, empty, told = run("list", "--client", "shops")
    assert (code, empty, "no keys of shops" in told) == (0, "", True)


def test_a_key_from_before_names_were_kept_is_listed_and_revoked(keys: KeyStore, run: Run) -> None:
    key = put_key("old-client", without="ends")

    assert key_name(key) in run("list")[1]
    assert run("revoke", key_name(key), "--apply")[0] == 0
    assert keys.find(key) is None


def test_a_rotated_key_has_a_second_one_like_it_and_stays_valid(keys: KeyStore, run: Run) -> None:
    old = run("--client", "shop", "--scopes", "read,admin")[1]

    code, new, told = run("rotate", key_name(old))

    first, second = keys.find(old), keys.find(new)
    assert (code, new != old, first is not None) == (0, True, True)
    assert second == first
    assert f"key {key_name(new)} of shop with admin,read, without expiry" in told
    assert f"revoke {key_name(old)} --apply" in told


def test_a_rotated_key_ends_when_the_old_one_does_unless_days_are_given(keys: KeyStore, run: Run) -> None:
    old = run("--client", "shop", "--days", "30")[1]

    same, longer = (run("rotate", *days, key_name(old))[1] for days in ([], ["--days", "365"]))

    first, second, third = (keys.find(key) for key in (old, same, longer))
    assert first == second
    assert first and first.expires_at and third and third.expires_at  # noqa: PT018  # for the types
    assert third.expires_at > first.expires_at


def put_key(client: str, expires_at: int | None = None, *, without: str = "") -> str:
    """Store a key as it is, whatever the command would say to it."""
    key, item = new_key(client, ["read"], expires_at=expires_at)
    stored = {name: value for name, value in item.items() if name != without}
    boto3.client("dynamodb").put_item(TableName="state", Item=stored)
    return key


def test_a_key_that_is_over_is_rotated_only_with_days_of_its_own(keys: KeyStore, run: Run) -> None:
    old = put_key("shop", expires_at=1)

    refused = run("rotate", key_name(old))
    renewed = run("rotate", key_name(old), "--days", "1")

    assert (refused[0], refused[1]) == (1, "")
    assert "expired on 1970-01-01: set --days for the new key" in refused[2]
    assert (renewed[0], keys.find(renewed[1]) is not None) == (0, True)


def test_a_client_whose_name_is_from_before_the_rule_is_listed_rotated_and_revoked(keys: KeyStore, run: Run) -> None:
    name = "Müller & Söhne, der mit dem langen Namen"
    old = put_key(name, expires_at=10**14)

    listed = run("list", "--client", name)[1]
    new = run("rotate", key_name(old))[1]

    assert ("9999-12-31" in listed, "Namen  read" in listed) == (True, True)
    assert keys.find(new) == keys.find(old)
    assert run("revoke", "--apply", key_name(old))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        *((["--client", name], "--client") for name in ("", "a b", "shop\n", "büro", "a/b", "a#b", "x" * 65)),
        *((["--client", name], "--client") for name in ("client:1", "\u0661")),
        *((["--client", "shop", "--scopes", written], SCOPES) for written in ("", " ", "send,,read", "send,", ",")),
        *(
            (["--client", "shop", "--scopes", written], SCOPES)
            for written in ("Send", "write", "send read", "send;read")
        ),
        *((["--client", "shop", "--days", days], "--days") for days in ("0", "-1", "1.5", "", "a year", "99999999999")),
        *(([command], "") for command in ("rotate", "drop")),
        *((["list", *further], "") for further in (["--scopes"], ["--scopes", "read"], ["--days", "3"], ["1f0c2a9b"])),
        *((["rotate", "1f0c2a9b", *further], "") for further in (["--scopes", "admin"], ["--client", "bank"])),
        *((["revoke", *further], "") for further in (["--apply"], [""], ["1f0c2a9b", "--days", "1"])),
        *((arguments, "") for arguments in ([], ["create", "shop"], ["--client", "shop", "--apply"])),
    ],
)
def test_a_command_with_a_wrong_a_missing_or_anothers_option_is_refused(
    arguments: list[str], error: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(*arguments)

    assert error in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a", "x" * 64, "Shop.eu-1_a", "0"])
def test_any_other_name_is_a_clients(name: str, run: Run) -> None:
    assert run("--client", name)[0] == 0


@pytest.mark.parametrize(
    ("written", "scopes"),
    [("send, read", "read,send"), (" send ,read ", "read,send"), ("send,send", "send"), ("admin", "admin")],
)
def test_scopes_are_trimmed_and_each_counts_once(written: str, scopes: str, run: Run) -> None:
    assert f" with {scopes}," in run("--client", "shop", "--scopes", written)[2]


def test_revoking_says_what_it_would_do_until_it_is_told_to(keys: KeyStore, run: Run) -> None:
    kept, leaked = (run("--client", "shop")[1] for _ in range(2))

    dry = run("revoke", key_name(leaked))
    assert keys.find(leaked) is not None
    done = run("revoke", key_name(leaked), "--apply")

    assert (dry[0], done[0]) == (0, 0)
    assert "would revoke" in dry[1]
    assert "nothing was changed" in dry[2]
    assert "60 s" in done[1]
    assert keys.find(leaked) is None
    assert keys.find(kept) is not None


@pytest.mark.parametrize("pasted", ["{}", " {}", "{}\n", "Bearer {}", "'{}'", "Authorization: Bearer {}"])
def test_a_leaked_key_itself_is_its_name_and_is_not_printed_again(keys: KeyStore, run: Run, pasted: str) -> None:
    # Found in giauphan/codeatlas-mcp-server#87, polkadot-js/common#646
    kept, leaked = (run("--client", "shop")[1] for _ in range(2))

    done, again = (run("revoke", pasted.format(leaked), "--apply") for _ in range(2))

    assert (done[0], keys.find(leaked)) == (0, None)
    assert keys.find(kept) is not None
    assert (again[0], f"no keys have the name {key_name(leaked)}" in again[2]) == (1, True)
    assert leaked not in "".join((*done[1:], *again[1:]))


def test_a_name_that_fits_no_key_or_several_revokes_none(keys: KeyStore, run: Run) -> None:
    created = [put_key("shop") for _ in range(17)]  # so that two names begin alike
    first = [key_name(key)[0] for key in created]
    shared = next(digit for digit in first if first.count(digit) > 1)

    several, none = (run("revoke", name, "--apply") for name in (shared, "zzzz"))

    assert (several[0], none[0]) == (1, 1)
    assert "keys have the name" in several[2]
    assert "no keys have the name zzzz" in none[2]
    assert all(keys.find(key) for key in created)


def test_a_stack_of_another_kind_is_one_line(run: Run) -> None:
    code, _, told = run("list", "--stack", "other")

    assert code == 1
    assert told.splitlines() == [
        "stack other, region eu-west-1 (AWS_DEFAULT_REGION)",
        "error: stack other has no output StateTableName; is it an sms-tracker stack of this version?",
    ]


def test_two_regions_are_refused_before_a_key_is_made(
    keys: KeyStore,  # noqa: ARG001  # the table is there
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    code, key, told = run("--client", "shop")

    assert (code, key) == (1, "")
    assert told == "error: regions differ: AWS_REGION is us-east-1, AWS_DEFAULT_REGION is eu-west-1\n"
    assert boto3.client("dynamodb").scan(TableName="state")["Count"] == 0
