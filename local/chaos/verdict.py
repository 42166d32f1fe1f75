"""The ledger check: the providers' books, our records, the table's history and what consumers received must agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local import ledger
from local.chaos.plan import TELLS_NO_TIME, Message
from local.chaos.senders import Promise, nothing_sent
from local.chaos.stream import Change, Image, published

CHECKS = {
    "lost": "promised or taken, and no record",
    "sent twice": "more than one request that a provider may have acted upon",
    "sent after all": "promised that nothing was sent, and something was",
    "never asked": "recorded, and its provider was never asked: more than workers were killed on the way there",
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
_TWO_ENDS = {"corrected", "code learnt late"}
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was found out. ``records`` are by recipient, ``books`` by provider, each read over HTTP.

    ``cut_short`` are messages whose worker was killed when it had recorded them; ``senders_killed`` counts those killed
    at any moment, about whose message nothing is known.
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
    senders_killed: int


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
    found: list[Finding] = []
    for message in evidence.plan:
        records = evidence.records.get(message.to, [])
        promise = evidence.promises.get(message.number, Promise())
        found += _promised(message, promise, records, taken[message.to])
        found += _once(message, promise, posts[message.to], taken[message.to])
        for record in records:
            found += _final(message, promise, record, taken[message.to])
            found += _reports(message, record, taken[message.to])
    never = [
        record["message_id"]
        for to, records in evidence.records.items()
        for record in records
        if record["status"] == "unknown" and not posts[to] and record["message_id"] not in evidence.cut_short
    ]
    if len(never) > evidence.senders_killed:
        found += [("never asked", f"{message_id}, one of {len(never)}") for message_id in never]
    return [*found, *_history(evidence), *_events(evidence), *_queues(evidence)]


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
    if message.client != "gives up" and promise.status is None:
        yield "left open", f"{_about(message)}: its client never got a lasting answer, the last was {promise.last}"


def _once(
    message: Message, promise: Promise, posts: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """A request that was answered 4xx was certainly not acted upon; every other may have been."""
    acted = [post for post in posts if not _CLIENT_ERROR <= (post["answered"] or 0) < _SERVER_ERROR]
    if len(acted) > 1 or len(taken) > 1 or any(entry["times_taken"] > 1 for entry in taken):
        yield "sent twice", f"{_about(message)}: {len(acted)} such requests, taken {len(taken)} times"
    if acted and nothing_sent(promise):
        yield "sent after all", f"{_about(message)}: the last answer was {promise.last}"


def _final(
    message: Message, promise: Promise, record: Mapping[str, Any], taken: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    status = record["status"]
    if not record["final"]:
        # Nobody asks again for what its client gave up, and that it was not sent is only said after 15 minutes.
        if taken or not (message.client == "gives up" and record["send"] == "released"):
            yield "left open", f"{_about(message)}: {status}, send {record['send']}"
        return
    if taken:
        if _superseded_unheard(message, status, taken[0]):
            return
        truth = ledger.of(message.provider, taken[0])
        if (status, record["provider_message_id"]) != (truth.expected, truth.provider_id):
            yield "wrong final", f"{_about(message)}: {status}, the truth is {truth.expected}"
        code, known = taken[0]["truth"]["code"], (record["failure"] or {}).get("code")
        if status in ledger.FAILURES and known != _text(code):
            yield "wrong final", f"{_about(message)}: failed with code {known}, the truth is {code}"
        return
    # A refusal is unknown too where the worker that heard it was killed.
    allowed = {"failed", "unknown"} if message.end == "refused" else {"unknown"}
    if status not in allowed or (status == "failed" and promise.status == 202):  # noqa: PLR2004 - Accepted
        yield "wrong final", f"{_about(message)}: {status}, though its provider never took it"


def _superseded_unheard(message: Message, status: str, entry: Mapping[str, Any]) -> bool:
    """Whether the provider told us this end, and then another that no try of its own brought to us.

    Nobody is asked again about what is final, so a correction is known only if its report arrives.
    """
    last = entry["truth"]
    final = [
        step
        for step in entry["callbacks"]
        if (step["word"], step["code"], step["forged"]) == (last["word"], last["code"], False)
    ]
    return message.end in _TWO_ENDS and status in ledger.FAILURES and not any(map(_acknowledged, final))


def _text(code: int | None) -> str | None:
    return None if code is None else str(code)


def _acknowledged(callback: Mapping[str, Any]) -> bool:
    return callback["status"] is not None and callback["status"] < 300  # noqa: PLR2004 - 2xx


def _reports(message: Message, record: Mapping[str, Any], taken: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """What a provider was told we have, we must have, whatever a look-up repaired later.

    A report that says what the provider's answer said, in the same second, is the same claim and kept once. Twilio's
    reports carry no time, so that there a look-up's word is the same claim too, and may have come first.
    """
    same_claim = {"callback", "answer"} | ({"lookup"} if message.provider in TELLS_NO_TIME else set())
    kept = [(report["word"], report["code"], report["source"]) for report in record["reports"]]
    claims = Counter(
        (report["word"], report["code"], report["occurred_at"], report["source"]) for report in record["reports"]
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
