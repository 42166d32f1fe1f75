"""The questions to providers about opt-outs: few, and none that delays a reply for long."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpResponse, NoResponse
from sms_tracker.domain.opt_out import Keyword, Kind
from sms_tracker.domain.queued import Inbound
from sms_tracker.services.opt_outs import KEYWORDS_LIFETIME, RETRY_PAUSE, OptOutSources
from tests.fakes import TWILIO, FakeClock, FixedSettings, ScriptedHttp, ignore_failed_call

PERSON, NUMBER = "+31612345678", "+15551234567"
ANSWERED = {"data": [{"operation": "start", "effective_keywords": ["Ja", 1]}, {"operation": "x"}]}
RULES = HttpResponse(200, {}, json.dumps(ANSWERED).encode())
PAIR = {"destination": PERSON, "originator": NUMBER}
KINDS = [{**PAIR, "applies_to": "all"}, {**PAIR, "applies_to": "non_transactional"}, {"applies_to": "all"}]
SUPPRESSED = HttpResponse(200, {}, json.dumps({"data": KINDS}).encode())
DOWN, FORBIDDEN = HttpResponse(503, {}, b""), HttpResponse(403, {}, b"")
SILENT = NoResponse(written=True, reason="ReadTimeout")
JA = {"ja": Keyword.START}


@dataclass
class Asked:
    """Sources in front of scripted answers."""

    answers: tuple[HttpResponse | NoResponse, ...]
    key: str = "bk_us1_key"
    clock: FakeClock = field(default_factory=FakeClock)
    failed: list[tuple[str, str | None, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = ScriptedHttp(self.answers)
        self.sources = OptOutSources(
            settings=FixedSettings({"bird": {"api_key": self.key}, "twilio": TWILIO}),
            http=self.http,
            now=self.clock.monotonic,
            failed=lambda call, *, attempt, code, status, again: self.failed.append((call, code, status)),  # noqa: ARG005
        )

    def keywords(self, *, to: str = NUMBER, person: str = PERSON) -> object:
        return self.sources.keywords("bird", reply(to, person))

    @property
    def urls(self) -> list[str]:
        return [each.url.partition(".com")[2] for each in self.http.requests]


def reply(to: str = NUMBER, person: str = PERSON) -> Inbound:
    return Inbound(provider_message_id="sms_1", sender=person, to=(to,), text="Ja")


def test_the_keywords_of_a_number_and_a_country_are_read_once_an_hour() -> None:
    asked = Asked((RULES,))

    assert [asked.keywords() for _ in range(3)] == [JA] * 3
    asked.keywords(person="+31612345679")
    assert asked.urls == ["/v1/sms/keyword-rules?number=%2B15551234567&from_country=NL"]
    for person in ("1008", "+80012345678", "nobody"):
        asked.keywords(person=person)
    assert asked.urls[1:] == ["/v1/sms/keyword-rules?number=%2B15551234567"]
    asked.keywords(person="+4915112345678")
    asked.keywords(to="+15557654321")
    asked.clock.sleep(KEYWORDS_LIFETIME)
    asked.keywords()
    assert len(asked.urls) == 5


@pytest.mark.parametrize("failure", [DOWN, SILENT, FORBIDDEN, HttpResponse(200, {}, b"<html>")])
def test_keywords_that_cannot_be_read_stay_as_they_were_and_are_asked_for_again_a_minute_later(
    failure: HttpResponse | NoResponse,
) -> None:
    asked = Asked((failure, RULES, failure, RULES))

    assert (asked.keywords(), asked.keywords(), len(asked.urls)) == ({}, {}, 1)
    asked.clock.sleep(RETRY_PAUSE)
    assert asked.keywords() == JA
    asked.clock.sleep(KEYWORDS_LIFETIME)
    assert (asked.keywords(), len(asked.urls)) == (JA, 3)


def test_a_provider_that_is_down_is_asked_once_a_minute_whatever_about() -> None:
    asked = Asked((DOWN, SUPPRESSED))
    asked.keywords()

    assert [asked.sources.blocks("bird", reply()) for _ in range(3)] == [None] * 3
    assert asked.failed == [("bird GET", None, 503)]
    asked.clock.sleep(RETRY_PAUSE)
    assert asked.sources.blocks("bird", reply()) == frozenset({Kind.STOP, Kind.STOP_MARKETING})
    assert asked.urls[1:] == ["/v1/sms/suppressions?destination=%2B31612345678&originator=%2B15551234567&limit=100"]


def test_a_provider_that_refuses_to_say_has_blocked_everything_and_a_wrong_key_holds_up_no_reply() -> None:
    asked, wrong = Asked((FORBIDDEN,)), Asked((RULES,), key="live_classic")
    assert asked.sources.blocks("bird", reply()) == frozenset({Kind.STOP})
    assert asked.failed == [("bird GET", None, 403)]
    assert (wrong.keywords(), wrong.sources.blocks("bird", reply()), wrong.urls) == ({}, None, [])


def test_settings_that_cannot_be_read_make_the_reply_come_again() -> None:
    unread = FixedSettings(error=Unavailable("the settings cannot be read"))
    sources = OptOutSources(
        settings=unread, http=ScriptedHttp((RULES,)), now=FakeClock().monotonic, failed=ignore_failed_call
    )
    with pytest.raises(Unavailable):
        sources.keywords("bird", reply())


@pytest.mark.parametrize("provider", ["twilio", "messagebird", "aws"])
def test_a_provider_without_such_an_api_is_not_asked(provider: str) -> None:
    asked = Asked((RULES,))
    assert asked.sources.keywords(provider, reply()) == {}
    assert asked.sources.blocks(provider, reply()) == frozenset({Kind.STOP})
    assert asked.urls == []


RECORD = HttpResponse(200, {}, json.dumps({"sid": "SM1", "date_created": "Sat, 31 Jan 2026 12:00:07 +0000"}).encode())
TEXT = Inbound(provider_message_id="SM1", sender=PERSON, to=(NUMBER,), text="Stop")
AT = "2026-01-31T12:00:07.000Z"


@pytest.mark.parametrize("failure", [DOWN, SILENT])
def test_a_reply_without_a_time_has_that_of_the_providers_record_who_is_asked_once_a_minute_while_down(
    failure: HttpResponse | NoResponse,
) -> None:
    asked = Asked((failure, RECORD))

    assert [asked.sources.sent_at("twilio", TEXT) for _ in range(3)] == [None] * 3
    assert asked.urls == [f"/2010-04-01/Accounts/{TWILIO['account_sid']}/Messages/SM1.json"]
    asked.clock.sleep(RETRY_PAUSE)
    assert asked.sources.sent_at("twilio", TEXT) == AT


@pytest.mark.parametrize(
    "answer",
    [
        *(DOWN, SILENT, FORBIDDEN, HttpResponse(404, {}, b'{"code": 20404}')),
        *(HttpResponse(200, {}, body) for body in (b"{}", b"<html>", b'{"date_created": "yesterday"}')),
    ],
)
def test_a_time_that_cannot_be_read_is_none(answer: HttpResponse | NoResponse) -> None:
    assert Asked((answer,)).sources.sent_at("twilio", TEXT) is None


@pytest.mark.parametrize("provider", ["twilio", "bird"])
def test_a_reply_with_a_time_keeps_it_and_no_provider_is_asked(provider: str) -> None:
    asked = Asked((RECORD,))
    assert asked.sources.sent_at(provider, replace(TEXT, at="2026-01-31T11:00:00.000Z")) == "2026-01-31T11:00:00.000Z"
    assert (asked.sources.sent_at("aws", TEXT), asked.urls) == (None, [])


def test_a_provider_that_is_no_longer_enabled_is_not_asked() -> None:
    http = ScriptedHttp((RECORD,))
    sources = OptOutSources(settings=FixedSettings({}), http=http, now=FakeClock().monotonic, failed=ignore_failed_call)
    assert (sources.sent_at("twilio", TEXT), sources.keywords("bird", reply()), http.requests) == (None, {}, [])
