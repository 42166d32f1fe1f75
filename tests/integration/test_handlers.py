"""Every function on every sample of events/: imported as Lambda does at a cold start, with AWS in memory behind it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from twilio.request_validator import RequestValidator

from sms_tracker import __version__
from sms_tracker.aws.clients import calling
from sms_tracker.aws.connections import Answer, Connections
from sms_tracker.aws.items import to_item
from sms_tracker.aws.reconcile_state import StatisticsStore
from sms_tracker.domain.errors import Misconfigured, Unavailable
from sms_tracker.domain.hourly_stats import HourlyStats, Tally
from sms_tracker.domain.queued import RawInbound, encode_reply
from sms_tracker.domain.report import Source, timestamp
from sms_tracker.domain.state import initial_state
from sms_tracker.domain.status import Status
from tests import moto_client
from tests.cloud import (
    API_KEY,
    AWS,
    BIRD_MESSAGE,
    PRIVATE,
    ROOT,
    SECRETS,
    SID,
    Cloud,
    Invoke,
    Provider,
    cold_start,
    put_answered,
    put_key,
    sample,
)
from tests.cloudwatch import level
from tests.configs import VARIABLES
from tests.factories import MESSAGE_ID, record

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
AWS_MESSAGE, AWS_ID = "5d1c2a70-3f0b-4c58-9a53-2f4f6a1f1c33", "862a8790-60c0-4430-9b2b-658bdc0ffee1"
SAMPLES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))


def function_of(name: str) -> str:
    """``send-idempotent`` is one of send's; /health is one of query's routes."""
    return "query" if name == "health" else name.split("-", maxsplit=1)[0]


TAKEN, SHOWN, HANDLED = {"statusCode": 202}, {"statusCode": 200}, {"batchItemFailures": list[object]()}
EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "send": TAKEN, "send-idempotent": TAKEN, "webhook-twilio": {"statusCode": 204}, "webhook-messagebird": SHOWN,
    "processor": HANDLED, "processor-aws": HANDLED, "publisher": HANDLED, "digest": HANDLED, "inbound": HANDLED,
    "query-message": SHOWN, "query-list": SHOWN, "query-stats": SHOWN, "query-page": SHOWN, "health": SHOWN,
    "inbound-opt-outs": SHOWN, "authorizer": {"isAuthorized": True}, "reconciler": {}, "reconciler-statistics": {},
}  # fmt: skip


def test_every_function_has_a_sample_and_every_sample_a_function_and_an_expectation() -> None:
    assert {function_of(name) for name in SAMPLES} == set(FUNCTIONS)
    assert set(SAMPLES) == EXPECTED.keys()
    assert set(FUNCTIONS) == VARIABLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_answered_as_expected(invoke: Invoke, name: str) -> None:
    answer = invoke(function_of(name), sample(name)).answer

    assert {key: answer[key] for key in EXPECTED[name]} == EXPECTED[name]


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_without_its_variables_or_with_wrong_ones_does_not_start_and_names_them(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "")
    monkeypatch.setenv("ALLOWED_COUNTRIES", "NL,UK")
    if "ALLOWED_COUNTRIES" in VARIABLES[function]:
        with pytest.raises(Misconfigured, match=r"ALLOWED_COUNTRIES \(UK is no country code, write GB\)$"):
            cold_start(function)
    for name in VARIABLES[function]:
        monkeypatch.delenv(name)

    with pytest.raises(Misconfigured) as caught:
        cold_start(function)

    assert str(caught.value) == f"missing or malformed settings: {', '.join(sorted(VARIABLES[function]))}"


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_says_as_it_starts_which_version_it_is_and_its_settings_names(
    function: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "")
    values = {os.environ[name] for name in VARIABLES[function]}

    cold_start(function)

    told = capsys.readouterr().out
    line = json.loads(told)
    assert (line["level"], line["decision"], line["service"]) == ("INFO", "started", function)
    assert level({**line, "level": "any other"}) == "any other"  # the line has the time without which it would be INFO
    assert (line["version"], frozenset(line["settings"])) == (__version__, VARIABLES[function])
    assert [value for value in values if json.dumps(value) in told] == []


def put_parameter(name: str, value: str) -> None:
    AWS.ssm.put_parameter(Name=f"/stack/{name}", Value=value, Type="String")


def test_a_message_is_recorded_handed_to_its_provider_and_answered(
    invoke: Invoke, cloud: Cloud, provider: Provider
) -> None:
    put_parameter("senders", '{"twilio": {"NL": "Winkel", "*": "MyShop"}}')
    sent = invoke("send", sample("send"))
    body = json.loads(sent.answer["body"])

    ((path, form),) = provider.taken
    assert path.startswith("/2010-04-01/Accounts/")
    assert f"message_id%3D{body['message_id']}" in form
    assert "From=Winkel&" in form
    assert cloud.record(body["message_id"]).state.provider_message_id == SID == body["provider_message_id"]
    assert (sent.answer["statusCode"], sent.line["message_id"]) == (202, body["message_id"])
    assert sent.answer["headers"]["location"] == f"/messages/{body['message_id']}"
    assert (sent.line["decision"], sent.metrics) == ("accepted", {})  # nothing reads a count of what went well


@pytest.mark.parametrize(("scope", "reads"), [("sender", 1), ("client", 1), ("all", 1), ("off", 0)])
def test_a_send_reads_one_item_where_opt_outs_are_on_and_an_environment_the_stops_before_its_first(
    scope: str, reads: int, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    def post(_: Connections, headers: dict[str, str], body: bytes) -> Answer:
        calls.append((headers["x-amz-target"], json.loads(body)))
        return moto_client.ask(headers, body)

    monkeypatch.setattr(Connections, "post", post)
    monkeypatch.setenv("OPT_OUT_SCOPE", scope)
    invoke("send", sample("send"))

    asked = [(target.rpartition(".")[2], arguments) for target, arguments in calls if target.startswith("DynamoDB")]
    stops, *further = asked
    assert (stops[0], stops[1]["Key"]["pk"]["S"], stops[1]["ConsistentRead"]) == ("GetItem", "sending-stops", False)
    assert [operation for operation, _ in further] == ["PutItem", *["GetItem"] * reads, "UpdateItem"]
    assert all(arguments["ConsistentRead"] for operation, arguments in further if operation == "GetItem")


def test_the_same_key_sends_once(invoke: Invoke, provider: Provider) -> None:
    first, again = (invoke("send", sample("send-idempotent")) for _ in range(2))

    assert len(provider.taken) == 1
    assert first.answer["body"] == again.answer["body"]
    assert again.line["decision"] == "replayed"


def test_a_refusal_of_our_callback_url_alarms_and_its_key_is_sent_after_the_repair(
    invoke: Invoke, provider: Provider
) -> None:
    # Found in https://www.twilio.com/docs/api/errors/21609
    event = {**sample("send"), "headers": {**sample("send")["headers"], "idempotency-key": "repaired-1"}}
    provider.refusal = {"code": 21609, "message": "Invalid 'StatusCallback'", "status": 400}
    refused = invoke("send", event)
    provider.refusal = None
    repaired = invoke("send", event)

    assert (refused.answer["statusCode"], refused.line["provider_code"]) == (502, "21609")
    assert (refused.line["decision"], refused.metrics["AccountRefused"]) == ("account-refused", 1)
    assert (repaired.answer["statusCode"], repaired.line["decision"]) == (202, "accepted")


def test_without_a_sender_for_it_a_message_is_refused_as_our_fault_and_alarms(
    invoke: Invoke, provider: Provider
) -> None:
    body = json.dumps({"to": "+31612345678", "body": "Your parcel", "provider": "messagebird"})
    refused = invoke("send", {**sample("send"), "body": body})

    assert (refused.answer["statusCode"], refused.line["decision"]) == (502, "no-sender")
    assert (refused.metrics["AccountRefused"], refused.line["provider"]) == (1, "messagebird")
    assert refused.line["warnings"] == ["messagebird has no sender for the recipient's country"]
    assert provider.taken == []


def test_malformed_senders_stop_sends_alone_and_name_the_flaw(invoke: Invoke, provider: Provider) -> None:
    put_parameter("senders", '{"twilio": {"NL": "no sender at all"}}')

    sent = invoke("send", sample("send"))

    assert (sent.answer["statusCode"], provider.taken) == (503, [])
    assert sent.line["warnings"][0].startswith("senders: twilio: NL is not a sender for twilio, which takes E.164")
    assert invoke("webhook", sample("webhook-twilio")).answer["statusCode"] == 204


def test_a_wrong_message_is_a_problem_and_goes_nowhere(invoke: Invoke, provider: Provider) -> None:
    wrong: list[dict[str, Any]] = [
        {"body": "no JSON"},
        {"body": None},
        {"body": json.dumps({"to": "+31612345678", "body": "Your parcel", "color": "red"})},
        {"body": "eyJ0byI6ICIifQ==", "isBase64Encoded": True},
        {"body": "not base64!", "isBase64Encoded": True},
        {"headers": {"idempotency-key": "two words"}},
    ]
    for changes in wrong:
        answer = invoke("send", {**sample("send"), **changes}).answer

        assert answer["statusCode"] == 400, changes
        assert answer["headers"]["content-type"] == "application/problem+json"
        assert json.loads(answer["body"])["errors"]
    assert provider.taken == []


@pytest.mark.parametrize(
    ("name", "message_id", "word"),
    [("webhook-twilio", MESSAGE_ID, "undelivered"), ("webhook-messagebird", BIRD_MESSAGE, "delivered")],
)
def test_a_signed_report_is_queued_with_its_raw_fields_or_not_acknowledged(
    invoke: Invoke, cloud: Cloud, name: str, message_id: str, word: str
) -> None:
    received = invoke("webhook", sample(name))

    (body,) = map(json.loads, cloud.bodies("reports"))
    assert (body["v"], body["message_id"], body["attempt"]) == (1, message_id, 1)
    assert word in body["fields"].values()
    assert "message_id" not in body["fields"]
    assert received.line["message_id"] == message_id
    assert (received.line["decision"], received.metrics["ReportsReceived"]) == ("queued", 1)

    AWS.sqs.delete_queue(QueueUrl=cloud.queues["reports"])
    refused = invoke("webhook", sample(name))
    assert (refused.answer["statusCode"], refused.line["level"]) == (503, "ERROR")


def test_a_report_about_another_stacks_message_is_acknowledged_counted_and_not_queued(
    invoke: Invoke, cloud: Cloud
) -> None:
    event = sample("webhook-twilio")
    query = event["rawQueryString"].partition("&token=")[0] + "&token=" + "A" * 43
    form = dict(parse_qsl(base64.b64decode(event["body"]).decode(), keep_blank_values=True))
    url = f"https://{event['headers']['host']}{event['rawPath']}?{query}"
    signature = RequestValidator(SECRETS["twilio"]["auth_token"]).compute_signature(url, form)
    signed = {**event, "rawQueryString": query, "headers": {**event["headers"], "x-twilio-signature": signature}}

    received = invoke("webhook", signed)

    assert (received.answer["statusCode"], received.answer["body"]) == (204, "")
    assert (received.line["decision"], received.metrics["ReportsForeign"]) == ("foreign", 1)
    assert cloud.bodies("reports") == []


def test_what_nobody_vouches_for_is_refused_and_never_queued(invoke: Invoke, cloud: Cloud) -> None:
    other_message = "message_id=00000000-0000-4000-8000-000000000000&attempt=1"
    refused: list[tuple[dict[str, Any], int, str]] = [
        ({"rawQueryString": other_message}, 403, "refused-signature"),
        ({"headers": {}}, 403, "refused-signature"),
        ({"body": None}, 403, "refused-signature"),
        ({"body": base64.b64encode(b"MessageStatus=delivered").decode()}, 403, "refused-signature"),
        ({"body": "not base64!"}, 400, "unreadable"),
        ({"body": base64.b64encode(b"x" * 65_537).decode()}, 413, "too-large"),
        ({"pathParameters": {"provider": "carrier-pigeon"}}, 404, "unknown-provider"),
        ({"pathParameters": {}}, 404, "unknown-provider"),
        ({"pathParameters": {"provider": "+31612345678"}}, 404, "unknown-provider"),
    ]
    for changes, status, decision in refused:
        received = invoke("webhook", {**sample("webhook-twilio"), **changes})

        assert (received.answer["statusCode"], received.line["decision"]) == (status, decision), changes
    assert cloud.bodies("reports") == []


def test_queued_reports_reach_their_records_and_the_others_a_queue(invoke: Invoke, cloud: Cloud) -> None:
    handled = invoke("processor", sample("processor"))

    states = {message_id: cloud.record(message_id) for message_id in (MESSAGE_ID, BIRD_MESSAGE)}
    assert states[MESSAGE_ID].state.status is Status.UNDELIVERED
    assert (states[MESSAGE_ID].version, len(states[MESSAGE_ID].reports)) == (2, 2)  # one write for both
    assert states[BIRD_MESSAGE].state.status is Status.DELIVERED
    (unmatched,) = cloud.bodies("unmatched")
    assert json.loads(unmatched)["fields"]["MessageSid"].endswith("a02")
    assert cloud.bodies("reports-dlq") == ["not an envelope"]
    assert sorted(each["decision"] for each in handled.line["messages"]) == [
        "applied", "applied", "dead", "deferred", "unmatched",
    ]  # fmt: skip


def test_an_event_that_needs_no_webhook_reaches_its_record_and_another_stacks_is_only_counted(
    invoke: Invoke, cloud: Cloud
) -> None:
    state = initial_state(attempt=1, at="2026-01-31T12:00:00.000Z", provider="aws")
    AWS.dynamodb.put_item(TableName="messages", Item=to_item(record(message_id=AWS_MESSAGE, state=state)))

    handled = invoke("processor", sample("processor-aws"))

    stored = cloud.record(AWS_MESSAGE)
    assert (stored.state.status, stored.state.provider_message_id) == (Status.DELIVERED, AWS_ID)
    assert sorted(entry.word for entry in stored.reports.values()) == ["DELIVERED.final", "UNREACHABLE"]
    assert sorted(each["decision"] for each in handled.line["messages"]) == ["applied", "dead", "foreign"]
    assert handled.metrics["ReportsForeign"] == 1
    assert [json.loads(body)["Type"] for body in cloud.bodies("reports-dlq")] == ["Notification"]
    assert cloud.bodies("unmatched") == []


def test_an_event_waits_for_our_key_and_is_put_aside_if_its_message_is_gone(invoke: Invoke, cloud: Cloud) -> None:
    document = AWS.ssm.get_parameter(Name="/stack/secrets/service", WithDecryption=True)["Parameter"]["Value"]
    AWS.ssm.delete_parameter(Name="/stack/secrets/service")
    assert len(invoke("processor", sample("processor-aws")).answer["batchItemFailures"]) == 4
    assert (cloud.bodies("unmatched"), cloud.bodies("reports-dlq")) == ([], [])

    put_parameter("secrets/service", document)
    invoke("processor", sample("processor-aws"))

    envelopes = [json.loads(body) for body in cloud.bodies("unmatched")]
    assert envelopes
    for each in envelopes:
        assert (each["v"], each["provider"], each["message_id"]) == (1, "aws", AWS_MESSAGE)
        assert each["fields"]["messageId"] == AWS_ID


def test_a_batch_whose_table_is_gone_comes_again_but_for_what_could_never_work(invoke: Invoke) -> None:
    AWS.dynamodb.delete_table(TableName="messages")

    handled = invoke("processor", sample("processor"))

    ids = [record["messageId"] for record in sample("processor")["Records"]]
    failed = {failure["itemIdentifier"] for failure in handled.answer["batchItemFailures"]}
    assert failed == set(ids[:-1])
    assert handled.line["decision"] == "failed-in-part"


def test_an_opt_out_that_cannot_be_read_holds_up_its_own_recipient_alone(invoke: Invoke, provider: Provider) -> None:
    stop, *_ = sample("inbound")["Records"]
    invoke("inbound", {"Records": [stop]})
    (kept,) = (each for each in AWS.dynamodb.scan(TableName="state")["Items"] if each["pk"]["S"].startswith("opt-out#"))
    later = {"muted": {"M": {"at": {"S": "2027-01-31T12:00:00.000Z"}, "source": {"S": "shop"}}}}
    AWS.dynamodb.put_item(TableName="state", Item={**kept, "latest": {"M": later}})
    other = {**stop, "messageId": "other", "body": stop["body"].replace("31612345678", "32470123456")}

    told = invoke("inbound", {"Records": [{**stop, "body": stop["body"].replace("b01", "b03")}, other]})
    refused = invoke("send", sample("send"))
    taken = invoke("send", {**sample("send"), "body": json.dumps({"to": "+32470999999", "body": "Hello"})})

    assert told.answer == {"batchItemFailures": [{"itemIdentifier": stop["messageId"]}]}
    assert (refused.answer["statusCode"], refused.line["decision"], len(provider.taken)) == (503, "unavailable", 1)
    assert taken.answer["statusCode"] == 202


def test_a_stop_comes_again_while_its_provider_does_not_say_what_it_covers(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"api_key": "bk_us1_key", "api_url": "http://127.0.0.1:9"}
    AWS.ssm.put_parameter(Name="/stack/secrets/bird", Value=json.dumps(document), Type="SecureString")
    monkeypatch.setenv("PROVIDERS", "bird")
    data = {"suppression_id": "ssu_1", "destination": "+31612345678", "originator": "+15551234567"}
    now = timestamp(datetime.now(UTC))
    notice = {"type": "sms_suppression.created", "timestamp": now, "data": data}
    heard = RawInbound(provider="bird", received_at=now, fields={"body": json.dumps(notice)})
    (first, *_) = sample("inbound")["Records"]
    told = invoke("inbound", {"Records": [{**first, "body": encode_reply(heard)}]})

    assert told.answer == {"batchItemFailures": [{"itemIdentifier": first["messageId"]}]}
    assert (told.line["decision"], told.line["replies"], told.line["level"]) == ("handled", ["waiting"], "INFO")
    assert told.line["failed_calls"][0]["call"] == "bird GET"


def test_stored_changes_become_events_without_personal_data(invoke: Invoke, cloud: Cloud) -> None:
    published = invoke("publisher", sample("publisher"))

    events = [json.loads(body)["detail"] for body in cloud.bodies("bus-inbox")]
    assert sorted((event["previous_status"], event["status"], event["version"]) for event in events) == [
        ("sent", "undelivered", 3),
        ("undelivered", "delivered", 4),
    ]
    assert not [private for private in PRIVATE if private in json.dumps(events)]
    assert published.line["published"] == 2
    assert len(published.metrics["ReportToEvent"]) == 2
    assert [(each["outcome"], each["Outcomes"]) for each in published.apart if "Outcomes" in each] == [
        ("failure", 1),
        ("success", 1),
    ]
    (times,) = (each for each in published.apart if "TimeToDeliver" in each)
    assert (times["provider"], times["TimeToDeliver"]) == ("twilio", [30.0])


def test_a_change_that_cannot_be_read_is_put_aside_and_the_rest_published(invoke: Invoke, cloud: Cloud) -> None:
    event = sample("publisher")
    del event["Records"][2]["dynamodb"]["NewImage"]["status"]

    published = invoke("publisher", event)

    assert published.answer == {"batchItemFailures": []}
    assert (published.line["published"], published.line["broken"]) == (1, 1)
    assert len(cloud.bodies("publish-failed")) == 1


def test_failures_become_one_notification_and_one_that_cannot_be_read_comes_again(invoke: Invoke, cloud: Cloud) -> None:
    event = sample("digest")
    told = invoke("digest", event)

    (notification,) = map(json.loads, cloud.bodies("topic-inbox"))
    assert notification["Subject"] == "sms-tracker: 1 message not delivered"  # the samples are all of one message
    assert (told.line["failures"], told.line["unreadable"]) == (1, 0)
    event["Records"][0]["body"] = "?"
    again = {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert invoke("digest", event).answer == again


def test_a_client_reads_its_message_and_its_list(invoke: Invoke) -> None:
    event = sample("query-message")
    event["pathParameters"]["message_id"] = MESSAGE_ID.upper()  # Found in RFC 9562
    one = invoke("query", event)
    many = invoke("query", sample("query-list"))

    shown = json.loads(one.answer["body"])
    assert (shown["message_id"], shown["to"]) == (MESSAGE_ID, "+31612345678")
    assert json.loads(many.answer["body"]) == {"messages": [shown], "cursor": None}
    assert (one.line["decision"], many.line["decision"]) == ("found", "listed")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        *((query, 400) for query in ("limit=0", "limit=", "limit=1&limit=2", "reference=" + "x" * 3000, "%00=%00")),
        ("status=lost&since=x&until=y&cursor=z&surprise", 400),
        *((query, 200) for query in ("to=%2B31612345678&reference=%FF%00", "")),
    ],
)
def test_any_query_is_answered_and_nothing_of_it_logged(invoke: Invoke, query: str, status: int) -> None:
    assert invoke("query", {**sample("query-list"), "rawQueryString": query}).answer["statusCode"] == status


@pytest.mark.parametrize("name", ["query-message", "query-list"])
def test_an_admin_s_read_of_another_client_s_message_is_logged_with_both_names(invoke: Invoke, name: str) -> None:
    event = sample(name)
    event["requestContext"]["authorizer"]["lambda"] = {"client": "support", "scopes": "admin"}

    answered = invoke("query", event)

    assert answered.answer["statusCode"] == 200
    assert (answered.line["client"], answered.line["read_of"]) == ("support", {"shop": [MESSAGE_ID]})


def test_the_step_that_counts_is_another_than_the_one_that_looks_up(invoke: Invoke) -> None:
    looked_up, counted = (invoke("reconciler", sample(name)) for name in ("reconciler", "reconciler-statistics"))

    assert (looked_up.line["decision"], counted.line["decision"]) == ("reconciled", "counted")
    assert counted.answer["hour-counted"] > 0


@pytest.mark.parametrize(("reported", "asked", "share"), [(4, 1, 80), (0, 5, 0), (4, 0, None)])
def test_the_share_of_messages_that_any_report_reached_is_measured_where_they_are_five(
    invoke: Invoke, reported: int, asked: int, share: float | None
) -> None:
    for number in range(reported + asked):
        source = Source.CALLBACK if number < reported else Source.LOOKUP
        put_answered(timedelta(hours=1), Status.DELIVERED, source, number=number)

    told = invoke("reconciler", sample("reconciler"))

    expected = [] if share is None else [("twilio", share)]
    assert [(each["provider"], each["ReceiptShare"]) for each in told.apart] == expected


def test_what_stood_in_the_way_of_a_run_is_in_its_line(invoke: Invoke) -> None:
    AWS.dynamodb.delete_table(TableName=os.environ["STATE_TABLE"])

    told = invoke("reconciler", sample("reconciler"))

    assert told.answer == {"failures-walk-failed": 1, "prices-walk-failed": 1, "walk-failed": 1}
    assert (told.line["level"], told.line["errors"]) == ("WARNING", {"GetItem: ResourceNotFoundException": 3})
    assert "ReconcilerRuns" not in told.line, "the alarm is about runs that did their work"


def test_a_record_that_cannot_be_read_is_named_in_the_line_and_raises_the_alarm(invoke: Invoke) -> None:
    made = record()
    item = to_item(replace(made, created_at=timestamp(datetime.now(UTC) - timedelta(hours=1))))
    del item["segments"]
    AWS.dynamodb.put_item(TableName="messages", Item=item)

    for _ in range(2):
        told = invoke("reconciler", sample("reconciler"))
        assert told.answer == {"unreadable": 1}
        assert told.line["errors"].keys() == {f"record {made.message_id} cannot be read: KeyError"}
        assert "ReconcilerRuns" not in told.line


# Found in: awslabs/aws-embedded-metrics-python#32
@pytest.mark.parametrize(
    ("step", "damaged", "told"), [("reconciler", 25, 21), ("reconciler", 20, 20), ("statistics", 25, 21)]
)
def test_many_records_that_cannot_be_read_leave_the_line_short_enough_for_its_metrics(
    invoke: Invoke, step: str, damaged: int, told: int
) -> None:
    now = datetime.now(UTC)
    for number in range(damaged):
        item = to_item(
            replace(record(message_id=str(UUID(int=number))), created_at=timestamp(now - timedelta(hours=1)))
        )
        del item["segments"]
        AWS.dynamodb.put_item(TableName="messages", Item=item)

    errors = invoke("reconciler", sample("reconciler") | {"step": step}).line["errors"]

    assert len(errors) == told
    assert sum(errors.values()) >= damaged
    assert ("others" in errors) == (damaged > 20)


def test_statistics_are_answered_from_what_was_counted(invoke: Invoke) -> None:
    hour, computed_at = "2026-01-31T11:00:00.000Z", "2026-01-31T12:10:00.000Z"
    sums = {("twilio", client): Tally(Counter(delivered=2)) for client in ("shop", "bank")}
    StatisticsStore(calling(AWS.dynamodb), "state").put(
        HourlyStats(hour=hour, computed_at=computed_at, final=False, sums=sums)
    )

    answered = invoke("query", sample("query-stats"))
    body = json.loads(answered.answer["body"])

    assert (body["client"], body["total"]["messages"], answered.line["decision"]) == ("shop", 2, "counted")
    assert [(each["hour"], each["messages"]) for each in body["groups"]] == [(hour, 2)]
    assert {"hour": hour, "computed_at": computed_at, "final": False} in body["hours"]


@pytest.mark.parametrize("name", ["query-message", "query-list", "query-stats", "send"])
def test_a_key_without_the_scope_is_told_which_one_it_lacks(invoke: Invoke, name: str) -> None:
    event = sample(name)
    event["requestContext"]["authorizer"]["lambda"]["scopes"] = "other"

    answered = invoke(function_of(name), event)

    assert (answered.answer["statusCode"], answered.line["decision"]) == (403, "scope-missing")


@pytest.mark.parametrize("name", ["query-message", "query-list"])
def test_a_table_that_is_gone_is_503_and_why_is_in_the_log(invoke: Invoke, name: str) -> None:
    AWS.dynamodb.delete_table(TableName="messages")

    answered = invoke("query", sample(name))

    assert answered.answer["statusCode"] == 503
    assert "ResourceNotFoundException" not in answered.answer["body"]
    assert "ResourceNotFoundException" in str(answered.line["warnings"])


def test_health_needs_no_key_and_says_what_does_not_answer(invoke: Invoke, cloud: Cloud) -> None:
    AWS.sqs.delete_queue(QueueUrl=cloud.queues["reports"])

    answer = invoke("query", sample("health")).answer

    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["table"], body["queue"]) == (503, "ok", "unavailable")


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [("/docs", "docs.html", "text/html"), ("/openapi.json", "openapi.json", "application/json")],
)
def test_the_description_needs_no_key_and_is_not_sent_twice(invoke: Invoke, path: str, name: str, kind: str) -> None:
    event = {**sample("health"), "routeKey": f"GET {path}", "rawPath": path}

    shown = invoke("query", event).answer
    again = invoke("query", {**event, "headers": {"if-none-match": shown["headers"]["etag"]}}).answer

    assert shown["body"] == (ROOT / "functions" / "query" / "docs" / name).read_text("utf-8")
    assert shown["headers"]["content-type"] == f"{kind}; charset=utf-8"
    assert (again["statusCode"], again["body"]) == (304, "")


@pytest.mark.parametrize(
    ("path", "file", "status"),
    [
        ("/health", None, 200),
        ("/", None, 200),
        ("/docs", None, 200),
        ("/openapi.json", None, 200),
        ("/page/{file}", "page.js", 200),
        ("/page/{file}", "none.js", 404),
    ],
)
def test_head_is_answered_as_get_without_the_body(invoke: Invoke, path: str, file: str | None, status: int) -> None:
    event = {**sample("health"), "pathParameters": {"file": file}}

    shown = invoke("query", {**event, "routeKey": f"GET {path}"}).answer
    bare = invoke("query", {**event, "routeKey": f"HEAD {path}"}).answer

    assert shown["statusCode"] == status
    length = {"content-length": str(len(shown["body"].encode()))}
    assert bare == {**shown, "headers": {**shown["headers"], **length}, "body": ""}
    if "etag" in shown["headers"]:
        known = {**event, "routeKey": f"HEAD {path}", "headers": {"if-none-match": shown["headers"]["etag"]}}
        again = invoke("query", known).answer
        assert (again["statusCode"], again["body"], "content-length" in again["headers"]) == (304, "", False)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_key_is_identified_with_its_client_and_scopes(invoke: Invoke, scheme: str) -> None:
    event = {**sample("authorizer"), "headers": {"authorization": f"{scheme} {API_KEY}"}}
    identified = invoke("authorizer", event)

    assert identified.answer == {"isAuthorized": True, "context": {"client": "shop", "scopes": "read send"}}
    assert (identified.line["decision"], identified.line["client"]) == ("identified", "shop")
    assert identified.line["key"] == hashlib.sha256(API_KEY.encode()).hexdigest()[:8]


def test_a_missing_or_unknown_key_is_denied(invoke: Invoke) -> None:
    key = API_KEY
    wrong = ["", "Bearer", "Bearer  ", key, f"Basic {key}", f"Bearer {key}x", f"Bearer {key}, Bearer {key}"]
    authorizations = [{"authorization": each} for each in [*wrong, "Bearer ünï\udcff\x00"]]
    for headers in ({}, {"x-api-key": key}, *authorizations):
        refused = invoke("authorizer", {**sample("authorizer"), "headers": headers})

        assert refused.answer == {"isAuthorized": False}, headers
        assert (refused.line["decision"], refused.metrics) == ("unknown-key", {})


@pytest.mark.parametrize(("expires_at", "authorized"), [("1", False), ("4102444800", True)])
def test_a_key_is_good_until_it_expires(invoke: Invoke, expires_at: str, *, authorized: bool) -> None:
    put_key(expires_at={"N": expires_at})

    assert invoke("authorizer", sample("authorizer")).answer["isAuthorized"] is authorized


@pytest.mark.parametrize("function", ["authorizer", "digest", "publisher"])
def test_what_cannot_be_done_now_fails_loudly_with_one_line_of_its_own(
    function: str, invoke: Invoke, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    event = sample(function)
    if function == "publisher":  # a change that cannot be read, and nowhere to put it aside
        del event["Records"][2]["dynamodb"]["NewImage"]["status"]
        AWS.sqs.delete_queue(QueueUrl=cloud.queues["publish-failed"])
    AWS.dynamodb.delete_table(TableName="state")
    AWS.sns.delete_topic(TopicArn=os.environ["ALERTS_TOPIC_ARN"])

    with pytest.raises(Unavailable):
        invoke(function, event)

    told = capsys.readouterr().out
    (line,) = (each for each in map(json.loads, told.splitlines()) if "level" in each)
    assert (level(line), line["decision"] in {"unavailable", "not-told"}) == ("ERROR", True)
    assert [private for private in PRIVATE if private in told] == []
