"""The Bird adapter: its requests, and the outcomes of its answers."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sms_tracker.domain.errors import FieldError, InvalidMessage, Misconfigured
from sms_tracker.domain.http import HttpRequest, HttpResponse
from sms_tracker.domain.outbound import (
    Accepted,
    Candidate,
    Fault,
    LookupFailed,
    NoSuchMessage,
    NotProcessed,
    OutcomeUnknown,
    Refused,
)
from sms_tracker.domain.status import Category, Reason, Status
from sms_tracker.domain.text import Encoding
from sms_tracker.providers.base import Listed
from sms_tracker.providers.bird import api, codes, report, webhook
from tests.factories import MESSAGE_ID, NOW, criteria, outbound
from tests.unit.documents import list_below

SMS_ID = "sms_01krdgeqcxet5s7t44vh8rt9mg"
CREDENTIALS = {"api_key": "bk_eu1_examplekey", "webhook_secret": "whsec_ZXhhbXBsZQ==", "category": "transactional"}


def sent(credentials: dict[str, str] = CREDENTIALS, **changes: Any) -> HttpRequest:
    message = outbound(attempt=2, sender="Acme", body="Grüße \ud83d 🐦", encoding=Encoding.UCS_2, **changes)
    return api.send_request(message, credentials=credentials, callback_url="https://sms.example.com/x?a=1")


# Sending


def test_a_message_is_posted_with_its_category_and_comes_back_by_its_metadata() -> None:
    request = sent(validity_seconds=3600)

    assert (request.method, request.url) == ("POST", "https://eu1.platform.bird.com/v1/sms/messages")
    assert request.headers["authorization"] == "Bearer bk_eu1_examplekey"
    assert request.headers["idempotency-key"] == "a-token"
    assert json.loads(request.body) == {
        "to": "+31612345678",
        "from": "Acme",
        "text": "Grüße \ud83d 🐦",
        "category": "transactional",
        "metadata": {"message_id": MESSAGE_ID, "attempt": 2, "token": "a-token"},
        "validity_period": 3600,
    }
    assert "validity_period" not in json.loads(sent().body)


@pytest.mark.parametrize("default", ["transactional", ""])
def test_a_messages_own_category_counts(default: str) -> None:
    assert json.loads(sent({**CREDENTIALS, "category": default}, category="marketing").body)["category"] == "marketing"


def test_a_category_is_never_guessed_and_a_wrong_default_is_the_operators_mistake() -> None:
    with pytest.raises(InvalidMessage) as refusal:
        sent({**CREDENTIALS, "category": ""})
    assert refusal.value.errors == (FieldError("category", "is required: bird has no default category here"),)
    with pytest.raises(Misconfigured, match="bird: category"):
        sent({**CREDENTIALS, "category": "important"})


@pytest.mark.parametrize(("key", "region"), [("bk_us1_x", "us1"), ("bm_eu1_x_y", "eu1"), (" bk_ap2_x\n", "ap2")])
def test_the_key_names_the_region(key: str, region: str) -> None:
    assert sent({**CREDENTIALS, "api_key": key}).url == f"https://{region}.platform.bird.com/v1/sms/messages"


# Credentials


@pytest.mark.parametrize(
    ("key", "flaw"),
    [
        *[("live_abcdefghijklmnopqrstuvwxy", "classic API"), ("test_abcdefghijklmnopqrstuvwxy", "classic API")],
        *[("bird_live_abc", "another API"), ("whsec_ZXhhbXBsZQ==", "webhook secret"), ("AC" + 32 * "0", "bk_us1_")],
        *[("abcdefghijklmnopqrstuvwxy", "bk_us1_"), ("bk_nowhere", "bk_us1_"), ("bk_us2_", "bk_us1_")],
        ("bk_us1_a b", "blank"),
    ],
)
def test_a_key_of_another_product_is_recognised(key: str, flaw: str) -> None:
    assert flaw in webhook.flaws({"api_key": key})["api_key"]
    assert key not in webhook.flaws({"api_key": key})["api_key"]
    with pytest.raises(Misconfigured, match="bird: api_key") as caught:
        sent({**CREDENTIALS, "api_key": key})
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        *[("webhook_secret", each) for each in ("bk_us1_x", "whsec_", "whsec_not base64", "whsec_é", "whsec_a")],
        ("next_webhook_secret", "bk_us1_x"),
        ("category", "important"),
    ],
)
def test_a_value_that_cannot_be_right_is_named_by_its_entry(entry: str, value: str) -> None:
    assert webhook.flaws({entry: value}).keys() == {entry}


def test_good_credentials_have_no_flaw_and_both_secrets_are_accepted_while_one_rotates() -> None:
    assert webhook.flaws({}) == webhook.flaws(CREDENTIALS) == {}

    keys = webhook.keys({"webhook_secret": " whsec_b2xk ", "next_webhook_secret": "whsec_bmV3"})

    assert [(key.secret, key.following) for key in keys] == [("whsec_b2xk", False), ("whsec_bmV3", True)]


# Outcomes


def answer(status: int, body: object, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, json.dumps(body).encode())


def error(name: str | None = None, code: str | None = None, **more: object) -> dict[str, object]:
    values = {"type": "validation_error", "code": code, "name": name, "message": "No to +31612345678", **more}
    return {"error": {key: value for key, value in values.items() if value is not None}}


def test_an_acceptance_names_the_message_also_when_it_is_replayed() -> None:
    taken = {"id": SMS_ID, "status": "accepted", "created_at": "2026-11-29T08:00:00Z"}
    first, replayed = (api.send_outcome(answer(202, taken, **more)) for more in ({}, {"idempotency-replay": "true"}))

    assert (
        first
        == replayed
        == Accepted(
            provider_message_id=SMS_ID, word="accepted", status=Status.ACCEPTED, occurred="2026-11-29T08:00:00.000Z"
        )
    )


def test_an_acceptance_may_be_a_failure_already() -> None:
    taken = {"id": SMS_ID, "status": "rejected", "last_error": {"code": "insufficient_balance"}}
    outcome = api.send_outcome(answer(202, taken))

    assert isinstance(outcome, Accepted)
    assert outcome.failure
    assert (outcome.status, outcome.failure.reason) == (Status.FAILED, Reason.ACCOUNT)


@pytest.mark.parametrize("status", ["teleported", "received", None, 7])
def test_an_acceptance_with_an_odd_status_has_a_warning(status: object) -> None:
    outcome = api.send_outcome(answer(202, {"id": SMS_ID, "status": status}))

    assert isinstance(outcome, Accepted)
    assert (outcome.status, outcome.failure) == (Status.ACCEPTED, None)
    assert outcome.warning


LISTED = {name: error(**{"code" if name[1:].isdigit() else "name": name}) for name in codes.SEND_ERRORS}
REFUSALS = [
    *[(422, LISTED[name], fault, reason) for name, (fault, _, reason) in codes.SEND_ERRORS.items()],
    (400, error("InvalidRequest", "E01002"), Fault.CALLER, Reason.UNKNOWN),
    (400, error("InvalidRequest", "E01002", param="Idempotency-Key"), Fault.ACCOUNT, Reason.ACCOUNT),
    (422, error("ValidationError", "E01001", param="to"), Fault.CALLER, Reason.INVALID_RECIPIENT),
    (422, error("ValidationError", "E01001", param="from"), Fault.SENDER, Reason.SENDER_REJECTED),
    (422, error("ValidationError", "E01001", details=[{"param": "text"}]), Fault.CALLER, Reason.UNKNOWN),
    (422, error("ValidationError", "E01001", details=[{"param": "metadata.x"}]), Fault.ACCOUNT, Reason.ACCOUNT),
    (422, error("SMSNoEligibleSender", "E12777"), Fault.SENDER, Reason.SENDER_REJECTED),
    (422, error("SMSSenderNotConfigured", param="from"), Fault.SENDER, Reason.SENDER_REJECTED),
    (422, error("SMSUnsupportedFeature", param="validity_period"), Fault.CALLER, Reason.UNKNOWN),
    (422, error("SMSUnsupportedFeature", param="metadata"), Fault.ACCOUNT, Reason.ACCOUNT),
    (422, error("SMSNewRule", "E12999"), Fault.CALLER, Reason.UNKNOWN),
    *[(status, error("NewRule"), Fault.ACCOUNT, Reason.ACCOUNT) for status in (401, 402, 403, 404, 412, 413, 421)],
    *[(status, {}, Fault.ACCOUNT, Reason.ACCOUNT) for status in (405, 428)],
]


@pytest.mark.parametrize(("status", "body", "fault", "reason"), REFUSALS, ids=lambda each: str(each)[:70])
@pytest.mark.parametrize("bare", [False, True], ids=["enveloped", "bare"])
def test_a_refusal_blames_who_can_mend_it(
    status: int, body: dict[str, Any], fault: Fault, reason: Reason, *, bare: bool
) -> None:
    outcome = api.send_outcome(answer(status, body.get("error", {}) if bare else body))

    assert isinstance(outcome, Refused)
    assert (outcome.fault, outcome.failure.reason) == (fault, reason)
    named = body.get("error", {})
    assert outcome.failure.code == (named.get("code") or named.get("name"))
    assert outcome.failure.message == ("No to [number]" if named else None)


def test_an_empty_wallet_is_for_now_and_a_wrong_key_is_not() -> None:
    wallet, key = (api.send_outcome(answer(status, {})) for status in (402, 401))

    assert isinstance(wallet, Refused)
    assert isinstance(key, Refused)
    assert (wallet.failure.category, key.failure.category) == (Category.TEMPORARY, Category.PERMANENT)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *[(202, {"status": "accepted"}), (409, error("RequestInProgress", "E01004"))],
        *[(409, error("IdempotencyKeyReuse", "E01005")), (499, error("ClientClosedRequest", "E01036"))],
        *[(500, error("IdempotencyUnavailable", "E01033")), (503, error("ServiceUnavailable"))],
        *[(status, {}) for status in (307, 408, 409, 500, 501, 502, 503, 504)],
    ],
)
def test_what_may_hide_a_message_is_unknown(status: int, body: object) -> None:
    # Found in Bird's guides
    assert isinstance(api.send_outcome(answer(status, body)), OutcomeUnknown)


@pytest.mark.parametrize(
    ("status", "body"), [(429, {}), (429, error("RateLimited", "E01929")), (503, error("KeyStoreDown", "E01033"))]
)
def test_a_request_that_was_not_carried_out_may_be_repeated(status: int, body: object) -> None:
    outcome = api.send_outcome(answer(status, body, **{"retry-after": "7"}))

    assert isinstance(outcome, NotProcessed)
    assert (outcome.retry_after, outcome.soon) == (7.0, True)


# Look-ups


def test_only_birds_own_not_found_means_that_there_is_none() -> None:
    missing = error("NotFound", type="not_found_error")

    assert api.lookup_outcome(answer(404, missing), received_at=NOW) == NoSuchMessage()
    for other in (answer(404, {}), answer(404, error("NotFound", type="auth_error")), answer(410, missing)):
        assert isinstance(api.lookup_outcome(other, received_at=NOW), LookupFailed)


# Searching for a send with a lost answer


def listed(*records: object, following: object = None) -> Listed | LookupFailed:
    return api.search_outcome(answer(200, {"data": records, "next_cursor": following}), criteria=criteria())


def record(message_id: object, known: object = SMS_ID, token: str = "a-token") -> dict[str, object]:
    metadata = {"message_id": message_id, "attempt": 1, "token": token}
    return {"id": known, "created_at": "2026-11-29T08:00:00Z", "metadata": metadata}


def test_a_search_asks_for_a_recipient_and_a_time() -> None:
    first, next_one = (
        api.search_request(criteria(), credentials={"api_key": "bk_us1_x"}, page=page) for page in (None, "a b&c")
    )

    assert parse_qs(urlsplit(first.url).query) == {
        "direction": ["outbound"],
        "to": ["+31612345678"],
        "created_after": ["2026-01-31T11:58:00.000Z"],
        "created_before": ["2026-01-31T12:03:00.000Z"],
        "limit": ["100"],
    }
    assert parse_qs(urlsplit(next_one.url).query)["starting_after"] == ["a b&c"]


def test_the_message_with_our_id_and_token_is_certainly_ours_and_without_it_the_search_goes_on() -> None:
    ours = Candidate(provider_message_id=SMS_ID, created="2026-11-29T08:00:00.000Z", certain=True)
    other, another_stacks = record("another"), record(MESSAGE_ID, token="of-another-stack")

    assert listed(other, record(MESSAGE_ID), {"id": "sms_x", "metadata": None}, following="more") == Listed(
        (ours,), None
    )
    assert listed(other, following="more") == listed(another_stacks, following="more") == Listed((), "more")
    assert listed(other) == listed() == Listed((), None)


@pytest.mark.parametrize(
    "body",
    [
        *[{}, {"data": []}, {"next_cursor": None}, {"data": [], "next_cursor": 7}, {"data": [], "next_cursor": ""}],
        *[{"data": {}, "next_cursor": None}, {"data": [1], "next_cursor": None}, {"data": [{}], "next_cursor": None}],
        {"data": [record(MESSAGE_ID, known=None)], "next_cursor": None},
    ],
)
def test_what_cannot_be_read_to_its_end_proves_no_absence(body: object) -> None:
    assert isinstance(api.search_outcome(answer(200, body), criteria=criteria()), LookupFailed)


def test_a_list_with_another_status_proves_no_absence() -> None:
    found = api.search_outcome(answer(201, {"data": [], "next_cursor": None}), criteria=criteria())

    assert found == LookupFailed(reason="HTTP 201")


# The docs page

DOC = Path(__file__).parents[2] / "docs" / "providers" / "bird.md"


def values(heading: str, columns: int) -> dict[str, tuple[str, ...]]:
    """The first values of each name in the page's list under ``heading``."""
    return {name: tuple(row[:columns]) for name, row in list_below(DOC, heading).items()}


def test_the_docs_list_every_status_word_and_say_which_is_final() -> None:
    final = {word for word, row in list_below(DOC, "Status words").items() if "final" in row}

    assert values("Status words", 1) == {word: (str(status or "–"),) for word, status in report.STATUSES.items()}
    assert final == {word for word, status in report.STATUSES.items() if status and status.final}


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("Error codes", report.CODES),
        ("Failures without a cause", report.WITHOUT_CODE),
        ("Refused requests", codes.SEND_ERRORS),
        ("Refused parameters", codes.PARAMETERS),
    ],
)
def test_the_docs_list_every_code_and_what_it_means(heading: str, table: dict[str, tuple[str, ...]]) -> None:
    assert values(heading, len(next(iter(table.values())))) == table


def test_the_docs_list_every_entry_of_the_secret() -> None:
    page = DOC.read_text(encoding="utf-8").split("\n## What you need\n", 1)[1].split("\n## ", 1)[0]

    assert {line.split("`")[1] for line in page.splitlines() if line.startswith("- `")} == set(webhook.ENTRIES)
