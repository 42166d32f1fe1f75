"""The consistency check: the providers' ledgers, our records, the table's history and received events agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from local import ledger, simulators
from local.chaos.evidence import Evidence, Finding, acknowledged, declined
from local.chaos.limit_counts import count_findings
from local.chaos.plan import Message
from local.chaos.reply_checks import reply_findings
from local.chaos.senders import Promise, nothing_sent
from local.chaos.stream import Image, published

CHECKS = {
    "lost": "promised or taken, without a record",
    "sent twice": "more than one request that a provider may have processed",
    "sent after all": "reported as not sent, but sent",
    "never asked": "recorded, but no request reached the provider, and no killed worker explains it",
    "wrong final": "our final status differs from the handset's",
    "wrong cost": "our cost differs from the provider's charge",
    "left open": "no final status, although nothing is in progress",
    "report lost": "acknowledged to the provider, but not in the record",
    "forged believed": "a report under a wrong signature was acknowledged",
    "event missing": "a stored change without its event",
    "event invented": "an event without a stored change",
    "version gap": "a version skipped, repeated or moved back",
    "timeline": "an entry of a record's timeline changed, vanished or was kept twice",
    "uncounted": "handed to a provider, and not counted against the limits",
    "not given back": "counted against the limits, although certainly declined",
    "left in a queue": "a failure queue holds an unexpected message",
    "reply lost": "acknowledged to the provider, without its event",
    "reply invented": "an event about a reply that nobody wrote",
    "wrong opt-out": "our opt-out state differs from the provider's, or from our events",
    "sent nevertheless": "handed to a provider although the recipient's opt-out was stored before",
}
"""Each check and its meaning. Every count must be zero."""
_ACCEPTED, _REFUSED = 202, 422


def findings(evidence: Evidence) -> list[Finding]:
    """Every disagreement."""
    posts: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    taken: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for ledger_json in evidence.ledgers.values():
        for post in ledger_json["posts"]:
            posts[str(post["to"])].append(post)
        for entry in ledger_json["messages"]:
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
        *reply_findings(evidence),
        *count_findings(evidence),
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
        yield "wrong final", f"{_about(message)}: its client received a refusal, the record has no failure"
    if message.client != "gives up" and promise.status is None:
        yield "left open", f"{_about(message)}: its client never received a final answer, the last was {promise.last}"


def _once(
    message: Message, promise: Promise, posts: Sequence[Mapping[str, Any]], taken: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    acted = [post for post in posts if not declined(post)]
    if len(acted) > 1 or len(taken) > 1 or any(entry["times_taken"] > 1 for entry in taken):
        yield "sent twice", f"{_about(message)}: {len(acted)} such requests, taken {len(taken)} times"
    if acted and nothing_sent(promise):
        yield "sent after all", f"{_about(message)}: the last answer was {promise.last}"


def _final(message: Message, record: Mapping[str, Any], taken: Mapping[str, Any]) -> Iterator[Finding]:
    """A message that the provider took ends as on the handset, with the same failure code."""
    status, expected = record["status"], ledger.taken_message(message.provider, taken)
    if not record["final"]:
        yield "left open", f"{_about(message)}: {status}"
        return
    same_id = record["provider_message_id"] == expected.provider_id or ledger.has_unknown_id(record, expected)
    if status != expected.expected or not same_id:
        yield "wrong final", f"{_about(message)}: {status}, expected is {expected.expected}"
    if cost := ledger.other_cost(record, expected):
        yield "wrong cost", f"{_about(message)}: {cost}, the provider charges {expected.charged}"
    code, recorded = (ledger.known_end(message.provider, taken) or {}).get("code"), _code(record)
    if status in ledger.FAILURES and recorded != _text(code):
        yield "wrong final", f"{_about(message)}: failed with code {recorded}, expected is {code}"


def _not_taken(
    message: Message,
    promise: Promise,
    record: Mapping[str, Any],
    posts: Sequence[Mapping[str, Any]],
    phase: str | None,
) -> Iterator[Finding]:
    """No provider took the message: only a permanent refusal is a failure, with its code."""
    if not record["final"]:
        # The status becomes final after 15 minutes; the client gave up and does not retry.
        if not (message.client == "gives up" and phase == "released"):
            yield "left open", f"{_about(message)}: {record['status']}, send {phase}"
        return
    refused = record["status"] == "failed" and message.end == "refused" and promise.status != _ACCEPTED
    if not refused or not posts or _code(record) != _text(posts[-1]["error"]):
        yield "wrong final", f"{_about(message)}: {record['status']}, code {_code(record)}, though it was never taken"


def _unknown(message: Message, posts: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """``unknown`` is right after no answer or a 5xx; otherwise only a killed worker explains it."""
    if not posts:
        yield "never asked", _about(message)
    elif all(map(declined, posts)):
        yield "wrong final", f"{_about(message)}: unknown, though its provider answered {posts[-1]['answered']}"


def _unexplained(evidence: Evidence, never_reported: Sequence[tuple[Finding, Mapping[str, Any]]]) -> Iterator[Finding]:
    """Findings that no kill explains. A random kill explains one message that was recorded before it."""
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


def _code(record: Mapping[str, Any]) -> str | None:
    code: str | None = (record["failure"] or {}).get("code")
    return code


def _text(code: int | None) -> str | None:
    return None if code is None else str(code)


def _reports(message: Message, record: Mapping[str, Any], taken: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Every acknowledged report is in the record, even if a look-up stored its status too.

    A report with the word and second of the provider's answer is the same claim, stored once. Where reports carry no
    time, a look-up with that word is also the same claim and may have come first.
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
        if callback["forged"]:
            if acknowledged(callback):
                yield "forged believed", f"{_about(message)}: {callback['word']}, answered {callback['status']}"
        elif acknowledged(callback) and not any(
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
    received = {(event["message_id"], event["version"]): event["status"] for event in evidence.events}
    for key, status in wanted.items():
        if received.get(key) != status:
            yield "event missing", f"{key[0]} version {key[1]}: {status}, consumers received {received.get(key)}"
    for key in received.keys() - wanted.keys():
        yield "event invented", f"{key[0]} version {key[1]}: {received[key]}"


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
