"""Reports from AWS's events."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sms_tracker.domain.callback import CallbackTarget
from sms_tracker.domain.errors import Unreadable
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Status
from sms_tracker.providers.aws import report, webhook
from tests.unit.test_aws import DOC

ID, NO_TARGET = "9d3f1a52-6a0e-5c1b-8f43-2b7d90c6e1aa", CallbackTarget(None, 1, None)
RECEIVED = "2025-03-14T09:26:55.000Z"


SAMPLES = Path(__file__).parents[2] / "events" / "webhooks" / "aws"


def read(body: str) -> dict[str, str]:
    return dict(webhook.fields(HttpRequest("POST", "", {}, body.encode("utf-8", "surrogatepass"))))


def event(**changes: Any) -> dict[str, str]:
    whole = {"eventType": "TEXT_DELIVERED", "isFinal": True, "messageId": "862a8790", "isoCountryCode": "NL", **changes}
    return read(json.dumps(whole))


def said(**changes: Any) -> Report:
    return report.report(event(**changes), received_at=RECEIVED)


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
    ("countries", "country", "word", "status"),
    [
        (None, "NL", "SUCCESSFUL.final", Status.UNKNOWN),
        ("", "NL", "SUCCESSFUL.final", Status.UNKNOWN),
        ("US,DE", "NL", "SUCCESSFUL.final", Status.UNKNOWN),
        ("NL", "NL", "SUCCESSFUL.delivered", Status.DELIVERED),
        ("US,NL", "NL", "SUCCESSFUL.delivered", Status.DELIVERED),
        *[(listed, none, "SUCCESSFUL.final", Status.UNKNOWN) for listed in ("NL", "") for none in (None, "")],
    ],
)
def test_what_the_carrier_took_counts_as_delivered_only_where_the_operator_says_so(
    countries: str | None, country: str | None, word: str, status: Status
) -> None:
    fields = event(eventType="TEXT_SUCCESSFUL", isoCountryCode=country)
    found = report.report(
        fields | ({} if countries is None else {report.CARRIER_ACCEPTED: countries}), received_at=RECEIVED
    )

    assert (found.word, found.status, found.failure) == (word, status, None)
    assert report.CARRIER_ACCEPTED not in found.details


def test_a_success_that_is_not_final_is_sent_and_the_status_stands_in_for_a_missing_type() -> None:
    fields = event(eventType="TEXT_SUCCESSFUL", isFinal=False) | {report.CARRIER_ACCEPTED: "NL"}

    assert report.report(fields, received_at=RECEIVED).status is Status.SENT

    assert said(eventType=None, messageStatus="DELIVERED").word == "DELIVERED.final"


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


@pytest.mark.parametrize(
    ("price", "fee", "sum_of_both"),
    [
        ("0.00581", "0.00302", "0.00883 USD"),
        *[("0.1", "0.2", "0.3 USD"), ("0.09582", "0.0", "0.09582 USD"), ("1e-05", "0.0", "0.00001 USD")],
        *[("10", "0", "10 USD"), ("0.0", "0.0", None)],
        ("5.81e-05", "3.02e-05", "0.0000883 USD"),
        ("0.123456789012345", "999999999999", "999999999999.123456789012345 USD"),
        *[("0.00581", "null", "0.00581 USD"), ("NaN", "Infinity", None), ("-1", "1e999999999", "1 USD")],
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
        *[(0, "1970-01-01T00:00:00.000Z"), (10**30, "1" + 30 * "0"), ("yesterday", "yesterday"), (None, None)],
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
        *[({"message_id": "no-uuid", "attempt": "20"}, NO_TARGET), ({"account": "bar"}, NO_TARGET)],
        *[({}, NO_TARGET), ("a text", NO_TARGET)],
        ({"message_id": ID, "attempt": "19", "token": "a&attempt=2"}, CallbackTarget(ID, 19, "a&attempt=2")),
    ],
)
def test_the_target_is_the_context_alone(context: object, target: CallbackTarget) -> None:
    request = HttpRequest("POST", "?message_id=00000000-0000-4000-8000-000000000000&attempt=7&token=x")

    assert webhook.target(request, event(context=context)) == target


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_sample_has_its_target(path: Path) -> None:
    sample = json.loads(path.read_text(encoding="utf-8"))
    target = webhook.target(HttpRequest("POST", ""), read(sample["request"]["body"]))

    assert target == CallbackTarget(**sample["target"])


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", "{}", '"text"', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_a_body_that_is_no_event_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        read(body)


def test_only_words_of_events_have_a_page() -> None:
    assert str(report.page("UNREACHABLE", Status.UNDELIVERED)).startswith("https://docs.aws.amazon.com/")
    assert report.page("DESTINATION_PHONE_NUMBER_OPTED_OUT", Status.FAILED) is None


def meanings(heading: str) -> dict[str, str]:
    """What the list under ``heading`` says about each word: ``- `WORD`, `WORD`: meaning``."""
    section = DOC.read_text(encoding="utf-8").partition(f"### {heading}\n")[2].partition("\n#")[0]
    lines = re.findall(r"^- ((?:`[^`]+`(?:, )?)+): (.*)$", section, flags=re.MULTILINE)
    return {word: meaning for words, meaning in lines for word in re.findall("`([^`]+)`", words)}


def test_the_docs_list_every_word_and_every_failure() -> None:
    assert {word: meaning.partition(";")[0] for word, meaning in meanings("Status words").items()} == {
        word: status.value if status else "–"
        for word, status in report.STATUSES.items()
        if word.removesuffix(".final") not in report.FAILURES
    }
    assert meanings("Failures") == {
        word: f"{category}, {reason}" for word, (_, category, reason) in report.FAILURES.items()
    }


def test_the_docs_say_which_failure_has_a_status_of_its_own() -> None:
    page = " ".join(DOC.read_text(encoding="utf-8").split())
    assert "`TTL_EXPIRED` becomes `expired`, any other `undelivered`" in page
    assert {word: str(status) for word, (status, _, _) in report.FAILURES.items()} == {
        word: "expired" if word == "TTL_EXPIRED" else "undelivered" for word in report.FAILURES
    }
