"""Recipients who opted out get no message: opt-outs are read before each hand-over, refusals are queued."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sms_tracker.domain.opt_out import Kind
from sms_tracker.domain.queued import RefusedSend, decode_reply
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.report import OPTED_OUT
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.domain.status import Reason, Status
from sms_tracker.services.provider_call import LiveOptOutCheck
from tests.factories import record
from tests.fakes import Answer, FakeClock, MemoryMessages, MemoryQueue
from tests.opt_outs import MemoryOptOuts, opt_out_check
from tests.setups import OPTED_OUT as REFUSAL
from tests.setups import TAKEN, UNREACHED, SendSetup
from tests.unit.test_repeat import Lost

DAY = timedelta(days=1)


def open_to(opt_outs: MemoryOptOuts, clock: FakeClock | None = None, **how: Any) -> LiveOptOutCheck:
    return opt_out_check(opt_outs, clock or FakeClock(), replies=MemoryQueue(), **how)


def stopped(kind: Kind, **values: str) -> MemoryOptOuts:
    opt_outs = MemoryOptOuts()
    opt_outs.state(kind, **values)
    return opt_outs


def blocked(*answers: Answer, kind: Kind = Kind.STOP) -> SendSetup:
    return SendSetup(answers or (TAKEN,), opt_outs=stopped(kind))


def only(setup: SendSetup) -> Record:
    assert isinstance(setup.messages, MemoryMessages)
    (found,) = setup.messages.records.values()
    return found


class TestBlocked:
    @pytest.mark.parametrize("kind", [Kind.STOP, Kind.STOP_MARKETING, Kind.ADDED, Kind.REFUSED])
    def test_no_provider_is_asked_and_the_client_told_why(self, kind: Kind) -> None:
        setup = blocked(kind=kind)

        reply = setup.post()

        assert (reply.status, reply.decision, reply.body["reason"]) == (422, "recipient-opted-out", "opted_out")
        assert (setup.http.requests, setup.replies.sent) == ([], [])
        found = only(setup)
        assert (found.state.status, found.send.phase) == (Status.FAILED, SendPhase.ANSWERED)
        assert found.state.shown_failure is not None
        assert found.state.shown_failure.reason is Reason.OPTED_OUT
        assert [entry.word for entry in found.reports.values()] == [OPTED_OUT]

    def test_a_repeated_key_is_answered_alike(self) -> None:
        setup = blocked()
        first, second = setup.post("order-42"), setup.post("order-42")
        assert second.headers["idempotent-replayed"] == "true"
        assert (second.status, second.body) == (first.status, first.body)

    def test_another_sender_and_another_person_are_written_to(self) -> None:
        setup = blocked(TAKEN, TAKEN)
        assert setup.post(sender="+15557654321").status == setup.post(to="+31612345679").status == 202

    def test_what_is_transactional_passes_a_stop_of_marketing(self) -> None:
        closed = open_to(stopped(Kind.STOP_MARKETING)).is_blocked
        assert closed(record())
        assert closed(record(category="marketing"))
        assert not closed(record(category="transactional"))

    def test_the_scope_of_a_client_or_of_all_is_asked_where_that_is_chosen(self) -> None:
        opt_outs = MemoryOptOuts()
        for mode in (ScopeMode.CLIENT, ScopeMode.ALL):
            open_to(opt_outs, mode=mode).is_blocked(record())
        assert [each.scope for each in opt_outs.asked] == [f"client:{record().client}", "all"]


def test_where_opt_outs_cannot_be_read_nothing_is_sent_and_the_same_request_may_come_again() -> None:
    opt_outs = MemoryOptOuts(fail=True)
    setup = SendSetup(opt_outs=opt_outs)

    reply = setup.post("order-42")

    assert (reply.status, reply.decision) == (503, "unavailable")
    assert reply.headers["retry-after"]
    assert setup.http.requests == []
    assert only(setup).send.phase is SendPhase.RELEASED
    opt_outs.fail = False
    assert setup.post("order-42").status == 202


class TestEveryHandOver:
    def test_is_preceded_by_one_read_of_a_later_attempt_too(self) -> None:
        opt_outs = MemoryOptOuts()
        setup = SendSetup((UNREACHED,) * 20, opt_outs=opt_outs)
        assert setup.post("order-42").status == 503
        assert len(opt_outs.asked) == 1
        opt_outs.state(Kind.STOP)
        before = len(setup.http.requests)

        assert setup.post("order-42").decision == "recipient-opted-out"
        assert (len(setup.http.requests), only(setup).send.attempt) == (before, 2)

    @pytest.mark.parametrize(
        ("opt_outs", "decision"),
        [
            (stopped(Kind.STOP, sender="Acme", provider="bird"), "opted-out"),
            (MemoryOptOuts(fail=True), "unavailable"),
        ],
        ids=["who opted out since", "who cannot be asked about"],
    )
    def test_a_lost_send_is_not_repeated_to(self, opt_outs: MemoryOptOuts, decision: str) -> None:
        lost = Lost().sent()
        sender = replace(lost.sending.sender, opt_out_check=open_to(opt_outs, lost.clock))
        before = lost.record

        assert sender.resend(lost.record).decision == decision
        assert len(lost.sending.http.requests) == 1
        assert lost.record == before  # in particular not released, because it may have been sent


class TestLearning:
    def test_a_refusal_because_of_an_opt_out_is_queued_unless_opt_outs_are_off(self) -> None:
        setup, off = SendSetup((REFUSAL,), opt_outs=MemoryOptOuts()), SendSetup((REFUSAL,))

        assert setup.post().decision == off.post().decision == "refused-by-provider"

        (body,) = setup.replies.bodies
        assert decode_reply(body) == RefusedSend(message_id=only(setup).message_id, attempt=1)
        assert off.replies.sent == []

    def test_a_refusal_that_cannot_be_queued_is_a_warning(self) -> None:
        setup = SendSetup((REFUSAL,), opt_outs=MemoryOptOuts(), replies=MemoryQueue(fail=True))
        reply = setup.post()
        assert (reply.status, reply.warnings) == (422, ("opt-out not passed on: SendMessage: ServiceUnavailable",))

    def test_after_a_day_the_provider_is_asked_again(self) -> None:
        setup = blocked(TAKEN, kind=Kind.REFUSED)
        assert setup.post().status == 422
        setup.clock.sleep(DAY.total_seconds())
        assert setup.post().status == 202
