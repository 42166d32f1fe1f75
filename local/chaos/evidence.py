"""What the consistency check compares, and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.chaos.plan import Message
from local.chaos.replies import Person
from local.chaos.senders import Promise
from local.chaos.stream import Change, OutboxItem

_CLIENT_ERROR, _SERVER_ERROR = 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the checks compare. ``records`` are by recipient, ``ledgers`` by provider, both read over HTTP.

    ``cut_short`` are messages of ``send`` workers that were killed while they wrote their records. ``senders_killed``
    are the times of all other kills of such workers, for which the message in work is unknown. ``others`` are the
    events about no message, whole, and ``blocked`` are the people's numbers to which a send is refused. ``counted``
    are the messages that the daily limit counts; ``counts_left`` of them stay because a counter's write failed.
    """

    plan: Sequence[Message]
    promises: Mapping[int, Promise]
    records: Mapping[str, Sequence[Mapping[str, Any]]]
    ledgers: Mapping[str, Mapping[str, Any]]
    history: Sequence[Change]
    events: Sequence[Mapping[str, Any]]
    queues: Mapping[str, Sequence[str]]
    poison: frozenset[str]
    cut_short: frozenset[str]
    senders_killed: Sequence[datetime]
    people: Sequence[Person]
    outbox: Sequence[OutboxItem]
    others: Sequence[Mapping[str, Any]]
    blocked: frozenset[str]
    counted: int
    counts_left: int


def declined(post: Mapping[str, Any]) -> bool:
    """Whether the provider certainly did not process a request to send: it answered 4xx."""
    return post["answered"] is not None and _CLIENT_ERROR <= post["answered"] < _SERVER_ERROR


Finding = tuple[str, str]
"""The check's name, and a line about the disagreement."""
