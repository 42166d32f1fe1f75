"""Operators' rules for sending: allowed destinations, limits and stops. ``*_flaws`` state what is wrong in a rule."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import unique_members
from sms_tracker.domain.limits import ClientLimits, Outage, Quota, SendLimits

# --- Destinations

EVERY_COUNTRY = "*"
"""Instead of a country's code: all countries."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """``countries``: ISO 3166 codes, None for all. ``ranges``: prefixes of E.164 numbers that are always allowed."""

    countries: frozenset[str] | None
    ranges: tuple[str, ...] = ()


def destinations(words: Collection[str]) -> Destinations:
    """The destinations in ``words``, which must have no :func:`destination_flaws`."""
    ranges = tuple(word for word in words if word.startswith("+"))
    countries = frozenset(words).difference(ranges)
    return Destinations(None if EVERY_COUNTRY in countries else countries, ranges)


_RANGE = re.compile(r"\+[1-9][0-9]{0,14}")


def destination_flaws(words: Collection[str], known: Collection[str]) -> str:
    """What is wrong with the listed ``words``; empty if all are valid.

    Each word is a range, ``*``, or one of the ``known`` codes (ISO 3166). Beside ``*`` only ranges are valid.
    """
    if not words:
        return "holds no code"
    codes = {word for word in words if not word.startswith("+")}
    wrong = [word for word in words if word not in codes and not _RANGE.fullmatch(word)]
    ranges = (f"{shown(word)} is no range, such as +8816" for word in wrong)
    return ", ".join(filter(None, (code_flaws(codes, {EVERY_COUNTRY} if codes == {EVERY_COUNTRY} else known), *ranges)))


LIKELY_CODES = {"DA": "DK", "EL": "GR", "JA": "JP", "KO": "KR", "TP": "TL", "UK": "GB", "USA": "US", "ZR": "CD"}
"""Codes that are not in ISO 3166 and can mean only one country: of languages, other lists, former countries."""
_MAX_CODES, _MAX_CHARACTERS = 5, 12
"""Codes in one error, and characters of each."""


def code_flaws(codes: Collection[str], known: Collection[str]) -> str:
    """Which ``codes`` are not ``known``, with the code probably meant; empty if all are known."""
    return ", ".join(_code_flaw(code, known) for code in sorted(set(codes).difference(known))[:_MAX_CODES])


def _code_flaw(code: str, known: Collection[str]) -> str:
    meant = LIKELY_CODES.get(code.upper(), code.upper())
    return f"{shown(code)} is no country code" + (f", write {meant}" if meant in known else "")


def shown(word: str) -> str:
    """The first characters of an operator's word, safe to log."""
    return re.sub("[^ -~]", "?", word)[:_MAX_CHARACTERS]


# --- Limits: a document in Parameter Store

_MAX_COUNT = 1_000_000_000
_QUOTAS = ("client", "country", "new_countries")
_CLIENT_FIELDS = (*_QUOTAS, "approved")
_SHARED_QUOTAS = ("range", "recipient")
_DOCUMENT_FIELDS = frozenset({"daily_cap", "clients", "outage", "allowance", *_CLIENT_FIELDS, *_SHARED_QUOTAS})
_DEFAULT_ALLOWANCE = 100
_COUNTRY_CODE = re.compile("[A-Z]{2}")


def read_limits(text: str) -> SendLimits:
    """The limits in a document; raises ``Misconfigured`` with every flaw."""
    try:
        document = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        raise Misconfigured("limits are not JSON, or have a name twice") from None
    if wrong := [*_limit_flaws(document)]:
        raise Misconfigured(f"limits: {'; '.join(wrong)}")
    defaults = _client_limits(document, ClientLimits())
    return SendLimits(
        daily_cap=document["daily_cap"],
        defaults=defaults,
        clients={name: _client_limits(own, defaults) for name, own in document.get("clients", {}).items()},
        number_range=Quota(**document.get("range", {})),
        recipient=Quota(**document.get("recipient", {})),
        outage=Outage(document.get("outage", Outage.OPEN)),
        allowance=document.get("allowance", _DEFAULT_ALLOWANCE),
    )


def _client_limits(document: Mapping[str, Any], defaults: ClientLimits) -> ClientLimits:
    """A client's limits. ``defaults`` fill in what its document leaves out, and add their approvals."""
    quotas = {name: Quota(**document[name]) if name in document else getattr(defaults, name) for name in _QUOTAS}
    approved = {country: Quota(**quota) for country, quota in document.get("approved", {}).items()}
    return ClientLimits(**quotas, approved={**defaults.approved, **approved})


def _limit_flaws(document: object) -> Iterator[str]:
    """What is wrong with a decoded document, one sentence each."""
    if not isinstance(document, dict):
        yield "the document is no object"
        return
    yield from _unknown_names(document, _DOCUMENT_FIELDS, "")
    if "daily_cap" not in document:
        yield "daily_cap is missing"
    for name in ("daily_cap", "allowance"):
        if name in document and not _is_count(document[name]):
            yield f"{name} is no whole number from 0 to {_MAX_COUNT}"
    if document.get("outage", "open") not in [*Outage]:
        yield f"outage is none of {', '.join(Outage)}"
    for name in _SHARED_QUOTAS:
        yield from _quota_flaws(document.get(name, {}), name)
    yield from _client_flaws(document, "")
    clients = document.get("clients", {})
    if not isinstance(clients, dict):
        yield "clients is no object"
        return
    for name, own in clients.items():
        if not isinstance(own, dict):
            yield f"clients.{name} is no object"
            continue
        yield from _unknown_names(own, frozenset(_CLIENT_FIELDS), f"clients.{name}.")
        yield from _client_flaws(own, f"clients.{name}.")


def _client_flaws(document: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in _QUOTAS:
        yield from _quota_flaws(document.get(name, {}), f"{path}{name}")
    approved = document.get("approved", {})
    if not isinstance(approved, dict):
        yield f"{path}approved is no object"
        return
    for country, quota in approved.items():
        if not _COUNTRY_CODE.fullmatch(country):
            yield f"{path}approved.{country} is no ISO 3166 code"
        yield from _quota_flaws(quota, f"{path}approved.{country}")


def _quota_flaws(quota: object, path: str) -> Iterator[str]:
    if not isinstance(quota, dict):
        yield f"{path} is no object"
        return
    yield from _unknown_names(quota, frozenset({"hour", "day"}), f"{path}.")
    for name in ("hour", "day"):
        if name in quota and not _is_count(quota[name]):
            yield f"{path}.{name} is no whole number from 0 to {_MAX_COUNT}"


def _unknown_names(given: Mapping[str, Any], known: frozenset[str], path: str) -> Iterator[str]:
    for name in sorted(given.keys() - known):
        yield f"{path}{name} is no setting"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT


# --- Stops

EVERY_CLIENT = "*"
"""Instead of a client's name: all clients."""
KEPT_INSTRUCTIONS = 20
"""Instructions kept. With reasons of at most 200 characters the item stays below 8 KB, one read unit."""


class Action(StrEnum):
    """Stop sending, or start it again."""

    STOP = "stop"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction by operator ``by`` for ``client`` (or :data:`EVERY_CLIENT`); ``at`` is RFC 3339."""

    action: Action
    client: str
    by: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingStops:
    """The stops in force by client, and the latest instructions, oldest first. ``version`` is 0 before the first."""

    stops: Mapping[str, Instruction] = field(default_factory=dict)
    log: tuple[Instruction, ...] = ()
    version: int = 0

    def stop_of(self, client: str) -> Instruction | None:
        """The stop in force for ``client``: that of all clients, else its own; None if it may send."""
        return self.stops.get(EVERY_CLIENT) or self.stops.get(client)

    def after(self, instruction: Instruction) -> SendingStops:
        """The stops after ``instruction``. A start of all clients keeps each client's own stop."""
        stops = {client: stop for client, stop in self.stops.items() if client != instruction.client}
        if instruction.action is Action.STOP:
            stops[instruction.client] = instruction
        return SendingStops(stops=stops, log=(*self.log, instruction)[-KEPT_INSTRUCTIONS:], version=self.version + 1)


class StopOf(Protocol):
    """Finds the stop of a client."""

    def __call__(self, client: str, /) -> Instruction | None:
        """The stop in force for ``client``, None if it may send; raises ``Unavailable`` if not known."""
        ...
