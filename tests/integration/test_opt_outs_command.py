"""`make opt-outs`: what is exported can be imported, and a wrong line stops the whole file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ops.opt_outs import main
from ops.stack import Stack
from sms_tracker.aws.clients import client
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.opt_out import Kind, Recipient, Statement
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode
from tests import tables
from tests.integration.stored_opt_outs import NOON, opt_out_store, register
from tests.opt_outs import blocked_by

SCOPE, PERSON, OTHER = "sender:twilio:+15551234567", "+31612345678", "+31687654321"


@dataclass
class Command:
    capsys: pytest.CaptureFixture[str]
    folder: Path
    mode: ScopeMode = ScopeMode.SENDER

    def stack(self, name: str) -> Stack:
        stack = Stack(name)
        stack.opt_outs, stack.opt_out_scope, stack.countries = opt_out_store(), self.mode, None
        return stack

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main(arguments, self.stack, lambda: NOON)
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err

    def imported(self, text: str, *arguments: str) -> tuple[int, str]:
        file = self.folder / "list.csv"
        file.write_text(text, encoding="utf-8")
        code, _, told = self.run("import", str(file), *arguments)
        return code, told

    def blocked(self, number: str = PERSON, scope: str = SCOPE) -> Kind | None:
        block = blocked_by(register(), Recipient(scope=scope, number=number))
        return block.kind if block else None


@pytest.fixture
def command(aws: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:  # noqa: ARG001  # moto is below
    tables.create_both(tables.client())
    name, secret = "/sms-tracker/secrets/bird", '{"api_key": "bk_us1_key"}'
    client("ssm").put_parameter(Name=name, Value=secret, Type="SecureString")
    return Command(capsys, tmp_path)


def test_what_is_exported_can_be_imported_elsewhere(command: Command) -> None:
    kinds = (Kind.STOP, Kind.ADDED, Kind.START, Kind.REFUSED, Kind.STOP_MARKETING)
    numbers = (PERSON, "+31687654321", "+31611111111", "+31622222222", "+31633333333")
    for number, kind in zip(numbers, kinds, strict=True):
        statement = Statement(kind=kind, at=timestamp(NOON), source="twilio", reason="a, b")
        register().add(Recipient(scope=SCOPE, number=number), [statement])
    _, exported, _ = command.run("export")
    other = SCOPE.replace("555", "999")

    assert sorted(exported.splitlines()[1:]) == [
        f'{PERSON},{SCOPE},stop,2026-01-31T12:00:00.000Z,twilio,"a, b"',
        f'+31622222222,{SCOPE},refused,2026-01-31T12:00:00.000Z,twilio,"a, b"',
        f'+31633333333,{SCOPE},stop_marketing,2026-01-31T12:00:00.000Z,twilio,"a, b"',
        f'+31687654321,{SCOPE},added,2026-01-31T12:00:00.000Z,twilio,"a, b"',
    ]
    assert command.imported(exported.replace(SCOPE, other), "--apply")[0] == 0
    assert [command.blocked(number, other) for number in numbers] == [
        *(Kind.STOP, Kind.ADDED, None, Kind.REFUSED, Kind.STOP_MARKETING)
    ]


def test_what_a_provider_keeps_is_listed_page_by_page_and_can_be_imported(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {
        None: {"data": [suppressed(PERSON, "all")], "next_cursor": "ssu_1"},
        "ssu_1": {"data": [suppressed(OTHER, "non_transactional")], "next_cursor": None},
    }

    def answered(request: HttpRequest) -> HttpResponse:
        page = parse_qs(urlsplit(request.url).query).get("starting_after", [None])[0]
        return HttpResponse(200, {}, json.dumps(pages[page]).encode())

    monkeypatch.setattr("ops.opt_outs.call_provider", answered)
    code, listed, _ = command.run("list", "bird")

    assert (code, listed.splitlines()) == (
        0,
        [
            "to,provider,from,cause,at,source",
            f"{PERSON},bird,+15551234567,stop,2026-01-30T08:00:00.000Z,bird",
            f"{OTHER},bird,+15551234567,stop_marketing,2026-01-30T08:00:00.000Z,bird",
        ],
    )
    assert command.imported(listed, "--apply")[0] == 0
    assert command.blocked(scope="sender:bird:+15551234567") is Kind.STOP


def test_a_provider_that_does_not_answer_ends_the_list(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.opt_outs.call_provider", lambda _: HttpResponse(403, {}, b""))

    code, _, told = command.run("list", "bird")
    assert (code, "bird: HTTP 403" in told) == (1, True)


def suppressed(person: str, coverage: str) -> dict[str, str]:
    at = "2026-01-30T08:00:00Z"
    pair = {"destination": person, "originator": "+15551234567"}
    return {**pair, "applies_to": coverage, "reason": "keyword_stop", "effective_at": at}


def test_without_apply_nothing_is_written(command: Command) -> None:
    code, told = command.imported("to,provider,from\n+31 6 12345678,twilio,+15551234567\n")

    assert (code, told.splitlines()[-1]) == (0, "would state 1 opt-outs; run it again with --apply")
    assert command.blocked() is None


def test_a_list_of_numbers_and_a_sender_is_enough_and_may_be_repeated(command: Command) -> None:
    text = "\ufeffto,provider,from\n+31 6 12345678,twilio,+15551234567\n+31612345678,twilio,+15551234567\n"
    for _ in range(2):
        assert command.imported(text, "--apply")[0] == 0

    assert command.blocked() is Kind.ADDED


def test_the_senders_number_may_lack_the_plus_that_a_spreadsheet_drops(command: Command) -> None:
    # Found in nyaruka/rapidpro#241, Admidio/admidio#1466
    assert command.imported(f"to,provider,from\n{PERSON},twilio,15551234567\n", "--apply")[0] == 0

    assert command.blocked() is Kind.ADDED


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("Twilio,+15551234567", "line 2: provider must be one of: aws, bird, messagebird, twilio, test"),
        ("twilio,1.55512E+10", "line 2: from is not a sender for twilio, which takes "),
    ],
)
def test_a_line_whose_sender_no_message_has_is_wrong(command: Command, named: str, told: str) -> None:
    # Found in nyaruka/rapidpro#241
    code, printed = command.imported(f"to,provider,from\n{PERSON},{named}\n", "--apply")

    assert (code, told in printed) == (2, True)


def test_a_wrong_line_stops_the_whole_file_and_shows_no_number(command: Command) -> None:
    rows = (
        f"{OTHER},{SCOPE},,",
        "12,all,,",
        f"{OTHER},client:shop,,",
        f"{OTHER},,,",
        f"{OTHER},{SCOPE},start,",
        f"{OTHER},{SCOPE},,yesterday",
        f"{OTHER},{SCOPE},,2027-01-01T00:00:00Z",
    )
    code, told = command.imported("to,scope,cause,at\n" + "\n".join(rows), "--apply")

    assert code == 2
    assert [line.split(":")[1].strip() for line in told.splitlines() if line.startswith("error: line")] == [
        f"line {number}" for number in range(3, 9)
    ]
    assert OTHER not in told
    assert command.blocked(OTHER) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"to;scope\n{OTHER};{SCOPE}\n", "columns are separated by commas"),
        (f"{OTHER},{SCOPE}\n", "no column to"),
        ("", "no column to"),
    ],
)
def test_a_file_without_the_column_to_is_refused_as_a_whole(text: str, why: str, command: Command) -> None:
    # Found in django-import-export/django-import-export#181, kiesraad/e-ks#642
    code, told = command.imported(text, "--apply")

    assert code == 1
    assert why in told
    assert OTHER not in told


@pytest.mark.parametrize("rows", [1, 6000])
def test_an_open_quote_does_not_take_in_the_lines_after_it(rows: int, command: Command) -> None:
    # Found in wireservice/csvkit#382, frictionlessdata/frictionless-py#330
    opened = f'to,scope,reason\n{PERSON},{SCOPE},"called us\n'
    code, told = command.imported(opened + f"{OTHER},{SCOPE},x\n" * rows, "--apply")

    assert (code, command.blocked()) == (1, None)
    assert told.splitlines()[-1].startswith("error: line 2: ")
    assert "check its quotes; nothing was written" in told


def test_the_header_may_be_in_any_case_and_have_blanks_around_its_names(command: Command) -> None:
    # Found in openpetra/openpetra#596
    assert command.imported(f"To, Scope ,CAUSE\n{PERSON},{SCOPE},stop\n", "--apply")[0] == 0

    assert command.blocked() is Kind.STOP


def test_a_column_of_another_name_is_ignored_with_a_warning(command: Command) -> None:
    _, told = command.imported(f"to,scope,date,\n{PERSON},{SCOPE},2026-01-30,\n")

    assert "warning: ignored columns: date" in told.splitlines()


def test_empty_rows_are_skipped_and_a_wrong_line_has_its_number_in_the_file(command: Command) -> None:
    # Found in rdunlop/unicycling-registration#527, firefly-iii/firefly-iii#691
    text = f"to,scope\r\n{PERSON},{SCOPE}\r\n\r\n,\r\n"
    assert command.imported(text, "--apply")[0] == 0
    assert command.blocked() is Kind.ADDED

    _, told = command.imported(f"{text}12,{SCOPE}\r\n")
    assert [line[:14] for line in told.splitlines() if "line" in line] == ["error: line 5:"]


@pytest.mark.parametrize(
    ("mode", "text", "scope"),
    [(ScopeMode.CLIENT, f"to,client\n{PERSON},shop\n", "client:shop"), (ScopeMode.ALL, f"to\n{PERSON}\n", "all")],
)
def test_the_scope_follows_the_deployments_mode(command: Command, mode: ScopeMode, text: str, scope: str) -> None:
    command.mode = mode

    assert command.imported(text, "--apply")[0] == 0
    assert command.blocked(scope=scope) is Kind.ADDED


def test_a_forgotten_number_is_counted_and_not_listed(command: Command) -> None:
    recipient = Recipient(scope=SCOPE, number=PERSON)
    statement = Statement(kind=Kind.STOP, at=timestamp(NOON), source="twilio")
    register().add(recipient, [statement])
    opt_out_store().forget(recipient)

    _, exported, told = command.run("export")
    assert len(exported.splitlines()) == 1
    assert "1 forgotten numbers stay blocked" in told


@pytest.mark.parametrize("arguments", [["import"], ["list"], ["list", "twilio"], ["export", "opt-outs.csv"]])
def test_an_import_needs_a_file_a_list_a_provider_that_has_one_and_an_export_neither(
    command: Command, arguments: list[str]
) -> None:
    with pytest.raises(SystemExit):
        command.run(*arguments)


@pytest.mark.parametrize("reason", ["=HYPERLINK(1)", "+31", "-1", "@SUM(1)", "'quoted'", "a=b"])
def test_a_reason_that_a_spreadsheet_would_run_is_exported_as_text(command: Command, reason: str) -> None:
    # Found in onyx-dot-app/onyx#11754, CWE-1236
    recipient = Recipient(scope=SCOPE, number=PERSON)
    register().add(recipient, [Statement(kind=Kind.ADDED, at=timestamp(NOON), source="shop", reason=reason)])
    _, exported, _ = command.run("export")
    other = SCOPE.replace("555", "999")

    assert not any(cell.startswith(("=", "-", "@")) for cell in exported.splitlines()[1].split(","))
    assert command.imported(exported.replace(SCOPE, other), "--apply")[0] == 0
    again = blocked_by(register(), Recipient(scope=other, number=PERSON))
    assert again is not None
    assert again.reason == reason
