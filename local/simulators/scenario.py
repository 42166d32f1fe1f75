"""The course of a message: a table by the recipient's last two digits, and scripts set by control calls.

A number outside the table is delivered. A script set for a number, or for ``*``, takes precedence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

HANG = 0
"""An answer that never comes: the request is read and left open."""

Code = int | str
"""A provider's error code: a number, or a word of its API."""


class Order(StrEnum):
    """The order of a message's callbacks once all are due; with ``true`` each is sent when it is due."""

    TRUE = "true"
    REVERSED = "reversed"
    SHUFFLED = "shuffled"


@dataclass(frozen=True, slots=True)
class Step:
    """One status word of the provider about a message, with its error code if any."""

    word: str
    code: Code | None = None

    @classmethod
    def read(cls, text: str) -> Step:
        """``word`` or ``word:code``."""
        word, _, code = text.partition(":")
        return cls(word, _code(code) if code else None)


def _code(text: str) -> Code:
    return int(text) if text.isdecimal() else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The course of one message.

    ``reports`` are the actual steps; the last one is the handset's. ``answer`` is the HTTP status of the create call
    (None: the usual one; HANG: no answer) and ``error`` the provider's code in it. ``taken`` is whether the message is
    sent (None: only with the usual answer). Answer and error apply to the first ``times`` requests with identical bytes
    (None: to all). ``early`` reports are sent before the answer to the create call, each ``copies`` times, after a
    ``delay`` in paces. ``drop`` sends no report, ``drop_last`` all but the last. ``forge`` is the word of an additional
    report with a wrong signature. ``fields`` replace or extend a report's fields.
    """

    name: str = "custom"
    reports: tuple[Step, ...] = ()
    answer: int | None = None
    error: Code | None = None
    taken: bool | None = None
    times: int | None = None
    retry_after: int | None = None
    early: int = 0
    copies: int = 1
    order: Order = Order.TRUE
    delay: float = 1.0
    drop: bool = False
    drop_last: bool = False
    forge: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_taken(self) -> bool:
        """Whether the provider takes the message, regardless of its answer."""
        return self.usual if self.taken is None else self.taken

    @property
    def usual(self) -> bool:
        """Whether the create call receives the usual answer."""
        return self.answer is None and self.error is None

    def seen_before(self, earlier: int) -> Script:
        """The script for a request after ``earlier`` requests with the same bytes."""
        if self.times is None or earlier < self.times:
            return self
        return replace(self, answer=None, error=None, taken=None)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A row of the table: its two digits, the course of its reports, and other fields of the script.

    ``course`` names a course of reports, for which each provider has its own words.
    """

    digits: str
    name: str
    about: str
    course: str
    how: Mapping[str, Any]

    def script(self, courses: Mapping[str, str]) -> Script:
        """The row's script at a provider with these words; see ``SimulatedProvider.courses``."""
        words = courses[self.course]
        if words.startswith("!"):
            return Script(name=self.name, error=_code(words[1:]), **self.how)
        return Script(name=self.name, reports=tuple(Step.read(word) for word in words.split()), **self.how)


def _row(digits: str, name: str, about: str, course: str | None = None, **how: Any) -> Scenario:
    return Scenario(digits, name, about, course or name, how)


TABLE = (
    _row("00", "delivered", "arrives"),
    _row("01", "undelivered", "the handset cannot be reached"),
    _row("02", "expired", "its validity ran out"),
    _row("03", "failed", "the network gave up"),
    _row("04", "slow", "arrives late", "delivered", delay=20.0),
    _row("05", "tangled", "every report twice, last one first", "delivered", copies=2, order=Order.REVERSED),
    _row("06", "early", "every report arrives before the create call is answered", "delivered", early=9),
    _row("07", "timeout", "taken, but the create call is never answered", "delivered", answer=HANG, taken=True),
    _row("08", "silent", "arrives, but no report is ever made", "delivered", drop=True),
    _row("09", "refused", "no valid number: the create call is refused"),
    _row("10", "opted-out", "the recipient said STOP"),
    _row("11", "throttled-once", "429 once, then taken", "delivered", answer=429, times=1),
    _row("12", "unavailable", "503 and not taken", "delivered", answer=503),
    _row("13", "broken-answer", "500 although taken", "delivered", answer=500, taken=True),
    _row("14", "hang", "read, never answered, not taken", "delivered", answer=HANG),
    _row("15", "forged", "undelivered, with a forged report of delivery", "undelivered", forge="delivered"),
    _row("16", "read", "read by the recipient, or delivered if the provider does not report reading"),
    _row("17", "new-word", "an undocumented word, then delivered"),
    _row("18", "corrected", "undelivered, but delivered after all"),
    _row("19", "code-then-none", "the same failure again, without its code"),
    _row("20", "new-code", "an undocumented failure code"),
    _row("21", "long-way", "every intermediate word"),
    _row("22", "throttled", "429, always", "delivered", answer=429),
    _row("23", "locked-out", "our credentials are refused"),
    _row("24", "shuffled", "every report three times, in any order", "long-way", copies=3, order=Order.SHUFFLED),
    _row("25", "code-learnt-late", "the same failure again, this time with its code"),
)
COURSES = frozenset(scenario.course for scenario in TABLE)
"""Every course for which a provider needs words."""

_BY_DIGITS = {scenario.digits: scenario for scenario in TABLE}
_BY_NAME = {scenario.name: scenario for scenario in TABLE}


class Scenarios:
    """Chooses the script of a message for the provider with these ``courses``."""

    def __init__(self, courses: Mapping[str, str]) -> None:
        self.courses = courses
        self._set: dict[str, Script] = {}
        self._opted_out: set[tuple[str, str]] = set()

    def note_reply(self, person: str, number: str, text: str) -> None:
        """Apply a reply to one of our numbers: STOP opts out of that number alone, START ends it."""
        pair = (number.lstrip("+"), _digits(person))
        match text.strip().upper():
            case "STOP":
                self._opted_out.add(pair)
            case "START":
                self._opted_out.discard(pair)

    def has_opted_out(self, person: str, number: str) -> bool:
        """Whether a send from ``number`` is refused."""
        return (number.lstrip("+"), _digits(person)) in self._opted_out

    def script(self, to: str, sender: str) -> Script:
        """``opted-out`` after a STOP to ``sender``; else the script set for this number, else for ``*``, else by its
        last two digits, else delivered.
        """
        if self.has_opted_out(to, sender):
            return self._named("opted-out")
        known = _BY_DIGITS.get(to[-2:], TABLE[0]).script(self.courses)
        return self._set.get(_digits(to)) or self._set.get("*") or known

    def put(self, to: str, script: object) -> Script | None:
        """Set the script that ``read`` returns for ``script``; None removes it. Raises ``ValueError``."""
        if script is None:
            return self._set.pop(_digits(to), None)
        self._set[_digits(to)] = self.read(script)
        return self._set[_digits(to)]

    def clear(self) -> None:
        """Remove every set script and opt-out."""
        self._set.clear()
        self._opted_out.clear()

    def read(self, value: object) -> Script:
        """A scenario's name, or an object of ``Script``'s fields, where ``like`` names a scenario to start from.

        ``reports`` is a list or one string of ``word`` or ``word:code``; without it the message is delivered.
        """
        if isinstance(value, str):
            value = {"like": value}
        if not isinstance(value, dict):
            raise ValueError("a script is a scenario's name or an object")  # noqa: TRY004 - answered as 400, like the rest
        given = dict(value)
        base = self._named(given.pop("like", "delivered"))
        return replace(base, **dict(_typed(given | {"name": given.get("name", base.name if not given else "custom")})))

    def _named(self, name: object) -> Script:
        if name not in _BY_NAME:
            raise ValueError(f"no scenario {name!r}; there are: {', '.join(_BY_NAME)}")
        return _BY_NAME[str(name)].script(self.courses)


def _digits(to: str) -> str:
    return to.lstrip("+")


_NULLABLE = {"answer", "error", "taken", "times", "retry_after", "forge"}
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "drop": bool, "drop_last": bool, "taken": bool, "delay": (int, float), "name": str, "forge": str,
    "order": str, "fields": dict, "reports": (str, list), "error": (int, str),
}  # fmt: skip


def _typed(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    known = [each.name for each in fields(Script)]
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"a script has no {name!r}; it has: like, {', '.join(known)}")
        if name == "answer" and value == "hang":
            yield name, HANG
            continue
        if not _fits(name, value):
            raise ValueError(f"{name} cannot be {value!r}")
        if name == "reports":
            words = value.split() if isinstance(value, str) else value
            yield name, tuple(Step.read(str(word)) for word in words)
        else:
            yield name, Order(value) if name == "order" else value


def _fits(name: str, value: object) -> bool:
    return (value is None and name in _NULLABLE) or isinstance(value, _KINDS.get(name, int))
