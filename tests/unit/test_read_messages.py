"""What the read routes answer, and to whom."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import pytest

from sms_tracker import __version__
from sms_tracker.domain.errors import Misconfigured, SmsTrackerError, Unavailable
from sms_tracker.domain.http import Caller
from sms_tracker.domain.record import Record
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.read.messages import Health, MessageReader, message_view
from tests.factories import MESSAGE_ID, TO, record
from tests.fakes import FakeClock, MemoryMessages
from tests.memory_search import MemorySearch

READ = frozenset({"read"})
OTHER_ID = "6b1e6f3e-9d0a-4c2e-8e0a-2f6f1c9a7b11"


@dataclass
class BrokenMessages(MemoryMessages):
    """A table that cannot be read."""

    def get(self, message_id: str) -> Record | None:  # noqa: ARG002  # the port's signature
        raise Unavailable("GetItem: ThrottlingException")


def browser(
    *stored: Record,
    messages: MemoryMessages | None = None,
    error: Exception | None = None,
    unreadable: Collection[str] = (),
) -> MessageReader:
    return MessageReader(
        messages=messages or MemoryMessages({each.message_id: each for each in stored}),
        search=MemorySearch(stored, error=error, unreadable=unreadable),
        clock=FakeClock(),
        countries=None,
        mode=ScopeMode.OFF,
    )


@pytest.mark.parametrize("spelling", [MESSAGE_ID, MESSAGE_ID.upper(), MESSAGE_ID.title()])
def test_a_client_sees_its_own_message_whatever_the_case_of_its_id(spelling: str) -> None:
    reply = browser(record()).one(Caller("shop", READ), spelling)
    assert (reply.status, reply.decision, reply.body) == (200, "found", message_view(record()))


def test_another_client_s_message_cannot_be_told_from_one_that_is_not_there() -> None:
    theirs = browser(record(client="rival")).one(Caller("shop", READ), MESSAGE_ID)
    missing = browser().one(Caller("shop", READ), MESSAGE_ID)

    assert theirs == missing
    assert theirs.status == 404
    assert theirs.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("message_id", ["", "42", "x" * 3000, f"urn:uuid:{MESSAGE_ID}", "٣" * 36])
def test_what_is_no_id_of_ours_is_not_found_without_asking_the_table(message_id: str) -> None:
    assert browser(messages=BrokenMessages()).one(Caller("shop", READ), message_id).status == 404


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({"send"})])
def test_a_key_without_the_scope_reads_nothing(scopes: frozenset[str]) -> None:
    for reply in (
        browser(record()).one(Caller("shop", scopes), MESSAGE_ID),
        browser(record()).many(Caller("shop", scopes), {}),
    ):
        assert (reply.status, reply.decision) == (403, "scope-missing")
        assert "read" in str(reply.body["detail"])
        assert TO not in str(reply.body)


def test_a_record_that_cannot_be_read_is_left_out_of_a_list_and_named_in_the_log() -> None:
    other = record(message_id=MESSAGE_ID[::-1])
    reply = browser(record(), other, unreadable=[MESSAGE_ID]).many(Caller("shop", READ), {})
    assert (reply.status, reply.body) == (200, {"messages": [message_view(other)], "cursor": None})
    assert reply.warnings == (f"record {MESSAGE_ID} cannot be read: KeyError",)


ADMIN = frozenset({"admin"})


def test_an_admin_sees_others_messages_and_is_named_with_them_in_the_log() -> None:
    theirs = record(message_id=OTHER_ID, client="rival")
    service, admin = browser(record(), theirs), Caller("support", ADMIN)
    one = service.one(admin, OTHER_ID)

    assert (one.status, one.body, one.read_of) == (200, message_view(theirs), {"rival": [OTHER_ID]})
    assert service.many(admin, {}).read_of == {"shop": [MESSAGE_ID], "rival": [OTHER_ID]}
    assert service.many(admin, {"client": "rival"}).read_of == {"rival": [OTHER_ID]}


def test_one_s_own_messages_are_no_matter_for_the_log() -> None:
    service, caller = browser(record()), Caller("shop", READ | ADMIN)
    for reply in (service.one(caller, MESSAGE_ID), service.many(caller, {})):
        assert (reply.status, reply.read_of) == (200, {})


def test_another_client_s_list_needs_the_scope_admin() -> None:
    service = browser(record())

    assert service.many(Caller("shop", READ), {"client": "shop"}).status == 200
    refused = service.many(Caller("shop", READ), {"client": "rival"})
    assert (refused.status, refused.decision) == (403, "scope-missing")
    assert "admin" in str(refused.body["detail"])


def test_a_reference_is_one_client_s_word_so_an_admin_says_whose() -> None:
    service, admin, query = browser(record()), Caller("support", ADMIN), {"reference": "order-42"}

    refused = service.many(admin, query)
    assert refused.status == 400
    assert [error["field"] for error in refused.body["errors"]] == ["client"]  # type: ignore[attr-defined]  # JSON
    assert service.many(admin, {**query, "client": "shop"}).read_of == {"shop": [MESSAGE_ID]}


def test_an_unreadable_table_is_said_to_be_so_and_why_is_for_the_log() -> None:
    one = browser(messages=BrokenMessages()).one(Caller("shop", READ), MESSAGE_ID)
    many = browser(error=Unavailable("Query: ThrottlingException")).many(Caller("shop", READ), {})

    for reply in (one, many):
        assert (reply.status, reply.decision) == (503, "unavailable")
        assert int(reply.headers["retry-after"]) > 0
        assert "ThrottlingException" not in str(reply.body)
        assert "ThrottlingException" in str(reply.warnings)


def test_a_list_shows_a_client_s_own_messages_and_goes_on_from_its_cursor() -> None:
    mine, theirs = record(message_id=OTHER_ID), record(message_id=MESSAGE_ID[::-1], client="rival")
    service, caller, query = browser(record(), mine, theirs), Caller("shop", READ), {"to": TO, "limit": "1"}

    first = service.many(caller, query)
    second = service.many(caller, {**query, "cursor": str(first.body["cursor"])})
    whole = service.many(caller, {"to": TO})

    assert (whole.status, whole.decision, whole.body["cursor"]) == (200, "listed", None)
    assert whole.body["messages"] == [message_view(mine), message_view(record())]
    assert [first.body["messages"], second.body["messages"]] == [[message_view(mine)], [message_view(record())]]


def test_a_wrong_parameter_is_a_problem_that_names_it() -> None:
    reply = browser().many(Caller("shop", READ), {"limit": "1000", "color": "red"})

    assert (reply.status, reply.decision) == (400, "invalid-request")
    assert reply.body["errors"] == [
        {"field": "limit", "message": "must be 1 to 100"},
        {"field": "color", "message": "is not a parameter of this request"},
    ]


@dataclass
class Probe:
    """Answers, or raises ``error``; ``asked`` counts."""

    error: SmsTrackerError | None = None
    asked: int = 0

    def __call__(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


def test_the_service_is_well_while_table_and_queue_answer() -> None:
    reply = Health({"table": Probe(), "queue": Probe()}, FakeClock().monotonic).check()
    assert (reply.status, reply.decision) == (200, "healthy")
    assert reply.body == {"status": "ok", "version": __version__, "table": "ok", "queue": "ok"}


@pytest.mark.parametrize("error", [Unavailable("GetItem: ThrottlingException"), Misconfigured("no table")])
def test_the_service_is_unwell_when_one_does_not_answer_and_says_which(error: SmsTrackerError) -> None:
    reply = Health({"table": Probe(error), "queue": Probe()}, FakeClock().monotonic).check()

    assert (reply.status, reply.decision) == (503, "unhealthy")
    assert reply.headers["content-type"] == "application/problem+json"
    told = {"status": 503, "version": __version__, "table": "unavailable", "queue": "ok"}
    assert reply.body.items() >= told.items()
    assert str(error) not in str(reply.body)


def test_one_look_answers_for_ten_seconds_and_the_next_sees_a_recovery() -> None:
    clock, probe = FakeClock(), Probe(Unavailable("down"))
    health = Health({"table": probe}, clock.monotonic)

    seen = []
    for seconds in (0.0, 5.0, 5.0, 0.1, 9.9, -3600.0):
        clock.sleep(seconds)
        seen.append((health.check().status, probe.asked))
        probe.error = None

    assert seen == [(503, 1), (503, 1), (503, 1), (200, 2), (200, 2), (200, 3)]


@pytest.mark.parametrize(
    ("mode", "scopes", "senders", "shown"),
    [
        (ScopeMode.SENDER, READ, set(), None),
        (ScopeMode.SENDER, READ, {"twilio:+15557654321"}, None),
        (ScopeMode.SENDER, READ, {"twilio:MyShop"}, "sender:twilio:myshop"),
        (ScopeMode.SENDER, ADMIN, set(), "sender:twilio:myshop"),
        (ScopeMode.CLIENT, READ, set(), "client:shop"),
        (ScopeMode.ALL, READ, {"twilio:MyShop"}, None),
        (ScopeMode.ALL, ADMIN, set(), "all"),
        (ScopeMode.OFF, ADMIN, set(), None),
    ],
)
def test_the_scope_of_an_opt_out_is_shown_to_who_would_see_the_opt_out(
    mode: ScopeMode, scopes: frozenset[str], senders: set[str], shown: str | None
) -> None:
    caller = Caller("shop", scopes, frozenset(senders))
    for recipient, scope in ((TO, shown), ("", None)):  # a forgotten one has none
        service = replace(browser(replace(record(), sender="MyShop", to=recipient)), mode=mode)
        one = service.one(caller, MESSAGE_ID).body

        assert service.many(caller, {}).body["messages"] == [one]
        assert one["opt_out_scope"] == scope
