"""`make webhook` against the simulated Bird, with the official SDK as the judge of what it left behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from types_boto3_ssm import SSMClient

from local.simulators.bird import SIMULATOR
from ops import registered, secrets, webhook
from ops.stack import Stack
from sms_tracker import provider_http
from sms_tracker.aws.clients import calling
from sms_tracker.aws.reconcile_state import ReconcileStateStore
from sms_tracker.aws.store import MessageStore
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.indexes import shard
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.state import initial_state
from sms_tracker.providers.bird.endpoint import EVENTS
from tests import tables
from tests.bird_sdk import bird
from tests.factories import MESSAGE_ID, NOW, record
from tests.integration.simulators.running import TO, Receiver, Simulator, number

NAME = "/sms-tracker/secrets/bird"
OTHER_ID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def ssm(aws: None) -> SSMClient:  # noqa: ARG001 - moto is under the client
    made: SSMClient = tables.session().client("ssm")
    return made


@pytest.fixture
def url(platform: Simulator, receiver: Receiver, ssm: SSMClient, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the stack takes Bird's reports; its secret document has no webhook secret yet."""
    base = receiver.url.removesuffix("/hook")
    document = {**SIMULATOR.credentials(platform.url)}
    del document["webhook_secret"]
    ssm.put_parameter(Name=NAME, Value=json.dumps(document), Type="SecureString", KeyId="alias/ours")
    ssm.put_parameter(Name="/sms-tracker/public-base-urls", Value=base, Type="String")
    tables.create_both(tables.client())
    monkeypatch.setattr(Stack, "outputs", {"MessagesTableName": "messages", "StateTableName": "state"})
    return f"{base}/webhooks/bird"


def stored(ssm: SSMClient) -> dict[str, str]:
    document: dict[str, str] = json.loads(ssm.get_parameter(Name=NAME, WithDecryption=True)["Parameter"]["Value"])
    return document


def key_of(ssm: SSMClient) -> str:
    named: Any = [{"Key": "Name", "Values": [NAME]}]
    return ssm.describe_parameters(ParameterFilters=named)["Parameters"][0]["KeyId"]


def at_bird(sdk: Any, url: str) -> Any:
    (found,) = sdk.webhooks.list(url=url)
    return found


def vouched(receiver: Receiver, secret: str) -> bool:
    """Whether Bird's own verifier believes every webhook with that secret."""
    reader = bird.Bird(webhook_secret=secret)
    try:
        for each in receiver.requests:
            reader.webhooks.unwrap(each.body, each.headers)
    except bird.WebhookVerificationError:
        return False
    return bool(receiver.requests)


# -- register


def test_registering_is_a_dry_run_unless_it_is_applied(
    url: str, sdk: Any, ssm: SSMClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert webhook.main(["register"]) == 0

    told = capsys.readouterr()
    assert told.out == f"would register {url}\n"
    assert "nothing was changed; run it again with --apply" in told.err
    assert list(sdk.webhooks.list()) == []
    assert "webhook_secret" not in stored(ssm)


def test_the_stack_is_registered_for_every_report_once_and_its_secret_stored(
    url: str, platform: Simulator, sdk: Any, ssm: SSMClient, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stored(ssm)

    assert webhook.main(["register", "--apply"]) == 0

    endpoint, document = at_bird(sdk, url), stored(ssm)
    assert (endpoint.status, endpoint.events) == ("active", list(EVENTS))
    assert document == before | {"webhook_secret": document["webhook_secret"]}
    assert key_of(ssm) == "alias/ours"
    sdk.sms.send(to=TO, from_="Acme", text="Hallo", category="service")
    platform.idle(taken=1)
    assert vouched(receiver, document["webhook_secret"])
    told = capsys.readouterr()
    assert document["webhook_secret"] not in told.out + told.err

    assert webhook.main(["register", "--apply"]) == 0
    assert "registered already" in capsys.readouterr().out
    assert (stored(ssm), at_bird(sdk, url).id) == (document, endpoint.id)


def test_an_earlier_endpoint_gets_the_events_that_it_lacks_and_without_its_secret_a_rotation(
    url: str, sdk: Any, ssm: SSMClient, capsys: pytest.CaptureFixture[str]
) -> None:
    sdk.webhooks.create(url=url, events=["sms.delivered"])

    assert [webhook.main(["register", "--apply"]) for _ in range(2)] == [0, 1]
    assert at_bird(sdk, url).events == list(EVENTS)
    assert "lacks webhook_secret, which is shown once: run `rotate`" in capsys.readouterr().err
    assert webhook.main(["rotate", "--apply"]) == 0

    assert stored(ssm)["webhook_secret"].startswith("whsec_")
    assert "next_webhook_secret" not in stored(ssm)
    assert "finish" not in capsys.readouterr().out


@pytest.mark.parametrize("lost", [NoResponse(written=True, reason="ReadTimeout"), HttpResponse(503, {}, b"")])
def test_an_answer_that_was_lost_is_asked_for_again_and_one_endpoint_is_made(
    url: str, sdk: Any, ssm: SSMClient, monkeypatch: pytest.MonkeyPatch, lost: HttpResponse | NoResponse
) -> None:
    posts: list[HttpRequest] = []

    def call(request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        answer = provider_http.call(request, timeout=timeout)
        if request.method != "POST":
            return answer
        posts.append(request)
        return lost if len(posts) == 1 else answer

    monkeypatch.setattr(registered, "provider_http", type("Http", (), {"call": staticmethod(call)}))

    assert webhook.main(["register", "--apply"]) == 0

    assert posts[0] == posts[1]
    assert at_bird(sdk, url)
    assert stored(ssm)["webhook_secret"]


# -- list and test


def test_the_list_marks_this_stacks_endpoint(url: str, sdk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ours, other = (sdk.webhooks.create(url=each, events=EVENTS) for each in (url, "https://other.example.com/"))
    sdk.webhooks.update(other.id, status="paused")

    assert webhook.main([]) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"  {other.id}  paused  https://other.example.com/",
        f"* {ours.id}  active  {url}",
        f"* reports to this stack ({url})",
    ]


@pytest.mark.usefixtures("url")
def test_a_long_list_is_read_to_its_end(sdk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for at in range(101):
        sdk.webhooks.create(url=f"https://other.example.com/{at}", events=EVENTS)

    assert webhook.main(["list"]) == 0

    assert len(capsys.readouterr().out.splitlines()) == 102


def test_a_test_shows_how_the_endpoint_answered(
    url: str, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.main(["register", "--apply"])
    receiver.answers = [204, 403]
    capsys.readouterr()

    assert [webhook.main(["test"]) for _ in range(2)] == [0, 1]

    told = capsys.readouterr()
    assert told.out == f"{url} took the test: 204\n"
    assert "the endpoint answered 403" in told.err
    assert json.loads(receiver.requests[0].body)["data"] == {}


@pytest.mark.parametrize("action", ["test", "rotate", "enable", "replay"])
def test_nothing_is_done_with_an_endpoint_that_is_not_registered(
    url: str, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert webhook.main([action, "--apply"]) == 1
    assert f"no endpoint is registered for {url}: run `register`" in capsys.readouterr().err


# -- rotate and finish


@pytest.mark.usefixtures("url")
def test_while_a_secret_rotates_both_are_stored_and_sign(
    platform: Simulator, sdk: Any, ssm: SSMClient, receiver: Receiver
) -> None:
    webhook.main(["register", "--apply"])
    old = stored(ssm)["webhook_secret"]

    assert webhook.main(["rotate"]) == 0
    assert "next_webhook_secret" not in stored(ssm)
    assert webhook.main(["rotate", "--apply"]) == 0

    new = stored(ssm)["next_webhook_secret"]
    assert stored(ssm)["webhook_secret"] == old != new
    sdk.sms.send(to=TO, from_="Acme", text="Hallo", category="service")
    platform.idle(taken=1)
    assert (vouched(receiver, old), vouched(receiver, new)) == (True, True)

    assert webhook.main(["rotate", "--apply"]) == 0
    assert stored(ssm)["webhook_secret"] == new != stored(ssm)["next_webhook_secret"]


@pytest.mark.usefixtures("url")
def test_a_day_later_the_old_secret_is_removed(
    ssm: SSMClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.main(["register", "--apply"])
    assert webhook.main(["finish", "--apply"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no rotation is under way"
    old = stored(ssm)["webhook_secret"]
    webhook.main(["rotate", "--apply"])
    new = stored(ssm)["next_webhook_secret"]

    assert webhook.main(["finish", "--apply"]) == 1
    assert "the old secret may sign until" in capsys.readouterr().err
    monkeypatch.setattr(webhook, "datetime", type("Later", (datetime,), {"now": staticmethod(_tomorrow)}))
    assert webhook.main(["finish"]) == 0
    assert stored(ssm)["next_webhook_secret"] == new
    assert webhook.main(["finish", "--apply"]) == 0

    assert (stored(ssm)["webhook_secret"], "next_webhook_secret" in stored(ssm)) == (new, False)
    assert key_of(ssm) == "alias/ours"
    told = capsys.readouterr()
    assert not [secret for secret in (old, new) if secret in told.out + told.err]


def _tomorrow(zone: Any) -> datetime:
    return datetime.now(zone) + timedelta(hours=24, minutes=1)


@pytest.mark.usefixtures("url")
def test_secrets_that_this_command_stored_survive_make_secrets_and_one_of_env_replaces_them_with_a_warning(
    ssm: SSMClient, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.main(["register", "--apply"])
    webhook.main(["rotate", "--apply"])
    before = stored(ssm)
    given = {"BIRD_API_KEY": "bk_eu1_example", "BIRD_CATEGORY": "service"}

    assert secrets.main([], given) == 0
    kept = {name: before[name] for name in ("webhook_secret", "next_webhook_secret")}
    assert stored(ssm) == {"api_key": "bk_eu1_example", "category": "service", **kept}
    capsys.readouterr()

    assert secrets.main([], {"BIRD_API_KEY": "bk_eu1_x", "BIRD_WEBHOOK_SECRET": "whsec_ZXhhbXBsZQ=="}) == 0
    assert stored(ssm) == {"api_key": "bk_eu1_x", "webhook_secret": "whsec_ZXhhbXBsZQ=="}
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert [line.split()[4] for line in warnings] == ["webhook_secret", "next_webhook_secret"]


# -- enable and replay


def test_enabling_a_paused_endpoint_has_what_it_missed_looked_up(
    url: str, sdk: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.main(["register", "--apply"])
    sdk.webhooks.update(at_bird(sdk, url).id, status="paused")
    store = MessageStore(calling(tables.client()), "messages")
    state = ReconcileStateStore(calling(tables.client()), messages="messages", state="state")
    later = timestamp(datetime.now(UTC) + timedelta(hours=6))
    for message_id, provider in ((MESSAGE_ID, "bird"), (OTHER_ID, "twilio")):
        store.put(record(message_id=message_id, state=initial_state(attempt=1, at=NOW, provider=provider)))
        state.open(message_id, due=later)

    assert webhook.main(["enable"]) == 0
    assert at_bird(sdk, url).status == "paused"
    assert due_now(state) == []
    assert webhook.main(["enable", "--apply"]) == 0

    assert at_bird(sdk, url).status == "active"
    assert due_now(state) == [MESSAGE_ID]
    out = capsys.readouterr().out
    assert "1 open messages would be looked up" in out
    assert "1 open messages are looked up" in out


def due_now(state: ReconcileStateStore) -> list[str]:
    until = timestamp(datetime.now(UTC) + timedelta(seconds=1))
    shards = {int(shard(each)) for each in (MESSAGE_ID, OTHER_ID)}
    return [each for number in shards for each in state.due(number, until=until, limit=10)]


def test_a_replay_repeats_what_failed_and_is_refused_while_paused(
    url: str, platform: Simulator, sdk: Any, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook.main(["register", "--apply"])
    receiver.answers = [503] * 5 + [204]  # one report, every try of it
    sdk.sms.send(to=number("opted-out"), from_="Acme", text="Hallo", category="service")
    platform.idle(taken=1)
    before = len(receiver.requests)

    assert webhook.main(["replay"]) == 0
    platform.idle()
    assert len(receiver.requests) == before
    assert webhook.main(["replay", "--apply"]) == 0
    platform.idle()

    assert len(receiver.requests) == before + 1
    sdk.webhooks.update(at_bird(sdk, url).id, status="paused")
    assert webhook.main(["replay", "--apply"]) == 1
    assert "run `enable` first" in capsys.readouterr().err


@pytest.mark.usefixtures("url")
def test_a_replay_reaches_three_days_back(capsys: pytest.CaptureFixture[str]) -> None:
    webhook.main(["register", "--apply"])
    days_ago = [timestamp(datetime.now(UTC) - timedelta(days=days)) for days in (2, 4)]

    assert [webhook.main(["replay", "--since", since]) for since in days_ago] == [0, 1]
    assert "--since is too early: bird keeps 3 days" in capsys.readouterr().err
    assert webhook.main(["replay", "--since", timestamp(datetime.now(UTC) + timedelta(hours=1)), "--apply"]) == 1
    assert "is in the future" in capsys.readouterr().err


# -- what is refused


@pytest.mark.usefixtures("url")
def test_a_key_that_bird_refuses_is_an_error_in_birds_words(ssm: SSMClient, capsys: pytest.CaptureFixture[str]) -> None:
    document = stored(ssm) | {"api_key": "bk_us1_example"}
    ssm.put_parameter(Name=NAME, Value=json.dumps(document), Type="SecureString", Overwrite=True)

    assert webhook.main(["list"]) == 1
    assert "error: bird: HTTP 401 E01901" in capsys.readouterr().err


@pytest.mark.usefixtures("ssm")
def test_a_provider_without_a_secret_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert webhook.main(["register", "--apply"]) == 1
    assert f"{NAME} does not exist: run `make secrets` first" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["pause"], ["list", "--provider", "twilio"], ["replay", "--since", "soon"]])
def test_what_it_does_not_know_it_refuses(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        webhook.main(arguments)

    assert ended.value.code == 2
    assert "usage: make webhook" in capsys.readouterr().err
