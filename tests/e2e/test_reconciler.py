"""Messages that reports leave open. The tests start the reconciler by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local.observe import Queue
from local.stack import Stack
from local.template import Template, set_variables
from sms_tracker import providers
from tests.e2e import clients, records, watch
from tests.e2e.provider import NAMES, READABLE, Simulator, number, simulators_of

UNKNOWN_AFTER = timedelta(hours=1)
PARAMETERS = {
    "LookupsPerSecond": "50",
    "TextRetention": "until_final",
}
TEXT = "Your parcel is waiting"
SCRIPTS = {"timeout": {"like": "timeout", "drop": True}, "throttled": {"like": "throttled", "retry_after": 30}}
COURSES = {"silent": "08", "timeout": "07", "hang": "14", "throttled": "22"}
"""Arrives without a report; taken, never answered; not taken, never answered; refused for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message and its course; ``resend`` asks for resend_if_lost."""

    provider: str
    course: str
    to: str
    resend: bool = False

    @property
    def is_known(self) -> bool:
        """Whether its end is known before the time for a report is over."""
        return self.course == "throttled" or (self.resend if self.course == "hang" else self.provider in READABLE)


RESENT = [name for name in NAMES if providers.load(name).LOOKUP and not providers.load(name).IDEMPOTENCY]
"""A request under an idempotency key is repeated a minute later: tests/integration has it on a clock of its own."""
CASES = {
    (name, course, resend): Case(provider=name, course=course, to=number(digits), resend=resend)
    for name in NAMES
    for course, digits in COURSES.items()
    for resend in ((False, True) if course == "hang" and name in RESENT else (False,))
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The messages after the runs of the reconciler, the requests for each, and the events."""

    posts: Mapping[Case, int]
    records: Mapping[Case, Mapping[str, Any]]
    events: list[Mapping[str, Any]]


def impatient(template: Template) -> Template:
    set_variables(
        template,
        "reconciler",
        RECONCILE_AFTER_SECONDS="1",
        NOT_SENT_AFTER_SECONDS="1",
        UNKNOWN_AFTER_SECONDS=f"{UNKNOWN_AFTER.total_seconds():.0f}",
    )
    return template


@pytest.fixture(scope="module")
def reconciled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    logs = tmp_path_factory.mktemp("logs")
    with Stack(auth=True, parameters=PARAMETERS, transform=impatient, log_dir=logs) as running:
        yield running


@pytest.fixture(scope="module")
def course(reconciled: Stack) -> Iterator[Course]:
    key = reconciled.create_key("reconciler", {"send", "read"})
    reconciled.warm_up(key)
    events = reconciled.observe_events(name="reconciler-events")
    with clients.with_key(reconciled, key) as api:
        for simulators in simulators_of(reconciled):
            yield _travel(reconciled, api, simulators, events)


def _travel(stack: Stack, api: httpx.Client, simulators: Mapping[str, Simulator], events: Queue) -> Course:
    for case in CASES.values():
        if script := SCRIPTS.get(case.course):
            simulators[case.provider].script(case.to, script)
    with ThreadPoolExecutor(len(CASES)) as pool:
        answers = list(pool.map(lambda case: _send(api, case), CASES.values()))
    ids = {case: answer.json()["message_id"] for case, answer in zip(CASES.values(), answers, strict=True)}
    for case in CASES.values():
        if case.resend:
            simulators[case.provider].script(case.to, "delivered")

    def read() -> dict[Case, Mapping[str, Any]]:
        return {case: api.get(f"/messages/{each}").raise_for_status().json() for case, each in ids.items()}

    def all_end(cases: Collection[Case], age: timedelta = timedelta(0)) -> bool:
        """Whether these are final after two runs of the reconciler, for which every open message is so old."""
        for record in read().values():
            if not record["final"]:
                records.let_time_pass(stack, record["message_id"], age=age)
        with ThreadPoolExecutor(2) as pool:  # two at once, as when a run takes longer than its schedule
            list(pool.map(lambda _: watch.reconciled(stack), range(2)))
        watch.drained(stack)
        found = read()
        return all(found[case]["final"] for case in cases)

    known = [case for case in CASES.values() if case.is_known]
    watch.eventually(lambda: all_end(known), "not every message was looked up to its end", every=1)
    watch.eventually(lambda: all_end(CASES.values(), UNKNOWN_AFTER), "not every message came to its end", every=1)
    final = read()
    wanted = {(record["message_id"], record["status"]) for record in final.values() if record["status"] != "delivered"}
    told = watch.events(
        events, lambda seen: wanted <= {(each["message_id"], each["status"]) for each in seen}, "an end has no event"
    )
    posts = {case: len(simulators[case.provider].posts(case.to)) for case in CASES.values()}
    return Course(posts=posts, records=final, events=[each["detail"] for each in told])


def _send(api: httpx.Client, case: Case) -> httpx.Response:
    message = {"to": case.to, "body": TEXT, "provider": case.provider, "resend_if_lost": case.resend}
    return api.post("/messages", json=message)


@pytest.mark.parametrize("name", READABLE)
def test_a_message_whose_reports_never_came_is_delivered_by_a_look_up(course: Course, name: str) -> None:
    record = course.records[CASES[name, "silent", False]]
    assert record["status"] == "delivered"
    assert {report["source"] for report in record["reports"]} == {"answer", "lookup"}


@pytest.mark.parametrize("name", READABLE)
def test_a_send_whose_answer_and_reports_were_lost_is_found_and_delivered(course: Course, name: str) -> None:
    case = CASES[name, "timeout", False]
    assert course.records[case]["status"] == "delivered"
    assert {report["source"] for report in course.records[case]["reports"]} == {"lookup"}
    assert course.posts[case] == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_send_that_nobody_took_and_nobody_refused_ends_as_unknown_and_is_not_repeated(
    course: Course, name: str
) -> None:
    case = CASES[name, "hang", False]
    assert (course.records[case]["status"], course.posts[case]) == ("unknown", 1)
    assert _published(course, case) == [("unknown", None)]


@pytest.mark.parametrize("name", RESENT)
def test_a_lost_message_is_sent_once_more_where_its_client_asked_for_it(course: Course, name: str) -> None:
    case = CASES[name, "hang", True]
    assert (course.records[case]["status"], course.records[case]["attempt"]) == ("delivered", 2)
    assert course.posts[case] == 2


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(READABLE)))
@pytest.mark.parametrize("kind", ["silent", "timeout"])
def test_where_nothing_can_be_looked_up_silence_ends_as_unknown_and_nothing_is_repeated(
    course: Course, name: str, kind: str
) -> None:
    case = CASES[name, kind, False]
    assert (course.records[case]["status"], course.posts[case]) == ("unknown", 1)
    assert _published(course, case) == [("unknown", None)]


@pytest.mark.parametrize("name", NAMES)
def test_a_refused_send_that_is_not_repeated_fails_as_not_sent(course: Course, name: str) -> None:
    case = CASES[name, "throttled", False]
    assert (course.records[case]["status"], course.records[case]["failure"]["reason"]) == ("failed", "not_sent")
    assert _published(course, case) == [("failed", "not_sent")]


def test_runs_at_the_same_time_changed_nothing_twice(course: Course) -> None:
    for case, record in course.records.items():
        words = [(report["provider_status"], report["attempt"], report["source"]) for report in record["reports"]]
        assert len(words) == len(set(words)), case
    versions = [(event["message_id"], event["version"]) for event in course.events]
    assert len(versions) == len(set(versions))


def test_nothing_is_left_to_do(reconciled: Stack, course: Course) -> None:
    assert course.records
    assert watch.reconciled(reconciled).keys() <= {"walked", "endpoint-up"}


def _published(course: Course, case: Case) -> list[tuple[str, str | None]]:
    message_id = course.records[case]["message_id"]
    mine = sorted((e for e in course.events if e["message_id"] == message_id), key=lambda e: int(e["version"]))
    return [(event["status"], (event["failure"] or {}).get("reason")) for event in mine]
