"""Every answer of our functions over HTTP: the examples of docs/testing.md, and what no single request shows."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from local.process import ROOT
from local.simulators.scenario import TABLE
from local.stack import Stack
from ops.api_keys import new_key
from tests.e2e import clients, curl, provider, records, watch
from tests.e2e.provider import Simulator, number

DOCUMENT = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
FURTHER = Path(__file__).with_name("answers.sh").read_text(encoding="utf-8")
"""Further requests in the document's form, which may continue its idempotency keys."""
_GROUP = re.compile(r"# (?P<status>\d{3})(?: (?P<kind>[\w-]+))?(?: \((?P<by>\w+)\))?")
"""What the lines below it are answered, up to the next one."""
_ROW = re.compile(r"(?P<line>(?:KEY=\S+ )?(?:curl -i|send|get) .+?)  # (?P<when>.+)")
_FUNCTIONS: dict[str, str] = dict(re.findall(r"^(\w+)\(\) \{ (curl .+); \}$", DOCUMENT, flags=re.MULTILINE))
"""The document's shell functions by name."""
_PROBLEM = "urn:sms-tracker:problem:"
_ERROR = 400
_LONG = {"provider-unavailable", "pending"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the document with its answer. ``by`` names who answers, if not a function of ours."""

    status: int
    kind: str | None
    by: str | None
    when: str
    line: str

    @property
    def to(self) -> str | None:
        """The recipient."""
        number = re.search(r'"to":"(\+\d{11})"', self.line)
        return number[1] if number else None

    @property
    def follows(self) -> str:
        """Rows with equal ones are run one after the other: those of one scripted recipient, of one idempotency key."""
        key = re.search(r"Idempotency-Key: ([\w-]+)", self.line)
        if self.to and self.to in SCRIPTED:
            return self.to
        return key[1] if key else self.line


def rows(text: str) -> Iterator[Row]:
    group: dict[str, str | None] = {}
    for line in text.splitlines():
        if found := _GROUP.fullmatch(line):
            group = found.groupdict()
        elif row := _ROW.fullmatch(line):
            status, kind, by = int(group["status"] or 0), group["kind"], group["by"]
            yield Row(status=status, kind=kind, by=by, when=row["when"], line=as_curl(row["line"]))


def as_curl(line: str) -> str:
    """The line, with a shell function of the document replaced by its curl command, and ``KEY=$NAME`` by that key."""
    if line.startswith("KEY=$"):
        key, _, call = line.removeprefix("KEY=").partition(" ")
        return as_curl(call).replace("$KEY", key)
    name, _, arguments = line.partition(" ")
    if name not in _FUNCTIONS:
        return line
    first = shlex.split(arguments)[0]
    return _FUNCTIONS[name].replace('"$@"', arguments).replace("$URL$1", f"$URL{first}")


SHOWN = list(rows(DOCUMENT))
ROWS = [*SHOWN, *rows(FURTHER)]
SCRIPTED = {row.to for row in ROWS if row.by == "simulator"}
"""Recipients whose course the document changes on the way."""


@pytest.fixture(scope="module")
def answers(stack: Stack, api_key: str) -> Iterator[dict[Row, httpx.Response]]:
    """What each row was answered. Rows that wait for a provider's time-out do so side by side."""
    variables = {
        "URL": stack.api_url,
        "KEY": api_key,
        "READ_KEY": stack.create_key("e2e", {"read"}),
        "SEND_KEY": stack.create_key("e2e", {"send"}),
        "ADMIN_KEY": stack.create_key("support", {"admin"}),
    } | {name.upper(): url for name, url in stack.simulator_urls.items()}
    chains: dict[str, list[Row]] = defaultdict(list)
    for row in ROWS:
        chains[row.follows].append(row)

    def run(chain: list[Row]) -> dict[Row, httpx.Response]:
        return {row: curl.run(row.line, variables) for row in chain}

    with ThreadPoolExecutor(6) as pool:
        longest_first = sorted(chains.values(), key=lambda chain: chain[0].kind not in _LONG)
        yield {row: answer for done in pool.map(run, longest_first) for row, answer in done.items()}


def test_the_document_has_examples_for_every_kind_of_answer() -> None:
    text = DOCUMENT + FURTHER
    assert len(ROWS) == len(re.findall(r"^(?:KEY=\S+ )?(?:curl -i|send|get) ", text, flags=re.MULTILINE))
    ours = {row.status for row in SHOWN if row.by is None}
    assert ours == {200, 202, 204, 400, 403, 404, 409, 413, 422, 502, 503}
    assert {(row.kind, row.by) for row in SHOWN} == {(row.kind, row.by) for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.status}-{row.when}")
def test_an_example_of_the_document_is_answered_as_it_says(row: Row, answers: dict[Row, httpx.Response]) -> None:
    answer = answers[row]

    assert answer.status_code == row.status, answer.text
    if row.by is None and row.status >= _ERROR:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["type"] == f"{_PROBLEM}{row.kind}"
        assert problem["status"] == row.status
        assert problem["title"]
        assert problem["detail"].endswith(".")
    elif row.by is None and row.kind is not None:
        assert answer.json()["status"] == row.kind
    elif row.by == "gateway":
        assert "problem" not in answer.headers["content-type"]


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind == "invalid-request"], ids=lambda row: row.when)
def test_what_is_invalid_is_named(row: Row, answers: dict[Row, httpx.Response]) -> None:
    errors = answers[row].json()["errors"]
    assert len({error["field"] for error in errors}) == len(errors) == (4 if "several" in row.when else 1)
    assert all(set(error) == {"field", "message"} and error["message"] for error in errors)


@pytest.mark.parametrize("row", [row for row in ROWS if row.status in {409, 503}], ids=lambda row: row.when)
def test_what_may_come_again_is_told_when(row: Row, answers: dict[Row, httpx.Response]) -> None:
    assert 1 <= int(answers[row].headers["retry-after"]) <= 34


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind == "refused-by-provider"], ids=lambda row: row.when)
def test_a_refusal_bears_the_providers_code(row: Row, answers: dict[Row, httpx.Response]) -> None:
    problem = answers[row].json()
    code = {
        "twilio": {"+31612345609": "21211", "+31612345610": "21610", "+31612345625": "21660"},
        "messagebird": {"+31612345609": "10"},
        "aws": {"+31612345610": "DESTINATION_PHONE_NUMBER_OPTED_OUT"},
    }
    assert row.to is not None

    assert problem["provider_code"] == code[problem["provider"]][row.to]
    assert answers[row].headers["location"] == f"/messages/{problem['message_id']}"
    assert row.to[1:] not in answers[row].text


def test_the_document_lists_the_simulated_courses_as_they_are() -> None:
    listed = re.findall(r"^- (\d\d): (.+)$", DOCUMENT, flags=re.MULTILINE)
    assert listed == [(scenario.digits, scenario.about) for scenario in TABLE]


def test_every_test_that_the_document_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT))
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert named
    assert {name for name in named if not re.search(rf"def {name}\(", text)} == set()


# -- What one request cannot show ----------------------------------------------------------------------------------


def message(to: str, name: str = "twilio", **more: object) -> dict[str, object]:
    return {"to": to, "body": "Your parcel is here", "provider": name, **more}


def keyed(word: str) -> dict[str, str]:
    return {"idempotency-key": word}


def test_a_key_that_has_expired_is_refused(stack: Stack) -> None:
    key, item = new_key("e2e", {"read"}, expires_at=int(time.time()) - 1)
    stack.clients.dynamodb.put_item(TableName=stack.deployment.outputs["StateTableName"], Item=item)

    with clients.with_key(stack, key) as expired:
        assert expired.get("/messages").status_code == 403


def test_an_accepted_message_is_answered_with_all_that_the_contract_names(api: httpx.Client) -> None:
    to = number("00")
    answer = api.post("/messages", json=message(f"{to[:3]} {to[3]} {to[4:]}", reference="order-42"))
    body = answer.json()

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/messages/{body['message_id']}"
    assert {name: body[name] for name in ("to", "reference", "provider", "encoding", "segments")} == {
        "to": to,
        "reference": "order-42",
        "provider": "twilio",
        "encoding": "GSM-7",
        "segments": 1,
    }
    assert body.keys() == {
        *("message_id", "status", "provider", "provider_message_id", "to", "reference"),
        *("encoding", "segments", "created_at"),
    }


@pytest.mark.parametrize("name", provider.NAMES)
def test_typographic_characters_are_replaced_where_it_is_asked_for_and_else_named(
    name: str, api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    # Found in support.messagemedia.com
    text = "“It’s\u00a0here” – " + "x" * 160
    written, smart = number("00"), number("00")
    as_written = api.post("/messages", json=message(written, name, body=text)).json()
    replaced = api.post("/messages", json=message(smart, name, body=text, smart_encoding=True)).json()

    assert (as_written["encoding"], as_written["segments"]) == ("UCS-2", 3)
    (warning,) = as_written["warnings"]
    assert "“ (U+201C), ’ (U+2019), U+00A0, ” (U+201D), – (U+2013)" in warning
    assert (replaced["encoding"], replaced["segments"], "warnings" in replaced) == ("GSM-7", 2, False)
    for to, sent in ((written, text), (smart, '"It\'s here" - ' + "x" * 160)):
        assert simulators[name].taken(to)[0]["body_sha256"] == hashlib.sha256(sent.encode()).hexdigest()


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=iso-8859-1", "text/plain", "a/b", ""])
def test_a_byte_that_is_not_utf_8_is_refused_however_it_is_labelled(
    kind: str, api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    # Found in floci-io/floci#2172
    to = number("00")
    body = json.dumps(message(to, body="café"), ensure_ascii=False).encode("latin-1")
    answer = api.post("/messages", content=body, headers={"content-type": kind} if kind else {})

    assert answer.status_code == 400
    assert "UTF-8" in answer.json()["errors"][0]["message"]
    assert simulators["twilio"].posts(to) == []


@pytest.mark.parametrize("path", ["/health", "/", "/docs", "/openapi.json", "/page/page.js", "/page/none.js"])
def test_head_is_answered_as_get_without_a_body_and_without_a_key(path: str, stack: Stack) -> None:
    # Found in aws-powertools/powertools-lambda-python#4275
    with clients.with_key(stack, None) as visitor:
        shown, bare = visitor.get(path), visitor.head(path)

    assert (bare.status_code, bare.content) == (shown.status_code, b"")
    for name in ("content-type", "content-length", "etag", "content-security-policy"):
        assert bare.headers.get(name) == shown.headers.get(name)


def test_a_message_is_found_by_its_id_in_capitals(api: httpx.Client) -> None:
    # Found in RFC 9562
    sent = api.post("/messages", json=message(number("00"))).json()
    found = api.get(f"/messages/{sent['message_id'].upper()}")

    assert (found.status_code, found.json()["message_id"]) == (200, sent["message_id"])


@pytest.mark.parametrize("name", provider.NAMES)
def test_the_same_key_replays_the_answer_and_sends_nothing(
    name: str, api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    to = number("08")
    first, second = (api.post("/messages", json=message(to, name), headers=keyed(f"replay-{name}")) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert [answer.headers.get("idempotent-replayed") for answer in (first, second)] == [None, "true"]
    assert len(simulators[name].posts(to)) == 1


def test_a_replayed_refusal_asks_nobody(api: httpx.Client, simulators: dict[str, Simulator]) -> None:
    to = number("10")
    first, second = (api.post("/messages", json=message(to), headers=keyed("refusal")) for _ in range(2))

    assert first.status_code == 422
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert len(simulators["twilio"].posts(to)) <= 1


def test_one_key_used_many_times_at_once_is_sent_once(api: httpx.Client, simulators: dict[str, Simulator]) -> None:
    to = number("00")
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(api.post, "/messages", json=message(to), headers=keyed("at-once")) for _ in range(8)]
        answers = [each.result() for each in sent]

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["message_id"] for answer in answers}) == 1
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 409)
    assert len(simulators["twilio"].posts(to)) == 1


@pytest.mark.parametrize("name", provider.NAMES)
def test_what_was_not_processed_is_taken_over_by_the_same_key_as_the_next_attempt(
    name: str, api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    to, key, simulator = number("22"), keyed(f"busy-{name}"), simulators[name]
    simulator.script(to, {"like": "throttled", "retry_after": 30})
    refused = api.post("/messages", json=message(to, name), headers=key)
    simulator.script(to, "delivered")
    taken = api.post("/messages", json=message(to, name), headers=key)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    assert taken.status_code == 202
    assert taken.json()["message_id"] == refused.json()["message_id"]
    record = watch.final(api, taken.json()["message_id"])
    assert (record["status"], record["attempt"]) == ("delivered", 2)
    assert len(simulator.taken(to)) == 1


@pytest.mark.parametrize("name", provider.NAMES)
def test_once_our_account_is_in_order_again_the_same_key_is_sent(
    name: str, api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    to, key, simulator = number("23"), keyed(f"account-{name}"), simulators[name]
    refused = api.post("/messages", json=message(to, name), headers=key)
    simulator.script(to, "delivered")
    taken = api.post("/messages", json=message(to, name), headers=key)

    assert (refused.status_code, taken.status_code) == (502, 202)
    assert watch.final(api, taken.json()["message_id"])["status"] == "delivered"
    assert len(simulator.taken(to)) == 1


def test_a_message_that_its_provider_did_not_take_is_sent_once_by_another_under_the_same_key(
    api: httpx.Client, simulators: dict[str, Simulator]
) -> None:
    to, key = number("23"), keyed("failover")
    refused = api.post("/messages", json=message(to, "twilio"), headers=key)
    simulators["messagebird"].script(to, "delivered")
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(api.post, "/messages", json=message(to, "messagebird"), headers=key) for _ in range(4)]
        answers = [each.result() for each in sent]

    assert refused.status_code == 502
    assert {answer.status_code for answer in answers} <= {202, 409}
    record = watch.final(api, refused.json()["message_id"])
    assert (record["status"], record["provider"], record["attempt"]) == ("delivered", "messagebird", 2)
    assert (len(simulators["messagebird"].taken(to)), len(simulators["twilio"].taken(to))) == (1, 0)


def test_what_is_about_messages_is_kept_by_no_cache(api: httpx.Client) -> None:
    sent = api.post("/messages", json=message(number("00")))
    read = [api.get(path) for path in (sent.headers["location"], "/messages?limit=1", "/stats", "/messages?limit=0")]

    assert [answer.headers["cache-control"] for answer in (sent, *read)] == ["no-store"] * 5


def test_retries_of_a_busy_provider_are_spent_before_it_is_given_up(
    answers: dict[Row, httpx.Response], simulators: dict[str, Simulator]
) -> None:
    (busy,) = [row for row in ROWS if row.kind == "provider-unavailable"]
    posts = simulators["twilio"].posts("+31612345622")

    assert answers[busy].elapsed.total_seconds() > 10
    assert [post["answered"] for post in posts].count(429) > 3
    assert [post["answered"] for post in posts].count(201) == 1


def test_once_its_claim_is_over_a_key_is_answered_with_what_is_known(
    api: httpx.Client, stack: Stack, simulators: dict[str, Simulator]
) -> None:
    to, key = number("13"), keyed("claim-over")
    request = message(to, "messagebird")
    first = api.post("/messages", json=request, headers=key).json()
    waiting = api.post("/messages", json=request, headers=key)
    watch.final(api, first["message_id"])
    records.let_time_pass(stack, first["message_id"])
    again = api.post("/messages", json=request, headers=key)

    (taken,) = simulators["messagebird"].taken(to)
    assert (first["status"], first["provider_message_id"]) == ("pending", None)
    assert (waiting.status_code, again.status_code) == (409, 202)
    assert (again.json()["status"], again.json()["provider_message_id"]) == ("delivered", taken["id"])
    assert len(simulators["messagebird"].posts(to)) == 1
