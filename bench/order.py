"""Write units when reports do not come in order: inversions, folding, and stragglers that the reconciler closes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean

from bench.case import Outcome, Plan
from bench.code import Code
from bench.database import MESSAGES
from bench.sampling import Progress
from bench.service import PATH, WORDS, Service, service
from bench.table import Table
from sms_tracker.domain.envelope import Envelope, encode
from sms_tracker.domain.report import Source

INVERSIONS, STRAGGLERS = 0.10, 0.05
_SEED = 20260131
SOON = {"RECONCILE_AFTER_SECONDS": "1", "UNKNOWN_AFTER_SECONDS": "3600"}
"""So that what a straggler waits for, ten minutes, has passed by the time that the others are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How reports come: shares of messages, and how many reports the processor finds in its queue at a time."""

    name: str
    inversions: float = 0.0
    stragglers: float = 0.0
    batch: int = 1
    together: int = 1
    """Messages that are under way at once: the more, the fewer reports of one message meet in a batch."""


SHAPES = (
    Shape(name="in order, one at a time"),
    Shape(name="10 % inversions, 5 % stragglers", inversions=INVERSIONS, stragglers=STRAGGLERS),
    Shape(
        name="... batches of 10, 10 messages under way",
        inversions=INVERSIONS,
        stragglers=STRAGGLERS,
        batch=10,
        together=10,
    ),
    Shape(
        name="... batches of 50, 20 messages under way",
        inversions=INVERSIONS,
        stragglers=STRAGGLERS,
        batch=50,
        together=20,
    ),
)


def order(plan: Plan, progress: Progress) -> Outcome:
    """The distribution of write units a message, with all indexes, for each shape."""
    code, rows, figures = Code(progress), [], {}
    for shape in SHAPES:
        with service(code, PATH, reconciler=SOON) as one:
            units = _units(one, shape, plan.messages, progress)
        rows.append([shape.name, *_row(units)])
        figures[f"units.{shape.name}"] = mean(units)
    columns = ("reports come", "mean", "median", "95th", "most", "how many messages cost so many units")
    note = f"{plan.messages} messages with three reports each, seed {_SEED}; units on the item and on every index."
    return Outcome((Table(title="Write units a message", columns=columns, rows=rows, note=note),), figures)


def _row(units: Sequence[int]) -> list[str | float | int]:
    ranked, counts = sorted(units), Counter(units)
    shares = ", ".join(f"{number}: {100 * counts[number] / len(units):.0f} %" for number in sorted(counts))
    return [mean(units), ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.95)], ranked[-1], shares]


def _units(one: Service, shape: Shape, messages: int, progress: Progress) -> list[int]:
    """Send them all, stragglers first; deliver what the providers report; let the reconciler close the rest."""
    random = Random(_SEED)  # noqa: S311  # the same messages in every run
    late = round(messages * shape.stragglers)
    sent = []
    for number in range(messages):
        progress(f"{shape.name}: message {number + 1} of {messages}")
        sent.append(one.send())
    for batch in _batches(one, shape, sent, late, random):
        one.process(batch)
    if late:
        asked = one.invoke("reconciler", {})
        one.process([call.body["MessageBody"] for call in asked.calls if call.operation == "SendMessage"])
    spent: Counter[str] = Counter()
    for done in one.invocations:
        spent.update({each.message_id: 0 for each in done.charges})
        for charge in done.charges:
            if charge.table == MESSAGES and charge.message_id:
                spent[charge.message_id] += charge.units
    return [spent[message_id] for message_id in sent]


def _batches(one: Service, shape: Shape, sent: Sequence[str], late: int, random: Random) -> Iterator[list[str]]:
    """The queue's content in the order of arrival, cut into what the processor takes at once."""
    queue: list[str] = []
    for first in range(0, len(sent), shape.together):
        group = [(number, sent[number]) for number in range(first, min(first + shape.together, len(sent)))]
        lives = [_reports(one, message_id, shape, random, straggles=number < late) for number, message_id in group]
        queue += _shuffled(lives, random)
    for start in range(0, len(queue), shape.batch):
        yield queue[start : start + shape.batch]


def _reports(one: Service, message_id: str, shape: Shape, random: Random, *, straggles: bool) -> list[str]:
    """A message's reports as queued; two of an inverted one have changed places, a straggler lacks its last."""
    words = list(WORDS)
    if random.random() < shape.inversions:
        place = random.randrange(len(words) - 1)
        words[place], words[place + 1] = words[place + 1], words[place]
    if straggles:
        words.remove(WORDS[-1])
    known = one.known(message_id)
    return [encode(_envelope(message_id, known, word)) for word in words]


def _envelope(message_id: str, known: str, word: str) -> Envelope:
    fields = {"MessageSid": known, "SmsSid": known, "MessageStatus": word, "SmsStatus": word, "To": "+31612345678"}
    return Envelope(
        provider="twilio",
        message_id=message_id,
        attempt=1,
        source=Source.CALLBACK,
        received_at="2026-01-31T12:00:09.120Z",
        fields=fields,
    )


def _shuffled(lives: Sequence[list[str]], random: Random) -> list[str]:
    """One queue of several messages' reports, each message's own in their order."""
    turns = [number for number, life in enumerate(lives) for _ in life]
    random.shuffle(turns)
    waiting = [iter(life) for life in lives]
    return [next(waiting[number]) for number in turns]
