"""The evidence that the consistency checks compare, and the form of their findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from local.chaos.plan import Message
from local.chaos.replies import Person
from local.chaos.senders import Promise
from local.chaos.stream import Change, OutboxItem

Finding = tuple[str, str]
"""The check's name, and a line about the disagreement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the checks compare. ``records`` are by recipient, ``ledgers`` by provider, both read over HTTP.

    Attributes:
        poison: The ids of stream records that no code can read.
        cut_short: The ids of messages in work when their ``send`` worker was killed during a write.
        senders_killed: The times of all other kills of ``send`` workers; the message in work is unknown.
        others: The events about no message, with their envelopes.
        blocked: The people's numbers to which a send is refused.
        counted: The number of messages in the daily limits' counters.
        counts_left: How many of these stay because the write of a counter had no answer.
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
    return httpx.codes.is_client_error(post["answered"] or 0)


def acknowledged(callback: Mapping[str, Any]) -> bool:
    """Whether our last answer to a callback was 2xx."""
    return httpx.codes.is_success(callback["status"] or 0)
