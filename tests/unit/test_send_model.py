"""Every interleaving of a client, its retry, the provider, the queue and the reconciler, with faults at any step.

What is driven is the real code of send, track, drain and reconcile; tests/model says how. Each test names its bound:
within it the search is complete. Between calls anybody may act; a call may be answered, lost, or land late; whoever
makes it may die before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sms_tracker import providers
from sms_tracker.domain.http import HttpRequest
from sms_tracker.domain.record import Record, SendPhase
from sms_tracker.domain.settings import Settings
from sms_tracker.reconcile.reconcile import Reconciler
from sms_tracker.services.idempotency import keyed_message_id
from sms_tracker.services.provider_call import prepare_request, repeat_call
from sms_tracker.services.responses import ApiResponse
from sms_tracker.services.send import Sender
from sms_tracker.services.send_request import Draft, draft_from_record
from sms_tracker.services.validation import Json
from tests.fakes import FixedSettings, ignore_failed_call
from tests.limits import limits
from tests.model.actors import PLAIN, WITH_KEYS, unkeyed_id
from tests.model.close import to_the_end
from tests.model.explore import Explored, explore
from tests.model.model import Model
from tests.model.world import LAST, Violation, World

pytestmark = pytest.mark.no_cover  # thousands of examples, of what other tests have covered

KEY = "order-42"
ONE_MESSAGE = frozenset({keyed_message_id("sms-tracker", "shop", KEY)})
TWO_MESSAGES = frozenset({unkeyed_id("first"), unkeyed_id("other")})
RETRIED = {"first": KEY, "again": KEY}
AT_A_LIMIT = replace(PLAIN, settings=FixedSettings(limits=limits(daily_cap=9)), full=frozenset({"first"}))
"""The first request meets a limit, later ones do not."""


def model(clients: Mapping[str, str | None], **how: Any) -> Model:
    return Model(clients, **{"message_ids": ONE_MESSAGE, "words": (), **how})


def explored(made: Model) -> Explored:
    seen = explore(made, to_the_end)
    print(f"{seen.worlds} states, {seen.steps} steps, {seen.ends} ends brought to 72 hours")  # noqa: T201  # -s shows how far the search went
    return seen


ALONE = {"reconcilers": 0, "processors": 0}


@pytest.mark.parametrize(
    ("made", "least"),
    [
        pytest.param(
            model(RETRIED, reconcilers=0, faults=1),
            3_000,
            id="a client, its retry and callbacks, a fault anywhere",
        ),
        pytest.param(model(RETRIED, **ALONE, faults=2), 1_000, id="a client and its retry, two faults anywhere"),
        pytest.param(model({"first": KEY}, faults=1), 3_000, id="a reconciler, client and callbacks, a fault anywhere"),
        pytest.param(
            model(RETRIED, processors=0, faults=1), 5_000, id="a reconciler, a client and its retry, a fault anywhere"
        ),
        pytest.param(model({"first": KEY}, reconcilers=2, processors=0, faults=0), 1_000, id="two reconcilers at once"),
        pytest.param(
            model({"first": None, "other": None}, message_ids=TWO_MESSAGES, **ALONE, faults=1),
            1_000,
            id="two equal messages without a key, a fault anywhere",
        ),
        pytest.param(
            model(RETRIED, processors=0, faults=1, setting=AT_A_LIMIT),
            1_000,
            id="a client at a limit and its retry, a fault anywhere",
        ),
    ],
)
def test_no_message_is_lost_or_sent_twice_with(made: Model, least: int) -> None:
    assert explored(made).worlds > least


class WithdrawsWhatItSent(Sender):
    """A planted fault: the limits are asked after the provider."""

    def _hand_over(self, record: Record, request: HttpRequest, wanted: Draft, end: float) -> ApiResponse:
        self.http(request, timeout=1.0)
        return super()._hand_over(record, request, wanted, end)


def test_the_model_finds_a_message_that_is_forgotten_and_sent() -> None:
    with pytest.raises(Violation, match="was withdrawn"):
        explore(model(RETRIED, reconcilers=0, setting=AT_A_LIMIT, sender=WithdrawsWhatItSent), to_the_end)


class TakesOverWhatIsClaimed(Sender):
    """A planted fault: the phase of the send is not looked at."""

    def _replay(self, stored: Record) -> ApiResponse:
        released = replace(stored, send=replace(stored.send, phase=SendPhase.RELEASED))
        self.messages.release(stored.message_id, token=stored.send.token, cause="not_sent", now=stored.updated_at)
        return self._take_over(released, self._draft(stored), self.settings(), 20.0)

    @staticmethod
    def _draft(stored: Record) -> Draft:
        return Draft(
            to=stored.to,
            body="Your parcel is here",
            provider=stored.state.provider,
            sender=stored.sender,
            reference=None,
            validity_seconds=None,
            resend_if_lost=False,
            segmentation=stored.segmentation,
        )


class TriesUnknownOutcomesAgain(Sender):
    """A planted fault: no answer is taken for a refusal."""

    def _hand_over(self, record: Record, request: HttpRequest, wanted: Draft, end: float) -> ApiResponse:
        # Named as the base class does it, for the fault must sit inside the real sender.
        reply = super()._hand_over(record, request, wanted, end)
        return super()._hand_over(record, request, wanted, end) if reply.decision == "outcome-unknown" else reply


class AnswersBeforeItRecords(Sender):
    """A planted fault: the provider is asked first."""

    def _record(self, client: str, payload: Json, key: str | None, wanted: Draft, settings: Settings) -> Record:
        record = super()._record(client, payload, key, wanted, settings)
        _, request = prepare_request(record, wanted, settings)
        self._hand_over(record, request, wanted, 20.0)
        return record


@pytest.mark.parametrize(
    ("planted", "faults"), [(TakesOverWhatIsClaimed, 0), (TriesUnknownOutcomesAgain, 1), (AnswersBeforeItRecords, 0)]
)
def test_the_model_finds_a_sender_that_sends_twice(planted: type[Sender], faults: int) -> None:
    with pytest.raises(Violation, match=r"two POSTs of one attempt|could both have been sent"):
        explore(model(RETRIED, **ALONE, faults=faults, sender=planted), to_the_end)


# -- a provider with idempotency keys ----------------------------------------------------------------------------------


def keyed(clients: Mapping[str, str], **how: Any) -> Model:
    return model(clients, processors=0, setting=WITH_KEYS, **how)


@pytest.mark.parametrize(("clients", "faults"), [({"first": KEY}, 2), (RETRIED, 1)], ids=["a client", "and its retry"])
def test_a_lost_send_that_is_repeated_under_its_key_is_one_message_with(clients: dict[str, str], faults: int) -> None:
    assert explored(keyed(clients, faults=faults)).worlds > 1_000


class AfterTheClient(Model):
    """Begins half an hour after a client that died after its record: two reconcilers come, and no more time passes."""

    def start(self) -> World:
        world = super().start()
        for wanted in ("first: put done", *["time passes"] * LAST):
            world = next(after for label, after in self.steps(world) if label == wanted)
        return world


def two_reconcilers(sender: type[Sender] = Sender) -> Model:
    how: dict[str, Any] = {"message_ids": ONE_MESSAGE, "words": (), "setting": WITH_KEYS, "sender": sender}
    return AfterTheClient({"first": KEY}, processors=0, reconcilers=2, faults=1, **how)


class RepeatsWithoutAClaim(Sender):
    """A planted fault: the key alone is trusted."""

    def _repeat_request(self, stored: Record, settings: Settings, end: float) -> ApiResponse:
        message = draft_from_record(stored, validity_seconds=stored.validity_seconds)
        _, request = prepare_request(stored, message, settings)
        outcome = repeat_call(
            providers.load("bird"), request, http=self.http, pace=self.pace, end=end, failed=ignore_failed_call
        )
        return self._outcomes.store(stored, outcome, default_sender=message.default_sender, end=end)


def test_two_reconcilers_at_once_repeat_one_message_and_the_model_finds_two() -> None:
    assert explored(two_reconcilers()).worlds > 1_000
    with pytest.raises(Violation, match="two messages"):
        explore(two_reconcilers(RepeatsWithoutAClaim), to_the_end)


class RepeatsAfterOneSearch(Reconciler):
    """A planted fault: the list's delay is not waited for."""

    def _send_again(self, record: Record, *, searched_before: bool) -> str:  # noqa: ARG002  # that is the fault
        return super()._send_again(record, searched_before=True)


class SendsTheNextAttempt(Sender):
    """A planted fault: a lost message gets another key."""

    def _repeat_request(self, stored: Record, settings: Settings, end: float) -> ApiResponse:
        return self._take_over(stored, draft_from_record(stored, validity_seconds=None), settings, end)


class TakesAConflictForARefusal(Sender):
    """A planted fault: 409 counts as an answer."""

    def _repeat_request(self, stored: Record, settings: Settings, end: float) -> ApiResponse:
        reply, claimed = super()._repeat_request(stored, settings, end), self.messages.get(stored.message_id)
        if reply.decision == "outcome-unknown" and claimed:
            self.messages.release(claimed.message_id, token=claimed.send.token, cause="account", now=stored.updated_at)
        return reply


@pytest.mark.parametrize(
    ("planted", "faults"),
    [
        ({"reconciler": RepeatsAfterOneSearch}, 2),
        ({"sender": SendsTheNextAttempt}, 1),
        ({"sender": TakesAConflictForARefusal}, 1),
    ],
    ids=str,
)
def test_the_model_finds_a_repetition_that_sends_twice(planted: dict[str, Any], faults: int) -> None:
    with pytest.raises(Violation, match=r"two messages|could both have been sent|and the provider says|was sent"):
        explore(keyed(RETRIED, faults=faults, **planted), to_the_end)
