"""Reports from AWS's events."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_tracker.domain.callback import CallbackTarget
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.report import Report, Source, clean
from sms_tracker.domain.status import Status
from sms_tracker.providers.aws import report, webhook
from tests.unit.test_aws import DOC

RECEIVED = "2025-03-14T09:26:55.000Z"
SAMPLES = [
    json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[2] / "events" / "webhooks" / "aws").glob("*.json"))
]
ANY_TEXT = st.text(st.characters())


def read(body: str) -> dict[str, str]:
    return dict(webhook.fields(HttpRequest("POST", "", {}, body.encode("utf-8", "surrogatepass"))))


def event(**changes: Any) -> dict[str, str]:
    whole = {"eventType": "TEXT_DELIVERED", "isFinal": True, "messageId": "862a8790", "isoCountryCode": "NL", **changes}
    return read(json.dumps(whole))


def said(**changes: Any) -> Report:
    return report.report(event(**changes), received_at=RECEIVED)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["description"])
def test_a_sample_is_read_and_understood(sample: dict[str, Any]) -> None:
    request = HttpRequest("POST", "", {}, sample["request"]["body"].encode())

    fields = webhook.fields(request)
    found = report.report(fields, received_at=sample["received_at"])
    failure = found.failure and {
        name: getattr(found.failure, name) for name in ("category", "reason", "code", "message")
    }

    assert dict(fields) == sample["fields"]
    assert webhook.target(request, fields) == CallbackTarget(**sample["target"])
    shown = {"failure": failure, "price": found.price and str(found.price)}
    assert {**{name: getattr(found, name) for name in sample["report"]}, **shown} == sample["report"]
    assert (found.provider, found.received, found.source) == ("aws", sample["received_at"], Source.CALLBACK)


@pytest.mark.parametrize("word", report.FAILURES)
def test_a_failure_moves_nothing_until_it_is_final(word: str) -> None:
    trying, gave_up = (said(eventType=f"TEXT_{word}", isFinal=final) for final in (False, True))

    assert (trying.word, trying.status, trying.failure, trying.recognised) == (word, None, None, True)
    assert (gave_up.word, gave_up.status) == (f"{word}.final", report.FAILURES[word][0])
    assert gave_up.failure is not None
    assert gave_up.code == gave_up.failure.code == word


@pytest.mark.parametrize("final", [None, 1, "yes", "TRUE", []])
def test_only_a_plain_true_is_final(final: object) -> None:
    assert said(eventType="TEXT_UNREACHABLE", isFinal=final).status is None


@pytest.mark.parametrize(
    ("countries", "word", "status"),
    [
        (None, "SUCCESSFUL.final", Status.UNKNOWN),
        ("", "SUCCESSFUL.final", Status.UNKNOWN),
        ("US,DE", "SUCCESSFUL.final", Status.UNKNOWN),
        ("NL", "SUCCESSFUL.delivered", Status.DELIVERED),
        ("US,NL", "SUCCESSFUL.delivered", Status.DELIVERED),
    ],
)
def test_what_the_carrier_took_counts_as_delivered_only_where_the_operator_says_so(
    countries: str | None, word: str, status: Status
) -> None:
    fields = event(eventType="TEXT_SUCCESSFUL") | ({} if countries is None else {report.CARRIER_ACCEPTED: countries})

    found = report.report(fields, received_at=RECEIVED)

    assert (found.word, found.status, found.failure) == (word, status, None)
    assert report.CARRIER_ACCEPTED not in found.details


@pytest.mark.parametrize("country", [None, ""])
def test_without_a_country_no_list_applies(country: str | None) -> None:
    fields = event(eventType="TEXT_SUCCESSFUL", isoCountryCode=country) | {report.CARRIER_ACCEPTED: "NL"}
    without_list = event(eventType="TEXT_SUCCESSFUL", isoCountryCode=country) | {report.CARRIER_ACCEPTED: ""}

    assert report.report(fields, received_at=RECEIVED).status is Status.UNKNOWN
    assert report.report(without_list, received_at=RECEIVED).status is Status.UNKNOWN


def test_a_success_that_is_not_final_is_sent_wherever_it_is() -> None:
    fields = event(eventType="TEXT_SUCCESSFUL", isFinal=False) | {report.CARRIER_ACCEPTED: "NL"}

    assert report.report(fields, received_at=RECEIVED).status is Status.SENT


@pytest.mark.parametrize("word", report.STATUSES)
def test_a_stored_word_means_what_its_event_meant(word: str) -> None:
    status, failure = report.meaning(word, None, "a text")

    assert (status, report.knows(word)) == (report.status(word, None), True)
    assert (failure is not None) == (word.removesuffix(".final") in report.FAILURES and word.endswith(".final"))


@pytest.mark.parametrize("word", ["TELEPORTED", "VOICE_COMPLETED", "RCS_DELIVERED", "MEDIA_DELIVERED", "delivered", ""])
def test_an_unfamiliar_word_moves_nothing(word: str) -> None:
    found = said(eventType=word)

    assert (found.status, found.recognised, found.failure) == (None, False, None)
    assert found.word == (f"{word}.final" if word else "")


def test_the_status_stands_in_for_a_missing_type() -> None:
    assert said(eventType=None, messageStatus="DELIVERED").word == "DELIVERED.final"


@pytest.mark.parametrize(
    ("price", "fee", "sum_of_both"),
    [
        ("0.00581", "0.00302", "0.00883 USD"),
        ("0.1", "0.2", "0.3 USD"),
        ("0.09582", "0.0", "0.09582 USD"),
        ("1e-05", "0.0", "0.00001 USD"),
        ("10", "0", "10 USD"),
        ("0.0", "0.0", None),
        ("5.81e-05", "3.02e-05", "0.0000883 USD"),
        ("0.123456789012345", "999999999999", "999999999999.123456789012345 USD"),
        ("0.00581", "null", "0.00581 USD"),
        ("NaN", "Infinity", None),
        ("-1", "1e999999999", "1 USD"),
        ('"a lot"', "[]", None),
    ],
)
def test_a_price_is_the_sum_of_both_to_the_last_digit(price: str, fee: str, sum_of_both: str | None) -> None:
    fields = read(f'{{"eventType": "TEXT_SENT", "totalMessagePrice": {price}, "totalCarrierFee": {fee}}}')

    found = report.report(fields, received_at=RECEIVED).price
    assert (found and str(found)) == sum_of_both


@pytest.mark.parametrize(
    ("milliseconds", "moment"),
    [
        (1796000000470, "2026-11-30T00:53:20.470Z"),
        ("1796000000470", "2026-11-30T00:53:20.470Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (10**30, "1" + 30 * "0"),
        ("yesterday", "yesterday"),
        (None, None),
    ],
)
def test_the_time_is_milliseconds_since_1970(milliseconds: object, moment: str | None) -> None:
    assert said(eventTimestamp=milliseconds).occurred == moment


def test_numbers_context_and_text_are_not_kept_as_details() -> None:
    details = said(
        originationPhoneNumber="+15551234567", destinationPhoneNumber="+31612345678", context={"token": "a-token"},
        carrierName="Example Mobile", totalMessageParts=2,
    ).details  # fmt: skip

    assert details == {"isoCountryCode": "NL", "carrierName": "Example Mobile", "totalMessageParts": "2"}


@pytest.mark.parametrize(
    ("context", "target"),
    [
        ({}, CallbackTarget(None, 1, None)),
        ({"message_id": "no-uuid", "attempt": "20"}, CallbackTarget(None, 1, None)),
        ({"account": "bar"}, CallbackTarget(None, 1, None)),
        (
            {"message_id": "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa", "attempt": "19", "token": "a&attempt=2"},
            CallbackTarget("9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa", 19, "a&attempt=2"),
        ),
        ("a text", CallbackTarget(None, 1, None)),
    ],
)
def test_the_target_is_the_context_alone(context: object, target: CallbackTarget) -> None:
    request = HttpRequest("POST", "?message_id=00000000-0000-4000-8000-000000000000&attempt=7&token=x")

    assert webhook.target(request, event(context=context)) == target


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", "{}", '"text"', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_a_body_that_is_no_event_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        read(body)


NAMES = ["eventType", "isFinal", "eventTimestamp", "mcc", "messageId", "totalMessagePrice", "context[message_id]"]


@given(st.dictionaries(st.sampled_from(NAMES) | ANY_TEXT, ANY_TEXT, max_size=60))
def test_a_report_can_be_made_of_any_text(fields: dict[str, str]) -> None:
    found = report.report(fields, received_at=RECEIVED)
    webhook.target(HttpRequest("POST", ""), fields)

    kept = [found.word, found.code, found.provider_message_id, found.occurred, found.network]
    kept += [text for pair in found.details.items() for text in pair]
    assert [text for text in kept if text is not None and text != clean(text)] == []
    assert len(found.details) <= 40


def test_only_words_of_events_have_a_page() -> None:
    assert str(report.page("UNREACHABLE", Status.UNDELIVERED)).startswith("https://docs.aws.amazon.com/")
    assert report.page("DESTINATION_PHONE_NUMBER_OPTED_OUT", Status.FAILED) is None


def meanings(heading: str) -> dict[str, str]:
    """What the list under ``heading`` says about each word: ``- `WORD`, `WORD`: meaning``."""
    section = DOC.read_text(encoding="utf-8").partition(f"### {heading}\n")[2].partition("\n#")[0]
    lines = re.findall(r"^- ((?:`[^`]+`(?:, )?)+): (.*)$", section, flags=re.MULTILINE)
    return {word: meaning for words, meaning in lines for word in re.findall("`([^`]+)`", words)}


def test_the_docs_list_every_word() -> None:
    assert {word: meaning.partition(";")[0] for word, meaning in meanings("Status words").items()} == {
        word: status.value if status else "–"
        for word, status in report.STATUSES.items()
        if word.removesuffix(".final") not in report.FAILURES
    }


def test_the_docs_list_every_failure() -> None:
    assert meanings("Failures") == {
        word: f"{category}, {reason}" for word, (_, category, reason) in report.FAILURES.items()
    }


def test_the_docs_say_which_failure_has_a_status_of_its_own() -> None:
    page = " ".join(DOC.read_text(encoding="utf-8").split())
    assert "`TTL_EXPIRED` becomes `expired`, any other `undelivered`" in page
    assert {word: str(status) for word, (status, _, _) in report.FAILURES.items()} == {
        word: "expired" if word == "TTL_EXPIRED" else "undelivered" for word in report.FAILURES
    }
