"""Whose fault a refused message is, as the client of ``POST /messages`` sees it: each code, with both senders."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from sms_tracker.domain.http import HttpResponse
from sms_tracker.domain.record import SendPhase
from tests.fakes import MemoryMessages
from tests.setups import BIRD_TAKEN, TAKEN, SendSetup, answer

KEY = "order-42"
OWN_SENDER = {"twilio": "+15557654321", "messagebird": "Parcels"}
BAD_GATEWAY, REFUSED = HTTPStatus.BAD_GATEWAY, HTTPStatus.UNPROCESSABLE_ENTITY

OURS = (
    *("10001", "20003", "20005", "20403", "20404", "90010"),  # the account
    *("11100", "21402", "21456", "21502", "21609", "21626", "30109", "30123"),  # the callback URL
    *("21701", "21702", "21703", "21704", "21705", "21709"),  # messaging service
    *("21711", "21712", "21715", "21733", "30124", "30127"),
    *("21613", "21615", "21631", "21649", "21650", "21651", "21900", "21901"),  # regulation
    *("21717", "21720", "21729", "30018", "30022", "30032"),  # registration
    *("30033", "30034", "30035", "30040", "30041"),
    *("30125", "30447", "30701", "30883", "30990"),
    *("30002", "30037", "63001", "63008", "63020", "63022", "63051", "63112"),
)
CALLERS = (
    *("21211", "21217", "21265", "21266", "21268", "21604"),  # the recipient
    *("21612", "21614", "21635", "63003", "63024"),
    *("21219", "21408", "21608", "21610", "30450", "30630", "30640"),  # a recipient that is not to be sent to
    *("21602", "21605", "21617", "21618", "21619", "21624", "90007"),  # the content
    *("59999", None),  # not listed
)
SENDERS = (
    *("21210", "21212", "21264", "21267", "21407", "21601", "21603", "21606", "21607", "21616", "21621", "21657"),
    *("21659", "21660", "21661", "21910", "30042", "63002", "63007", "21401", "21662", "21663", "21668", "30620"),
)
LATER = ("20429", "21611", "21730", "30023", "30027", "30454", "63017", "63018", "63038")


def twilio(code: str | None) -> HttpResponse:
    return answer(400, {"code": code and int(code), "message": "No.", "status": 400})


def messagebird(code: int, parameter: str | None = None, status: int = 422) -> HttpResponse:
    return answer(status, {"errors": [{"code": code, "description": "No.", "parameter": parameter}]})


def refusals() -> Iterator[tuple[str, HttpResponse, str]]:
    yield from (("twilio", twilio(code), "ours") for code in OURS)
    yield from (("twilio", twilio(code), "sender") for code in SENDERS)
    yield from (("twilio", twilio(code), "caller") for code in CALLERS)
    for parameter in ("reportUrl", "reference", "datacoding", "type"):
        yield "messagebird", messagebird(10, parameter), "ours"
    yield "messagebird", messagebird(2, "access_key", 401), "ours"
    yield "messagebird", messagebird(25, None, 402), "ours"
    yield from (("messagebird", messagebird(code, "originator"), "sender") for code in (9, 10, 21))
    yield from (("messagebird", messagebird(code, "recipients"), "caller") for code in (9, 10))
    yield "messagebird", messagebird(9, "body"), "caller"


EACH = [pytest.param(*each, id=f"{each[0]}-{each[1].body.decode()}") for each in refusals()]


def sent(provider: str, result: HttpResponse, *, named: bool) -> tuple[SendSetup, int, object]:
    setup = SendSetup([result, TAKEN if provider == "twilio" else BIRD_TAKEN])
    reply = setup.post(KEY, provider=provider, sender=OWN_SENDER[provider] if named else None)
    return setup, reply.status, reply.decision


@pytest.mark.parametrize("named", [True, False], ids=["the caller's sender", "the default sender"])
@pytest.mark.parametrize(("provider", "result", "fault"), EACH)
def test_a_refusal_of_a_sender_is_the_callers_if_the_caller_named_it(
    provider: str, result: HttpResponse, fault: str, *, named: bool
) -> None:
    # Found in https://www.twilio.com/docs/api/errors
    _, status, decision = sent(provider, result, named=named)
    callers = fault == "caller" or (fault == "sender" and named)
    assert (status, decision) == ((REFUSED, "refused-by-provider") if callers else (BAD_GATEWAY, "account-refused"))


def test_a_client_that_names_the_default_sender_is_answered_for_it() -> None:
    setup = SendSetup([twilio("21606")])
    assert setup.post(sender="+15551234567").status == REFUSED


@pytest.mark.parametrize(("provider", "result", "fault"), [each for each in EACH if each.values[2] != "caller"])
def test_after_the_repair_the_same_key_is_sent(provider: str, result: HttpResponse, fault: str) -> None:
    setup, status, _ = sent(provider, result, named=False)
    assert isinstance(setup.messages, MemoryMessages)
    (record,) = setup.messages.records.values()
    assert (status, record.send.phase, record.send.cause) == (BAD_GATEWAY, SendPhase.RELEASED, "account"), fault

    assert setup.post(KEY, provider=provider, sender=None).status == HTTPStatus.ACCEPTED
    assert len(setup.http.requests) == 2


@pytest.mark.parametrize("code", LATER)
def test_a_limit_is_neither_the_callers_nor_for_good(code: str) -> None:
    assert SendSetup([twilio(code)]).post(KEY).status == HTTPStatus.SERVICE_UNAVAILABLE
