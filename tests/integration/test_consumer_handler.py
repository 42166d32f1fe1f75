"""The consumers' handler: of one message's events the highest version stays, in any order and however often."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest

from tests.cloud import ROOT
from tests.unit.template_stack import consumer

HANDLER = ROOT / "examples" / "consumers" / "handler"
FAILED, CORRECTION, LATER = "undelivered", "correction", "learnt-code"


@pytest.fixture
def app(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:  # noqa: ARG001  # moto is behind it
    """The handler at a cold start, with an empty table."""
    table = {**consumer("queue").properties("Table"), "TableName": "newest"}
    del table["TimeToLiveSpecification"]  # another call's
    boto3.client("dynamodb").create_table(**table)
    monkeypatch.setenv("TABLE", "newest")
    monkeypatch.syspath_prepend(str(HANDLER))
    sys.modules.pop("app", None)
    yield importlib.import_module("app")
    del sys.modules["app"]


def sample(name: str, **changes: Any) -> dict[str, Any]:
    """A published event in its envelope, with changes to its detail."""
    event: dict[str, Any] = json.loads((ROOT / "events" / "published" / f"{name}.json").read_text())
    return {**event, "detail": {**event["detail"], **changes}}


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m-{number}", "body": body} for number, body in enumerate(bodies)]}


def stored() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = boto3.resource("dynamodb").Table("newest").scan()["Items"]
    return items


VERSIONS = (sample(FAILED, version=3), sample(LATER, version=4), sample(CORRECTION, version=5))

ORDERS = [
    pytest.param(order, id="-".join(str(event["detail"]["version"]) for event in order))
    for order in itertools.permutations(VERSIONS)
]


@pytest.mark.parametrize("order", ORDERS)
def test_in_any_order_the_highest_version_stays_and_duplicates_change_nothing(
    order: tuple[dict[str, Any], ...], app: ModuleType
) -> None:
    for event in order:
        app.from_bus(event, None)

    (item,) = before = stored()
    assert (item["version"], item["status"], item["outcome"], item["failure"]) == (5, "delivered", "success", None)
    bodies = [json.dumps(event) for event in (*order, *order)]
    assert app.from_queue(batch(*bodies), None) == {"batchItemFailures": []}
    assert stored() == before


def test_a_handler_learns_whether_an_event_is_news(app: ModuleType) -> None:
    failed, corrected = sample(FAILED)["detail"], sample(CORRECTION)["detail"]
    news = [app.keep(each) for each in (failed, failed, corrected, failed, corrected)]

    assert news == [True, False, True, False, False]


def test_a_failure_is_stored_with_its_explanation_and_without_a_number(app: ModuleType) -> None:
    app.from_bus(sample(FAILED, to="+31612345678", body="Your parcel is here"), None)

    (item,) = stored()
    assert item["failure"]["retryable"] is True
    assert item["failure"]["meaning"] == "The handset was off or out of reach. Send again later."
    assert item.keys() == {"message_id", "version", "status", "outcome", "reference", "failure", "expires_at"}


def test_an_archived_event_without_an_explanation_is_stored(app: ModuleType) -> None:
    bare = {"category": "temporary", "reason": "unreachable", "code": None, "message": None}

    app.from_bus(sample(FAILED, failure=bare), None)

    assert stored()[0]["failure"] == bare


@pytest.mark.parametrize("broken", ["", "no JSON", "[]", "{}", '{"detail": {"version": 1}}', '{"detail": null}'])
def test_a_record_that_cannot_be_read_comes_again_alone(
    broken: str, app: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    answer = app.from_queue(batch(json.dumps(sample(FAILED)), broken, json.dumps(sample(CORRECTION))), None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert stored()[0]["status"] == "delivered"
    assert [line.getMessage() for line in caplog.records] == ["failed: m-1"]


def test_an_event_that_cannot_be_stored_is_not_taken_for_a_duplicate(app: ModuleType) -> None:
    boto3.client("dynamodb").delete_table(TableName="newest")

    assert app.from_queue(batch(json.dumps(sample(FAILED))), None) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    with pytest.raises(app._table.meta.client.exceptions.ResourceNotFoundException):  # noqa: SLF001
        app.from_bus(sample(FAILED), None)
