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
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.record import Entry, Record
from sms_tracker.domain.report import Report
from sms_tracker.domain.state import RankedFailure, fold
from sms_tracker.domain.status import CORRECTIONS, Status
from sms_tracker.read.views import message
from sms_tracker.services.events import (
    DETAIL_TYPE,
    OPT_OUT_CHANGED,
    RECEIVED,
    SOURCE,
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
    fresh = record()
    reports = list(reports)
    state = replace(fresh.state, provider=reports[0].provider)
    updated = max(report.received for report in reports)
    entries = {
        report.fingerprint: Entry(
            word=report.word, received=report.received, attempt=report.attempt, source=report.source
        )
        for report in reports
    }
    return replace(fresh, state=fold(reports, base=state), reports=entries, version=version, updated_at=updated)


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((PUBLISHED / f"{name}.json").read_text())
    return read


def detail(name: str, policy: PublishPolicy = POLICY) -> dict[str, Any]:
    before, change = CHANGES[name]
    made = status_changed(folded(before, 1 + len(before)), folded([*before, change], 2 + len(before)), policy)
    assert made is not None
    published: dict[str, Any] = json.loads(made.detail())
    return published


def test_the_published_schemas_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_outdated_schemas_are_found_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err.count("is not current: run `python -m ops.schema`") == len(schema.files())
    assert schema.main([], tmp_path) == 0
    assert schema.main(["--check"], tmp_path) == 0


def test_the_schemas_themselves_are_valid() -> None:
    for each in (schema.document(), *schema.replies().values()):
        jsonschema.Draft202012Validator.check_schema(each)


def test_there_is_a_sample_for_every_kind_of_change_and_no_other() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} == CHANGES.keys()
    assert {path.stem for path in (PUBLISHED / "replies").glob("*.json")} == REPLIES.keys()


@pytest.mark.parametrize("name", REPLIES)
def test_a_sample_of_a_reply_or_an_opt_out_fits_its_schema_and_its_model(name: str) -> None:
    envelope, (model, kind, schema_name) = sample(f"replies/{name}"), REPLIES[name]

    jsonschema.Draft202012Validator(schema.replies()[schema_name]).validate(envelope["detail"])
    assert json.loads(model.model_validate(envelope["detail"]).detail()) == envelope["detail"]
    assert envelope.keys() == sample("failed").keys()
    assert (envelope["source"], envelope["detail-type"]) == (SOURCE, kind)


@pytest.mark.parametrize("name", CHANGES)
def test_a_sample_is_what_the_publisher_makes_of_the_change(name: str) -> None:
    assert sample(name)["detail"] == detail(name)


@pytest.mark.parametrize("name", CHANGES)
def test_a_sample_is_an_event_as_the_bus_hands_it_over(name: str) -> None:
    envelope = sample(name)

    assert (envelope["source"], envelope["detail-type"]) == (SOURCE, DETAIL_TYPE)
    assert set(envelope) == {
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail",
    }  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_an_event_fits_the_schema(name: str) -> None:
    VALIDATOR.validate(detail(name))
    VALIDATOR.validate(detail(name, replace(POLICY, personal_data=True)))


@pytest.mark.parametrize("name", CHANGES)
def test_an_event_holds_no_number_and_no_text_unless_a_parameter_says_so(name: str) -> None:
    with_personal_data = detail(name, replace(POLICY, personal_data=True))

    assert detail(name).keys().isdisjoint({"to", "from", "body"})
    assert (with_personal_data["to"], with_personal_data["from"]) == ("+31612345678", "+15551234567")
    assert "body" not in with_personal_data


@pytest.mark.parametrize("missing", sorted(schema.document()["required"]))
def test_the_schema_demands_every_field_that_is_always_there(missing: str) -> None:
    incomplete = {name: value for name, value in detail("failed").items() if name != missing}

    assert not VALIDATOR.is_valid(incomplete)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("status", "lost"), ("version", 0), ("attempt", 20), ("created_at", "yesterday"), ("schema", 2)],
)
def test_the_schema_refuses_what_is_no_event_of_ours(field: str, wrong: object) -> None:
    assert not VALIDATOR.is_valid({**detail("failed"), field: wrong})


def test_a_field_that_is_added_later_breaks_no_consumer() -> None:
    later = {**detail("failed"), "added_later": 1}

    assert VALIDATOR.is_valid(later)
    assert StatusChanged.model_validate(later) == StatusChanged.model_validate(detail("failed"))


@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("reason", Reason)
def test_an_event_explains_its_failure_as_the_api_does(reason: Reason, category: Category) -> None:
    failure = Failure(category=category, reason=reason, code="30003", message="Unreachable")
    state = replace(record().state, status=Status.FAILED, failure=RankedFailure(failure=failure, order=1))
    made = status_changed(record(), replace(record(), state=state), POLICY)
    shown = message(replace(record(), state=state))["failure"]

    assert made is not None
    assert shown is not None
    published = json.loads(made.detail())["failure"]
    assert published == {name: value for name, value in shown.items() if name != "docs_url"}
    VALIDATOR.validate(json.loads(made.detail()))


@pytest.mark.parametrize("name", ["failed", "undelivered", "expired", "learnt-code"])
def test_an_archived_event_without_an_explanation_still_fits(name: str) -> None:
    archived = detail(name)
    for added in ("retryable", "meaning", "retry_advice"):
        del archived["failure"][added]

    VALIDATOR.validate(archived)
    assert StatusChanged.model_validate(archived) == StatusChanged.model_validate(detail(name))


def test_the_samples_show_what_their_names_say() -> None:
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
