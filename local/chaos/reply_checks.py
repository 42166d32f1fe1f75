"""The consistency check of replies: the texts written, our events and both sides' opt-outs agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.chaos.evidence import Evidence, Finding, acknowledged
from local.chaos.replies import NUMBER, TEXTS, Person

RECEIVED, CHANGED = "SMS Received", "SMS Opt-Out Changed"
_KEYWORDS = {"STOP", "START"}
_ID = 26
"""The leading characters of a reply's id that every provider keeps."""
_CONTENT = ("provider", "to", "body", "keyword", "looks_like_opt_out")
"""The fields of an event that follow from the reply."""
_NEVER = datetime.max.replace(tzinfo=UTC)
Reply = Mapping[str, Any]
"""One reply of a simulator's ledger."""


def reply_findings(evidence: Evidence) -> Iterator[Finding]:
    """Every disagreement about replies."""
    yield from _outbox(evidence)
    received = [each["detail"] for each in evidence.others if each["detail-type"] == RECEIVED]
    for person in evidence.people:
        replies = [each for each in evidence.ledgers[person.provider]["replies"] if each["from"] == person.number]
        events = [each for each in received if each["from"] == person.number]
        yield from _received(person, replies, events)
        yield from _opted_out(evidence, person, replies, events)
        yield from _handed_over(evidence, person, replies)


def identity(kind: str, detail: Mapping[str, Any]) -> str:
    """An event about no message as text, to compare."""
    return f"{kind} {json.dumps(detail, sort_keys=True)}"


def _outbox(evidence: Evidence) -> Iterator[Finding]:
    stored = {identity(each.kind, each.detail) for each in evidence.outbox}
    published = {identity(each["detail-type"], each["detail"]) for each in evidence.others}
    yield from (("event missing", each) for each in sorted(stored - published))
    yield from (("event invented", each) for each in sorted(published - stored))


def _received(person: Person, replies: Sequence[Reply], events: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Each acknowledged reply has one event with its content; a forged reply has none."""
    explained = set[str]()
    for reply in replies:
        found = [each for each in events if reply["id"][:_ID] in each["provider_message_id"]]
        if reply["forged"]:
            if found or any(map(acknowledged, reply["callbacks"])):
                yield "forged believed", f"{_about(person, reply)}: {found}"
            continue
        explained |= {each["provider_message_id"] for each in found}
        if not found and all(map(acknowledged, reply["callbacks"])):
            yield "reply lost", _about(person, reply)
        _, keyword, flagged = TEXTS[reply["text"]]
        expected = (person.provider, NUMBER, reply["text"], keyword, flagged)
        if {tuple(map(each.get, _CONTENT)) for each in found} - {expected} or len({*map(str, found)}) > 1:
            yield "reply invented", f"{_about(person, reply)}: {found}"
    for each in events:
        if each["provider_message_id"] not in explained:
            yield "reply invented", f"{person.number} wrote nothing like {each}"


def _opted_out(
    evidence: Evidence, person: Person, replies: Sequence[Reply], events: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Our state, the provider's and our events are the same.

    Without the provider's time the order of receipt counts, so the result of concurrent replies is not checked.
    """
    blocked = person.number in evidence.blocked
    changes = [each["detail"] for each in evidence.others if each["detail-type"] == CHANGED]
    mine = [each for each in changes if each["to"] == person.number]
    newest: Mapping[str, Any] = max(mine, key=lambda each: each["version"], default={})
    if newest.get("blocked", False) is not blocked:
        yield "wrong opt-out", f"{person.number} ({person.provider}): blocked {blocked}, the newest event is {newest}"
    keywords = [each for each in replies if each["text"] in _KEYWORDS and not each["forged"]]
    certain = all(acknowledged(callback) for each in keywords for callback in each["callbacks"])
    undated = any(each["sent_at"] is None for each in events if each["body"] in _KEYWORDS)
    if not certain or (undated and _concurrent(keywords)):
        return
    if blocked is not ([person.number, NUMBER] in evidence.ledgers[person.provider]["opted_out"]):
        written = [(each["text"], each["at"]) for each in keywords]
        yield "wrong opt-out", f"{person.number} ({person.provider}): blocked {blocked}, after {written}"


def _handed_over(evidence: Evidence, person: Person, replies: Sequence[Reply]) -> Iterator[Finding]:
    """No message recorded after the first stored STOP reaches a provider before a START is written."""
    stopped = [
        each.read_at
        for each in evidence.outbox
        if each.kind == CHANGED and each.detail["to"] == person.number and each.detail["blocked"]
    ]
    since = min(stopped, default=_NEVER)
    starts = [datetime.fromisoformat(each["at"]) for each in replies if each["text"] == "START" and not each["forged"]]
    until = min(starts, default=_NEVER)
    created = [datetime.fromisoformat(each["created_at"]) for each in evidence.records.get(person.number, [])]
    posts = [post for post in evidence.ledgers[person.provider]["posts"] if post["to"] == person.number]
    for post in posts:
        if any(since < moment for moment in created) and datetime.fromisoformat(post["at"]) < until:
            yield "sent nevertheless", f"{person.number} ({person.provider}): at {post['at']}, opted out at {since}"


def _concurrent(keywords: Sequence[Reply]) -> bool:
    """Whether the last keyword was delivered concurrently with an earlier, different one."""
    if not keywords:
        return False
    *earlier, last = sorted(keywords, key=lambda each: each["at"])
    first_try = min(_tries(last))
    return any(max(_tries(each)) >= first_try for each in earlier if each["text"] != last["text"])


def _tries(reply: Reply) -> list[str]:
    return [each["at"] for callback in reply["callbacks"] for each in callback["attempts"]]


def _about(person: Person, reply: Reply) -> str:
    return f"{person.number} ({person.provider}) wrote {reply['text']!r} at {reply['at']}"
