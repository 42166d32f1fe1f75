"""What consumers are promised: the published schema is current, and the samples are events that we would publish."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ops import schema
from sms_tracker import providers
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import Report
from sms_tracker.domain.state import RankedFailure, fold
from sms_tracker.domain.status import CORRECTIONS, Category, Failure, Reason, Status
from sms_tracker.read.messages import message_view
from sms_tracker.services.events import (
    OPT_OUT_CHANGED,
    RECEIVED,
    SOURCE,
    STATUS_CHANGED,
    OptOutChanged,
    SmsReceived,
    StatusChanged,
)
from sms_tracker.services.publish import PublishPolicy, status_changed
from tests.factories import record

PUBLISHED = Path(__file__).parents[2] / "events" / "published"
POLICY = PublishPolicy(statuses=frozenset({*Status, CORRECTIONS}), personal_data=False)
BIRD_ID = "e8077d803532c0b5937c639b60216938"
AWS_ID = "5c0d6b1e-3c2c-4a0b-8a0e-9d3f5a7b1c02"
VALIDATOR = jsonschema.Draft202012Validator(schema.document())


def twilio(word: str, second: int, **fields: str) -> Report:
    sid = "SM00000000000000000000000000000a01"
    return _report("twilio", {"MessageSid": sid, "MessageStatus": word, **fields}, second)


def messagebird(word: str, second: int, **fields: str) -> Report:
    return _report("messagebird", {"id": BIRD_ID, "status": word, **fields}, second)


def _report(provider: str, fields: Mapping[str, str], second: int) -> Report:
    return providers.load(provider).report(fields, received_at=f"2026-01-31T12:00:{second:02d}.000Z")


def aws(word: str, second: int, *, final: bool = False) -> Report:
    fields = {"messageId": AWS_ID, "eventType": f"TEXT_{word}", "messageStatus": word, "isFinal": str(final).lower()}
    return _report("aws", fields, second)


GIVEN_UP = Report(provider="twilio", word="unknown", status=Status.UNKNOWN, received="2026-01-31T12:00:59.000Z")

CHANGES: dict[str, tuple[list[Report], Report]] = {
    "failed": ([twilio("sent", 1)], twilio("failed", 5, ErrorCode="30007", ErrorMessage="Message filtered")),
    "undelivered": ([twilio("sent", 1)], twilio("undelivered", 9, ErrorCode="30003")),
    "expired": ([messagebird("sent", 1), messagebird("buffered", 3)], messagebird("expired", 50)),
    "unknown": ([twilio("sent", 1)], GIVEN_UP),
    "unconfirmed": ([aws("PENDING", 1)], aws("SUCCESSFUL", 4, final=True)),
    "correction": ([twilio("sent", 1), twilio("undelivered", 9, ErrorCode="30003")], twilio("delivered", 30)),
    "learnt-code": ([twilio("undelivered", 9)], twilio("undelivered", 12, ErrorCode="30006")),
    "delivered": ([twilio("sent", 1)], twilio("delivered", 4)),
}
"""What had been reported, and what then changed it."""
REPLIES: dict[str, tuple[type[SmsReceived | OptOutChanged], str, str]] = {
    "received": (SmsReceived, RECEIVED, "sms-received"),
    "opt-out": (OptOutChanged, OPT_OUT_CHANGED, "sms-opt-out-changed"),
}


def folded(reports: Iterable[Report], version: int) -> Record:
    fresh, reports = record(), list(reports)
    entries = {
        each.fingerprint: Entry(word=each.word, received=each.received, attempt=each.attempt, source=each.source)
        for each in reports
    }
    state = fold(reports, base=replace(fresh.state, provider=reports[0].provider))
    updated = max(each.received for each in reports)
    return replace(fresh, state=state, reports=entries, version=version, updated_at=updated)


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((PUBLISHED / f"{name}.json").read_text())
    return read


def detail(name: str, policy: PublishPolicy = POLICY) -> dict[str, Any]:
    before, change = CHANGES[name]
    made = status_changed(folded(before, 1 + len(before)), folded([*before, change], 2 + len(before)), policy)
    assert made is not None
    published: dict[str, Any] = json.loads(made.detail())
    return published


def test_schemas_are_current_or_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for each in (schema.document(), *schema.replies().values()):
        jsonschema.Draft202012Validator.check_schema(each)
    assert schema.main(["--check"]) == 0
    assert capsys.readouterr().err == ""
    assert schema.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err.count("is not current: run `python -m ops.schema`") == len(schema.files())
    assert schema.main([], tmp_path) == schema.main(["--check"], tmp_path) == 0


def test_there_is_a_sample_for_every_kind_of_change_and_it_shows_what_its_name_says() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} == CHANGES.keys()
    assert {path.stem for path in (PUBLISHED / "replies").glob("*.json")} == REPLIES.keys()

    shown = {name: detail(name) for name in CHANGES}

    assert {name: (each["previous_status"], each["status"], each["corrects"]) for name, each in shown.items()} == {
        "failed": ("sent", "failed", None),
        "undelivered": ("sent", "undelivered", None),
        "expired": ("buffered", "expired", None),
        "unknown": ("sent", "unknown", None),
        "unconfirmed": ("sending", "unknown", None),
        "correction": ("undelivered", "delivered", "undelivered"),
        "learnt-code": ("undelivered", "undelivered", None),
        "delivered": ("sent", "delivered", None),
    }
    assert shown["learnt-code"]["failure"]["code"] == "30006"
    assert shown["correction"]["failure"] is None


@pytest.mark.parametrize("name", REPLIES)
def test_a_sample_of_a_reply_or_an_opt_out_fits_its_schema_and_its_model(name: str) -> None:
    envelope, (model, kind, schema_name) = sample(f"replies/{name}"), REPLIES[name]

    jsonschema.Draft202012Validator(schema.replies()[schema_name]).validate(envelope["detail"])
    assert json.loads(model.model_validate(envelope["detail"]).detail()) == envelope["detail"]
    assert envelope.keys() == sample("failed").keys()
    assert (envelope["source"], envelope["detail-type"]) == (SOURCE, kind)


@pytest.mark.parametrize("name", CHANGES)
def test_a_sample_is_an_event_as_the_bus_hands_over_what_the_publisher_makes(name: str) -> None:
    envelope = sample(name)

    assert envelope["detail"] == detail(name)
    assert (envelope["source"], envelope["detail-type"]) == (SOURCE, STATUS_CHANGED)
    beside = {"version", "id", "detail-type", "source", "account", "time", "region", "resources"}
    assert envelope.keys() - {"detail"} == beside


@pytest.mark.parametrize("name", CHANGES)
def test_an_event_fits_the_schema_and_has_no_number_and_no_text_unless_a_parameter_says_so(name: str) -> None:
    with_personal_data = detail(name, replace(POLICY, personal_data=True))

    VALIDATOR.validate(detail(name))
    VALIDATOR.validate(with_personal_data)
    assert detail(name).keys().isdisjoint({"to", "from", "body"})
    assert (with_personal_data["to"], with_personal_data["from"]) == ("+31612345678", "+15551234567")
    assert "body" not in with_personal_data


@pytest.mark.parametrize(
    "changed",
    [
        *[{name: None} for name in schema.document()["required"]],
        *[{"status": "lost"}, {"version": 0}, {"attempt": 20}, {"created_at": "yesterday"}, {"schema": 2}],
    ],
)
def test_the_schema_refuses_a_missing_field_and_what_is_no_event_of_ours(changed: dict[str, object]) -> None:
    event = {**detail("failed"), **changed}
    missing = {name for name, value in changed.items() if value is None}

    assert not VALIDATOR.is_valid({name: value for name, value in event.items() if name not in missing})


LATER_FIELDS = ("retryable", "meaning", "retry_advice")


@pytest.mark.parametrize("name", ["failed", "undelivered", "expired", "learnt-code"])
def test_neither_a_field_that_is_added_later_nor_an_archived_event_without_one_breaks_a_consumer(name: str) -> None:
    failure = {key: value for key, value in detail(name)["failure"].items() if key not in LATER_FIELDS}

    for other in ({**detail(name), "added_later": 1}, {**detail(name), "failure": failure}):
        VALIDATOR.validate(other)
        assert StatusChanged.model_validate(other) == StatusChanged.model_validate(detail(name))


@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("reason", Reason)
def test_an_event_explains_its_failure_as_the_api_does(reason: Reason, category: Category) -> None:
    failure = Failure(category=category, reason=reason, code="30003", message="Unreachable")
    state = replace(record().state, status=Status.FAILED, failure=RankedFailure(failure=failure, order=1))
    made = status_changed(record(), replace(record(), state=state), POLICY)
    shown = message_view(replace(record(), state=state))["failure"]

    assert made is not None
    assert shown is not None
    published = json.loads(made.detail())["failure"]
    assert published == {name: value for name, value in shown.items() if name != "docs_url"}
    VALIDATOR.validate(json.loads(made.detail()))
