"""From POST to a final status that agrees with the provider's ledger, in every scenario."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import jsonschema
import pytest

from local.process import ROOT
from local.simulators import load
from local.stack import Stack
from tests.e2e import provider, scenario_run, watch
from tests.e2e.provider import Simulator, callback, number, report_fields, signed, silent, tell
from tests.e2e.scenario_run import CASES, Case, ScenarioRun

SCHEMA = json.loads((ROOT / "events" / "schema" / "sms-status-changed.v1.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def unknown_anywhere(stack: Stack) -> int:
    """A report that names no message of ours and none of the provider's that we know; told first, looked for last."""
    fields = report_fields("twilio", "unknown-anywhere", "delivered")
    return tell(signed("twilio", callback(stack.api_url, "twilio", None), fields))


@pytest.fixture(scope="module")
def run(stack: Stack, api: httpx.Client, simulators: dict[str, Simulator]) -> ScenarioRun:
    return scenario_run.run_all(stack, api, simulators)


def of(course: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [case for case in CASES if case.course == course], ids=str)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_record_ends_as_the_providers_ledger_says(case: Case, run: ScenarioRun) -> None:
    assert run.records[case]["final"]
    assert run.differences(case) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_message_is_one_post(case: Case, run: ScenarioRun, simulators: dict[str, Simulator]) -> None:
    answered = [post["answered"] for post in simulators[case.provider].posts(case.to)]
    success = {"bird": 202, "aws": 200}.get(case.provider, 201)
    throttled = 400 if case.provider == "aws" else 429
    expected = {"throttled-once": [throttled, success], "timeout": [None], "broken-answer": [500]}

    if run.answers[case].status_code == 202:
        assert answered == expected.get(case.course, [success])
    else:
        assert (case.course, len(answered)) in {("refused", 1), ("opted-out", 1)}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_report_is_acknowledged_but_the_forged(
    case: Case, run: ScenarioRun, simulators: dict[str, Simulator]
) -> None:
    assert case in run.records
    usual = 200 if case.provider in {"aws", "messagebird"} else 204
    for message in simulators[case.provider].taken(case.to):
        for made in message["callbacks"]:
            assert {each["status"] for each in made["attempts"]} == {403 if made["forged"] else usual}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_timeline_holds_each_distinct_report_once(
    case: Case, run: ScenarioRun, simulators: dict[str, Simulator]
) -> None:
    reports = run.records[case]["reports"]
    told = [(each["provider_status"], each["code"]) for each in reports if each["source"] == "callback"]
    answered = {(each["provider_status"], each["code"]) for each in reports if each["source"] == "answer"}
    made = {
        (each["word"], None if each["code"] is None else str(each["code"]))
        for message in simulators[case.provider].taken(case.to)
        for each in message["callbacks"]
        if not each["forged"]
    }

    assert len(told) == len(set(told))
    # MessageBird dates its answer: a callback of the same word and second is the same report.
    assert made - answered <= set(told) <= made


@of("forged")
def test_a_forged_delivery_is_never_believed(case: Case, run: ScenarioRun, simulators: dict[str, Simulator]) -> None:
    (message,) = simulators[case.provider].taken(case.to)

    forged = ["delivered"] if case.provider in provider.CALLING else []  # nobody else may write to AWS's topic
    assert [made["word"] for made in message["callbacks"] if made["forged"]] == forged
    assert run.records[case]["status"] == "undelivered"


@of("new-word")
def test_a_word_that_we_do_not_know_is_kept_as_it_came(case: Case, run: ScenarioRun) -> None:
    (unknown,) = [each for each in run.records[case]["reports"] if each["provider_status"].lower() == "teleported"]

    assert unknown["status"] is None
    assert unknown["fields"]


def first_code(case: Case) -> str:
    """The first code in the course of reports."""
    _, _, rest = load(case.provider).courses[case.course].partition(":")
    return rest.split()[0]


@of("new-code")
def test_a_code_that_we_do_not_know_is_kept_and_told(case: Case, run: ScenarioRun) -> None:
    assert run.records[case]["failure"]["code"] == first_code(case)
    assert run.events_of(case)[-1]["failure"]["code"] == first_code(case)


@of("code-then-none")
def test_a_later_failure_without_a_code_does_not_erase_the_first_ones(case: Case, run: ScenarioRun) -> None:
    assert run.records[case]["failure"]["code"] == first_code(case)


@of("early")
def test_reports_that_overtake_the_answer_are_not_undone_by_it(case: Case, run: ScenarioRun) -> None:
    answered, record = run.answers[case], run.records[case]

    assert answered.status_code == 202
    assert answered.json()["provider_message_id"] == record["provider_message_id"]
    words = {"PENDING", "DELIVERED.final"} if case.provider == "aws" else {"sent", "delivered"}
    assert words <= {each["provider_status"] for each in record["reports"]}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_arrived_without_a_failure_is_not_published(case: Case, run: ScenarioRun) -> None:
    published = [(event["status"], event["previous_status"]) for event in run.events_of(case)]

    assert len(published) == len(set(published))
    if case.course != "corrected" and run.records[case]["outcome"] == "success":
        assert published == []


def test_every_event_is_valid_and_names_nobody(run: ScenarioRun) -> None:
    assert run.events
    for event in run.events:
        jsonschema.validate(event["detail"], SCHEMA)
        assert (event["source"], event["detail-type"]) == ("sms-tracker", "SMS Status Changed")
        assert_names_nobody(json.dumps(event["detail"]))


def test_people_are_told_of_every_kind_of_failure_and_of_nobodys_number(run: ScenarioRun) -> None:
    failed = [record for record in run.records.values() if record["outcome"] == "failure"]
    counts = [int(count) for text in run.digests for count in re.findall(r"^(\d+) x ", text, flags=re.MULTILINE)]

    assert sum(counts) >= len(failed)
    for text in run.digests:
        assert_names_nobody(text)


def assert_names_nobody(text: str) -> None:
    assert scenario_run.TEXT not in text
    assert not [case.to for case in CASES if case.to[1:] in text]


# -- A send that is never answered ---------------------------------------------------------------------------------


@of("timeout")
def test_a_send_without_an_answer_is_pending_until_a_report_says_more(case: Case, run: ScenarioRun) -> None:
    assert run.answers[case].status_code == 202
    assert run.answers[case].json()["status"] == "pending"
    assert run.answers[case].json()["provider_message_id"] is None
    assert run.records[case]["status"] == "delivered"
    assert run.records[case]["provider_message_id"]


@of("timeout")
def test_the_same_key_meanwhile_is_asked_to_wait(case: Case, run: ScenarioRun) -> None:
    answer = run.while_open[case]

    assert answer.status_code == 409
    assert 1 <= int(answer.headers["retry-after"]) <= 34


# -- Reports that come late, or without our ids --------------------------------------------------------------------


@pytest.mark.parametrize("name", provider.CALLING)
def test_what_comes_again_or_late_changes_nothing(name: str, api: httpx.Client, stack: Stack) -> None:
    sent = silent(api, name)
    target = callback(stack.api_url, name, sent["message_id"])
    delivered, late = (
        signed(name, target, report_fields(name, sent["provider_message_id"], word, occurred="2026-01-31T12:00:00Z"))
        for word in ("delivered", "sent")
    )
    assert tell(delivered) in {200, 204}
    before = watch.final(api, sent["message_id"])
    for request in (delivered, late, delivered, late):
        assert tell(request) in {200, 204}
    watch.drained(stack)
    after = api.get(f"/messages/{sent['message_id']}").json()

    assert (after["status"], after["version"]) == ("delivered", before["version"])
    assert sorted(each["provider_status"] for each in after["reports"] if each["source"] == "callback") == [
        "delivered",
        "sent",
    ]


@pytest.mark.parametrize("name", provider.CALLING)
def test_a_delivery_after_a_published_failure_is_published_as_its_correction(
    name: str, api: httpx.Client, stack: Stack
) -> None:
    events, sent = stack.observe_events(name=f"corrections-{name}"), silent(api, name)
    target = callback(stack.api_url, name, sent["message_id"])
    failed = "delivery_failed" if name == "messagebird" else "undelivered"

    assert tell(signed(name, target, report_fields(name, sent["provider_message_id"], failed))) in {200, 204}
    first = watch.event(events, sent["message_id"])
    assert tell(signed(name, target, report_fields(name, sent["provider_message_id"], "delivered"))) in {200, 204}
    second = watch.event(events, sent["message_id"])

    assert (first["status"], first["outcome"], first["corrects"]) == ("undelivered", "failure", None)
    assert (second["status"], second["outcome"], second["corrects"]) == ("delivered", "success", "undelivered")
    assert (second["previous_status"], second["failure"]) == ("undelivered", None)
    assert first["version"] < second["version"]


def test_a_failure_that_learns_its_code_is_published_again(api: httpx.Client, stack: Stack) -> None:
    events, sent = stack.observe_events(name="codes"), silent(api, "twilio")
    target = callback(stack.api_url, "twilio", sent["message_id"])
    fields = report_fields("twilio", sent["provider_message_id"], "failed")

    assert tell(signed("twilio", target, fields)) == 204
    first = watch.event(events, sent["message_id"])
    assert tell(signed("twilio", target, {**fields, "ErrorCode": "30003"})) == 204
    second = watch.event(events, sent["message_id"])

    assert (first["status"], first["failure"]["code"]) == ("failed", None)
    assert (second["status"], second["previous_status"], second["failure"]["code"]) == ("failed", "failed", "30003")


@pytest.mark.parametrize("name", provider.CALLING)
def test_a_report_without_our_ids_is_found_by_the_providers_own(name: str, api: httpx.Client, stack: Stack) -> None:
    sent = silent(api, name)
    fields = report_fields(name, sent["provider_message_id"], "delivered")

    assert tell(signed(name, callback(stack.api_url, name, None), fields)) in {200, 204}
    assert watch.final(api, sent["message_id"])["status"] == "delivered"


@pytest.mark.parametrize("name", provider.CALLING)
def test_a_report_of_a_message_that_is_not_ours_is_put_aside(name: str, stack: Stack) -> None:
    fields = report_fields(name, f"foreign-{name}", "delivered")
    target = callback(stack.api_url, name, "00000000-0000-4000-8000-000000000001")

    assert tell(signed(name, target, fields)) in {200, 204}
    message = watch.found_in(stack, "UnmatchedQueueUrl", f"foreign-{name}")
    assert watch.reason(message) == "no message has this id"
    assert f"foreign-{name}" in str(json.loads(message["Body"])["fields"])


@pytest.mark.parametrize("body", ["poison", '{"v":99,"poison":true}', '{"v":1,"provider":"poison"}'])
def test_what_no_processor_can_read_goes_to_the_dlq_with_the_reason(body: str, stack: Stack) -> None:
    stack.clients.sqs.send_message(QueueUrl=stack.deployment.outputs["ReportsQueueUrl"], MessageBody=body)
    message = watch.found_in(stack, "ReportsDlqUrl", body)

    assert message["Body"] == body
    assert watch.reason(message)


@pytest.mark.parametrize("generation", ["legacy", "bird", "jwt"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_generation_of_messagebirds_signature_is_believed(
    generation: str, method: str, api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    simulators["messagebird"].settings(signature=generation, algorithm="HS512", method=method)
    try:
        message = {"to": number("00"), "body": "Hello", "provider": "messagebird"}
        sent = api.post("/messages", json=message).json()
        assert watch.final(api, sent["message_id"])["status"] == "delivered"
    finally:
        simulators["messagebird"].settings(signature="jwt", algorithm="HS256", method="GET")


def test_a_report_of_a_message_that_nobody_knows_is_looked_up_twice_and_put_aside(
    stack: Stack, unknown_anywhere: int
) -> None:
    assert unknown_anywhere == 204
    message = watch.found_in(stack, "UnmatchedQueueUrl", "unknown-anywhere")
    assert watch.reason(message) == "no message has this provider id"
    assert json.loads(message["Body"])["tries"] == 1


# -- Events of AWS, which come through the template's topic --------------------------------------------------------


def ended(api: httpx.Client, simulator: Simulator, to: str, reports: str) -> dict[str, Any]:
    """The final record of a message to ``to`` that is reported so."""
    simulator.script(to, {"reports": reports})
    sent = api.post("/messages", json={"to": to, "body": "Hello", "provider": "aws"}).raise_for_status().json()
    return watch.final(api, sent["message_id"], reports=1 + len(reports.split()))  # the answer, and these


def test_what_no_handset_confirms_ends_as_unknown_without_a_digest(
    api: httpx.Client, stack: Stack, simulators: dict[str, Simulator]
) -> None:
    events, failures = stack.observe_events(name="unconfirmed"), stack.observe_digests(name="unconfirmed-digests")
    quiet = ended(api, simulators["aws"], number("00"), "PENDING SUCCESSFUL.final")
    first = watch.event(events, quiet["message_id"])
    loud = ended(api, simulators["aws"], number("00"), "PENDING UNKNOWN.final")
    second = watch.event(events, loud["message_id"])
    texts = watch.collected(failures, lambda seen: loud["message_id"] in "".join(seen), "the other failure is missing")

    assert (quiet["status"], loud["status"]) == ("unknown", "unknown")
    assert (first["outcome"], first["unconfirmed"], "unconfirmed" in second) == ("unknown", True, False)
    assert quiet["message_id"] not in "".join(texts)


def test_where_the_operator_says_so_the_carriers_acceptance_is_a_delivery(
    api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    assert ended(api, simulators["aws"], "+41791234567", "PENDING SUCCESSFUL.final")["status"] == "delivered"


def test_failures_that_are_not_final_move_nothing(api: httpx.Client, simulators: dict[str, Simulator]) -> None:
    record = ended(api, simulators["aws"], number("00"), "UNREACHABLE CARRIER_UNREACHABLE PENDING DELIVERED.final")

    assert (record["status"], record["failure"]) == ("delivered", None)
    assert [each["status"] for each in record["reports"] if "UNREACHABLE" in each["provider_status"]] == [None, None]
