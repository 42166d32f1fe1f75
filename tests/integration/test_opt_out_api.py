"""The API's part about opt-outs, on the state table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sms_tracker.domain.http import Caller
from sms_tracker.domain.opt_out import Kind, Recipient, Statement
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.services.opt_out_api import OptOutApi
from sms_tracker.services.responses import ApiResponse
from tests.integration.stored_opt_outs import register

NUMBER, SENDER = "+31612345678", "+15551234567"
ABOUT = {"to": NUMBER, "provider": "twilio", "from": SENDER}
SHOP = Caller(client="shop", scopes=frozenset({"read", "send"}), senders=frozenset({f"twilio:{SENDER}"}))
OTHER = Caller(client="other", scopes=frozenset({"read", "send"}))
ADMIN = Caller(client="ops", scopes=frozenset({"admin"}))


class Time:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def api(clock: Time, dynamodb: object) -> OptOutApi:  # noqa: ARG001  # the register is in its tables
    return made(clock, ScopeMode.SENDER)


def made(clock: Time, mode: ScopeMode) -> OptOutApi:
    return OptOutApi(register=register(clock=clock), clock=clock, mode=mode, countries=None)


def one(reply: ApiResponse) -> dict[str, Any]:
    """The one opt-out on a page."""
    page: Any = reply.body["opt_outs"]
    (only,) = page
    return dict(only)


def put(api: OptOutApi, caller: Caller = SHOP, **fields: Any) -> ApiResponse:
    return api.put(caller, json.dumps({**ABOUT, **fields}).encode())


def stop(api: OptOutApi, clock: Time, kind: Kind = Kind.STOP) -> None:
    statement = Statement(kind=kind, at=timestamp(clock()), source="twilio")
    api.register.add(Recipient(scope=f"sender:twilio:{SENDER}", number=NUMBER), [statement])


def fields(answer: ApiResponse) -> list[str]:
    return [str(each["field"]) for each in answer.body["errors"]]  # type: ignore[attr-defined]


def test_a_manual_block_is_seen_and_ended(api: OptOutApi) -> None:
    assert put(api, reason="by letter").body["blocked"] is True
    found = one(api.read(SHOP, ABOUT))
    assert (found["blocked"], found["cause"], found["source"], found["reason"]) == (True, "added", "shop", "by letter")
    assert api.delete(SHOP, ABOUT).body["blocked"] is False
    assert one(api.read(SHOP, ABOUT))["blocked"] is False


def test_a_persons_own_stop_survives_a_delete_and_an_admin_lifts_it_with_a_reason(api: OptOutApi, clock: Time) -> None:
    stop(api, clock)

    assert [api.delete(caller, ABOUT).status for caller in (SHOP, ADMIN)] == [409, 409]
    assert api.delete(SHOP, {**ABOUT, "reason": "they asked me"}).body["cause"] == "stop"
    assert api.delete(ADMIN, {**ABOUT, "reason": "consent by letter"}).body["blocked"] is False


def test_a_stop_after_a_lift_blocks_again(api: OptOutApi, clock: Time) -> None:
    api.delete(ADMIN, {**ABOUT, "reason": "a test number"})
    stop(api, clock)

    assert one(api.read(SHOP, ABOUT))["cause"] == "stop"


def test_a_client_sees_and_changes_the_opt_outs_of_its_keys_senders_alone(api: OptOutApi) -> None:
    put(api)

    assert [api.read(OTHER, ABOUT).status, put(api, OTHER).status, api.delete(OTHER, ABOUT).status] == [403, 403, 403]
    listed = [len(api.read(caller, {}).body["opt_outs"]) for caller in (SHOP, OTHER, ADMIN)]  # type: ignore[arg-type]
    assert listed == [1, 0, 1]


@pytest.mark.parametrize(
    ("scopes", "statuses"), [(set(), [403] * 3), ({"send"}, [403, 200, 200]), ({"read"}, [200, 403, 403])]
)
def test_reading_needs_the_scope_read_and_changing_the_scope_send(
    api: OptOutApi, scopes: set[str], statuses: list[int]
) -> None:
    caller = Caller(client="shop", scopes=frozenset(scopes), senders=SHOP.senders)

    answers = api.read(caller, ABOUT), put(api, caller), api.delete(caller, ABOUT)
    assert [each.status for each in answers] == statuses


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"to": "12", "colour": "red"}, ["to", "colour"]),
        ({"to": NUMBER, "client": "shop"}, ["provider", "from", "client"]),
        ({**ABOUT, "to": {}}, ["to"]),
        ([], [""]),
    ],
)
def test_every_wrong_field_is_named(api: OptOutApi, body: object, named: list[str]) -> None:
    assert fields(api.put(SHOP, json.dumps(body).encode())) == named
    assert fields(api.read(SHOP, {"cursor": "x"})) == ["cursor"]


def test_a_client_scope_takes_no_sender_and_another_client_needs_admin(api: OptOutApi, clock: Time) -> None:
    api = made(clock, ScopeMode.CLIENT)

    assert fields(put(api)) == ["provider", "from"]
    assert api.put(SHOP, json.dumps({"to": NUMBER}).encode()).body["scope"] == "client:shop"
    assert one(api.read(OTHER, {"to": NUMBER}))["blocked"] is False
    assert api.read(OTHER, {"to": NUMBER, "client": "shop"}).status == 403
    assert one(api.read(ADMIN, {"to": NUMBER, "client": "shop"}))["blocked"] is True


def test_where_one_block_holds_for_all_only_an_admin_sets_it(api: OptOutApi, clock: Time) -> None:
    api = made(clock, ScopeMode.ALL)
    body = json.dumps({"to": NUMBER}).encode()

    assert (api.put(SHOP, body).status, api.put(ADMIN, body).body["scope"]) == (403, "all")


@pytest.mark.usefixtures("api")
def test_switched_off_it_says_so(clock: Time) -> None:
    answer = made(clock, ScopeMode.OFF).read(ADMIN, {})

    assert (answer.status, answer.decision) == (404, "opt-outs-off")


def test_a_list_goes_on_where_the_page_before_ended(api: OptOutApi) -> None:
    for number in range(101):
        put(api, ADMIN, to=f"+316123450{number:02d}" if number < 100 else NUMBER)
    first = api.read(ADMIN, {}).body
    second = api.read(ADMIN, {"cursor": str(first["cursor"])}).body

    assert [len(page["opt_outs"]) for page in (first, second)] == [100, 1]  # type: ignore[arg-type]
    assert second["cursor"] is None


def test_a_number_in_a_query_may_lack_its_plus(api: OptOutApi) -> None:
    put(api)
    for written in (NUMBER[1:], f" {NUMBER[1:]}"):
        assert one(api.read(SHOP, {**ABOUT, "to": written}))["blocked"] is True


@pytest.mark.parametrize("written", [SENDER[1:], f" {SENDER[1:]}"])
def test_the_senders_number_may_lack_its_plus(api: OptOutApi, written: str) -> None:
    # Found in fastify/fastify#2658, temenostech/IRIS#278
    put(api)

    assert one(api.read(SHOP, {**ABOUT, "from": written}))["blocked"] is True
    assert api.delete(SHOP, {**ABOUT, "from": written}).body["blocked"] is False


@pytest.mark.parametrize(
    ("about", "field", "told"),
    [
        ({"provider": "Twilio"}, "provider", "must be one of: aws, bird, messagebird, twilio, test"),
        ({"provider": "twillio"}, "provider", "must be one of: aws, bird, messagebird, twilio, test"),
        ({"from": "My-Shop!"}, "from", "is not a sender for twilio, which takes"),
        ({"from": "+1 555 123 4567"}, "from", "is not a sender for twilio, which takes"),
    ],
)
def test_a_sender_that_no_message_has_is_refused(api: OptOutApi, about: dict[str, str], field: str, told: str) -> None:
    answers = [put(api, ADMIN, **about), api.read(ADMIN, {**ABOUT, **about}), api.delete(ADMIN, {**ABOUT, **about})]

    assert [fields(answer) for answer in answers] == [[field]] * 3
    assert all(str(answer.body["errors"][0]["message"]).startswith(told) for answer in answers)  # type: ignore[index]
