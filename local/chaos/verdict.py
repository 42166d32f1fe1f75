"""The ledger check: the providers' books, our records, the table's history and what consumers received must agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local import ledger, simulators
from local.chaos.plan import Message
from local.chaos.senders import Promise, nothing_sent
from local.chaos.stream import Change, Image, published

CHECKS = {
    "lost": "promised or taken, and no record",
    "sent twice": "more than one request that a provider may have acted upon",
    "sent after all": "promised that nothing was sent, and something was",
    "never asked": "recorded, its provider was never asked, and no worker was killed on the way there",
    "wrong final": "our final status is not what the handset knows",
    "left open": "no final status although nothing is under way any more",
    "report lost": "acknowledged to the provider, and not in the record",
    "forged believed": "a report under a wrong signature was acknowledged",
    "event missing": "a stored change that no consumer was told of",
    "event invented": "an event without a stored change",
    "version gap": "a version skipped, repeated or moved back",
    "timeline": "an entry of a record's timeline changed, vanished or was kept twice",
    "left in a queue": "a queue for what went wrong holds what it should not",
}
"""What is counted, and what each count means. All must be zero."""
_ACCEPTED, _REFUSED = 202, 422
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was found out. ``records`` are by recipient, ``books`` by provider, each read over HTTP.

    ``cut_short`` are messages that a worker of ``send`` was writing about when it was killed; ``senders_killed`` the
    moments at which one was killed at random, so that nobody knows what it worked on.
    """

    plan: Sequence[Message]
    promises: Mapping[int, Promise]
    records: Mapping[str, Sequence[Mapping[str, Any]]]
    books: Mapping[str, Mapping[str, Any]]
    history: Sequence[Change]
    events: Sequence[Mapping[str, Any]]
    queues: Mapping[str, Sequence[str]]
    poison: frozenset[str]
    cut_short: frozenset[str]
    senders_killed: Sequence[datetime]


Finding = tuple[str, str]
"""The check's name, and a line about what does not agree."""


def findings(evidence: Evidence) -> list[Finding]:
    """Everything on which they do not agree."""
    posts: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    taken: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for books in evidence.books.values():
        for post in books["posts"]:
            posts[str(post["to"])].append(post)
        for entry in books["messages"]:
            taken[entry["to"]].append(entry)
    phases = {change.new.message_id: change.new.send for change in evidence.history}
    found: list[Finding] = []
    never_reported: list[tuple[Finding, Mapping[str, Any]]] = []
    for message in evidence.plan:
        records = evidence.records.get(message.to, [])
        promise = evidence.promises.get(message.number, Promise())
        found += _promised(message, promise, records, taken[message.to])
        found += _once(message, promise, posts[message.to], taken[message.to])
        for record in records:
            if taken[message.to]:
                found += _final(message, record, taken[message.to][0])
            elif record["status"] == "unknown":
                never_reported += [(each, record) for each in _unknown(message, posts[message.to])]
            else:
                found += _not_taken(message, promise, record, posts[message.to], phases.get(record["message_id"]))
            found += _reports(message, record, taken[message.to])
    return [
        *found,
        *_unexplained(evidence, never_reported),
        *_history(evidence),
        *_events(evidence),
        *_queues(evidence),
    ]


def _about(message: Message) -> str:
    return f"number {message.number} ({message.provider}; {message.way}; {message.end}; client {message.client})"


def _promised(
    message: Message, promise: Promise, records: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    ids = {str(record["message_id"]) for record in records}
    if not records and (promise.status or taken):
        yield "lost", f"{_about(message)}: answered {promise.status}, taken {len(taken)} times, and no record"
    if len(records) > 1 or promise.message_ids - ids:
        yield "lost", f"{_about(message)}: promised {sorted(promise.message_ids)}, recorded {sorted(ids)}"
    if promise.status == _REFUSED and any(record["status"] != "failed" for record in records):
        yield "wrong final", f"{_about(message)}: its client was told of a refusal, and the record does not say so"
    if message.client != "gives up" and promise.status is None:
        yield "left open", f"{_about(message)}: its client never got a lasting answer, the last was {promise.last}"


def _once(
    message: Message, promise: Promise, posts: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    acted = [post for post in posts if not _declined(post)]
    if len(acted) > 1 or len(taken) > 1 or any(entry["times_taken"] > 1 for entry in taken):
        yield "sent twice", f"{_about(message)}: {len(acted)} such requests, taken {len(taken)} times"
    if acted and nothing_sent(promise):
        yield "sent after all", f"{_about(message)}: the last answer was {promise.last}"


def _final(message: Message, record: Mapping[str, Any], taken: Mapping[str, Any]) -> Iterator[Finding]:
    """What the provider took must end as the handset knows it, to the failure's code."""
    status, truth = record["status"], ledger.of(message.provider, taken)
    if not record["final"]:
        yield "left open", f"{_about(message)}: {status}"
        return
    if (status, record["provider_message_id"]) != (truth.expected, truth.provider_id):
        yield "wrong final", f"{_about(message)}: {status}, the truth is {truth.expected}"
    code, known = taken["truth"]["code"], _code(record)
    if status in ledger.FAILURES and known != _text(code):
        yield "wrong final", f"{_about(message)}: failed with code {known}, the truth is {code}"


def _not_taken(
    message: Message,
    promise: Promise,
    record: Mapping[str, Any],
    posts: Sequence[Mapping[str, Any]],
    phase: str | None,
) -> Iterator[Finding]:
    """No provider took it: a refusal for good is a failure with its code; nothing else is one."""
    if not record["final"]:
        # That it was not sent is only said after 15 minutes; its client gave up and asks no more.
        if not (message.client == "gives up" and phase == "released"):
            yield "left open", f"{_about(message)}: {record['status']}, send {phase}"
        return
    refused = record["status"] == "failed" and message.end == "refused" and promise.status != _ACCEPTED
    if not refused or not posts or _code(record) != _text(posts[-1]["error"]):
        yield "wrong final", f"{_about(message)}: {record['status']}, code {_code(record)}, though it was never taken"


def _unknown(message: Message, posts: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Nobody can know where a request stayed unanswered or was answered 5xx; else only who was killed did not hear."""
    if not posts:
        yield "never asked", _about(message)
    elif all(map(_declined, posts)):
        yield "wrong final", f"{_about(message)}: unknown, though its provider answered {posts[-1]['answered']}"


def _unexplained(evidence: Evidence, never_reported: Sequence[tuple[Finding, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Those that no kill explains; one at random explains one message, which had been recorded by then."""
    kills = sorted(evidence.senders_killed)
    for finding, record in sorted(never_reported, key=lambda each: str(each[1]["created_at"])):
        if record["message_id"] in evidence.cut_short:
            continue
        recorded = datetime.fromisoformat(record["created_at"])
        killed = next((moment for moment in kills if moment >= recorded), None)
        if killed is None:
            yield finding
        else:
            kills.remove(killed)


def _declined(post: Mapping[str, Any]) -> bool:
    """A request that was answered 4xx was certainly not acted upon; every other may have been."""
    return post["answered"] is not None and _CLIENT_ERROR <= post["answered"] < _SERVER_ERROR


def _code(record: Mapping[str, Any]) -> str | None:
    code: str | None = (record["failure"] or {}).get("code")
    return code


def _text(code: int | None) -> str | None:
    return None if code is None else str(code)


def _acknowledged(callback: Mapping[str, Any]) -> bool:
    return callback["status"] is not None and callback["status"] < 300  # noqa: PLR2004 - 2xx


def _reports(message: Message, record: Mapping[str, Any], taken: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """What a provider was told we have, we must have, whatever a look-up repaired later.

    A report that says what the provider's answer said, in the same second, is the same claim and kept once. Where
    reports carry no time, a look-up's word is the same claim too, and may have come first.
    """
    same_claim = {"callback", "answer"} | (set() if simulators.load(message.provider).dated else {"lookup"})
    kept = [(report["provider_status"], report["code"], report["source"]) for report in record["reports"]]
    claims = Counter(
        (report["provider_status"], report["code"], report["occurred_at"], report["source"])
        for report in record["reports"]
    )
    if any(times > 1 for times in claims.values()):
        yield "timeline", f"{_about(message)}: {claims}"
    for callback in (callback for entry in taken for callback in entry["callbacks"]):
        acknowledged = _acknowledged(callback)
        if callback["forged"]:
            if acknowledged:
                yield "forged believed", f"{_about(message)}: {callback['word']}, answered {callback['status']}"
        elif acknowledged and not any(
            (word, code) == (callback["word"], _text(callback["code"])) and source in same_claim
            for word, code, source in kept
        ):
            yield "report lost", f"{_about(message)}: {callback['word']}, the record has {kept}"


def _history(evidence: Evidence) -> Iterator[Finding]:
    now: dict[str, Image] = {}
    for change in evidence.history:
        image, before = change.new, now.get(change.new.message_id)
        now[image.message_id] = image
        if image.message_id in evidence.poison:
            continue
        expected = {1} if before is None else {before.version, (before.version or 0) + 1}
        moved = before is not None and before.status != image.status and before.version == image.version
        if image.version not in expected or moved:
            yield "version gap", f"{image.message_id}: {before} became {image}"
        if before is not None and not before.reports.items() <= image.reports.items():
            yield "timeline", f"{image.message_id}: {before.reports} became {image.reports}"
    for record in (record for records in evidence.records.values() for record in records):
        last = now.get(record["message_id"])
        if last is None or (last.version, last.status) != (record["version"], record["status"]):
            yield "version gap", f"{record['message_id']}: the history ends with {last}, the record is {record}"


def _events(evidence: Evidence) -> Iterator[Finding]:
    wanted = {
        (change.new.message_id, change.new.version): change.new.status
        for change in evidence.history
        if change.new.message_id not in evidence.poison and published(change)
    }
    told = {(event["message_id"], event["version"]): event["status"] for event in evidence.events}
    for key, status in wanted.items():
        if told.get(key) != status:
            yield "event missing", f"{key[0]} version {key[1]}: {status}, consumers were told {told.get(key)}"
    for key in told.keys() - wanted.keys():
        yield "event invented", f"{key[0]} version {key[1]}: {told[key]}"


def _queues(evidence: Evidence) -> Iterator[Finding]:
    for name, bodies in evidence.queues.items():
        explained = evidence.poison if name == "PublishFailedQueueUrl" else frozenset()
        for body in bodies:
            if not any(poison in body for poison in explained):
                yield "left in a queue", f"{name}: {body[:200]}"
    aside = "".join(evidence.queues.get("PublishFailedQueueUrl", []))
    for poison in evidence.poison:
        if poison not in aside:
            yield "left in a queue", f"the poison record {poison} is not in publish-failed"
