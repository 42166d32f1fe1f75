"""Check over the API that every accepted report is in its message's record."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

PATIENCE = 30.0
"""Seconds without an arriving report after which the rest counts as lost."""
_LOOK_EVERY = 1.0

Accepted = Mapping[str, set[str]]
"""Words that were accepted, by message."""


def accepted(journal: Path) -> tuple[Accepted, str]:
    """The accepted reports in the journal, and the creation time of the first message."""
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    words: defaultdict[str, set[str]] = defaultdict(set)
    for line in lines:
        words[line["message_id"]] |= {line["word"]} - {None}
    return words, min((line["created_at"] for line in lines), default="")


def missing(
    api: httpx.Client, wanted: Accepted, since: str, progress: Callable[[str], None], *, patience: float = PATIENCE
) -> Accepted:
    """The reports of ``wanted`` that are in no record, once all arrived or none did for ``patience`` seconds."""
    left, deadline = _left(api, wanted, since), time.monotonic() + patience
    while left and time.monotonic() < deadline:
        progress(f"{_count(left)} of {_count(wanted)} reports still pending")
        time.sleep(_LOOK_EVERY)  # the API has no notifications
        before, left = left, _left(api, wanted, since)
        if left != before:
            deadline = time.monotonic() + patience
    return left


def _left(api: httpx.Client, wanted: Accepted, since: str) -> Accepted:
    recorded: dict[str, set[str]] = {}
    for record in _records(api, since) if wanted else ():
        recorded[record["message_id"]] = {
            one["provider_status"] for one in record["reports"] if one["source"] == "callback"
        }
    left = {message_id: words - recorded.get(message_id, set()) for message_id, words in wanted.items()}
    return {message_id: words for message_id, words in left.items() if words or message_id not in recorded}


def _records(api: httpx.Client, since: str) -> Iterator[dict[str, Any]]:
    """Every message of the key's client from ``since`` on."""
    query = {"since": since, "limit": "100"}
    while True:
        page = api.get("/messages", params=query).raise_for_status().json()
        yield from page["messages"]
        if page["cursor"] is None:
            return
        query["cursor"] = page["cursor"]


def _count(words: Accepted) -> int:
    return sum(map(len, words.values()))
