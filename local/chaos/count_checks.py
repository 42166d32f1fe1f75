"""The check of the limits' counters: what they count is what the providers may have processed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from local.chaos.evidence import Evidence, Finding, declined


def count_findings(evidence: Evidence) -> Iterator[Finding]:
    """The counters equal the requests that a provider may have processed, plus what nobody could give back.

    A request is counted before it is made, and given back only if the provider certainly declined it. What the
    evidence explains beyond that: counter writes without an answer, and workers that were killed before giving back.
    """
    posts = [post for ledger_json in evidence.ledgers.values() for post in ledger_json["posts"]]
    handed = sum(not declined(post) for post in posts)
    if evidence.counted < handed:
        yield "uncounted", f"{handed} requests to providers, {evidence.counted} counted by the limits"
    left = evidence.counts_left + _killed_before_giving_back(evidence) + len(evidence.senders_killed)
    if evidence.counted > handed + left:
        yield "not given back", f"{evidence.counted} counted by the limits, {handed} requests, {left} more explained"


def _killed_before_giving_back(evidence: Evidence) -> int:
    """Messages of killed workers whose provider declined every request."""
    answers: defaultdict[str, list[bool]] = defaultdict(list)
    for ledger_json in evidence.ledgers.values():
        for post in ledger_json["posts"]:
            answers[str(post["to"])].append(declined(post))
    ids = ((record["message_id"], to) for to, records in evidence.records.items() for record in records)
    return sum(message_id in evidence.cut_short and bool(answers[to]) and all(answers[to]) for message_id, to in ids)
