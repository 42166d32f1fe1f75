"""Opt-outs in Bird's API: the keyword rules of a number, and the suppressions of a recipient.

Source: the official SDK's generated models (``SMSKeywordRule``, ``SMSSuppression``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.opt_out import Keyword, Kind, OwnKeywords, own_keywords
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials
from sms_tracker.providers.bird.api import address, authorization, read_list
from sms_tracker.providers.optional import Block, Blocks

_RULES, _SUPPRESSIONS = "/v1/sms/keyword-rules", "/v1/sms/suppressions"
_PAGE_SIZE = "100"
OPERATIONS = {
    "stop": Keyword.STOP,
    "start": Keyword.START,
    "help": Keyword.HELP,
    "info": Keyword.HELP,
}
"""The operation of a keyword rule. Others, such as ``confirm`` and ``custom``, opt nobody in or out."""
NOT_TRANSACTIONAL = "non_transactional"
PASSING = {"carrier_opted_out", "manual"}
"""Reasons of suppressions that Bird may end without an event; a person's own STOP ends with START."""


def keywords_request(number: str, country: str | None, *, credentials: Credentials) -> HttpRequest:
    """``GET /v1/sms/keyword-rules``: Bird's and the workspace's, in the order of evaluation."""
    query = urlencode({"number": number, **({"from_country": country} if country else {})})
    return HttpRequest("GET", f"{address(credentials)}{_RULES}?{query}", authorization(credentials))


def keywords_outcome(result: HttpResponse | NoResponse) -> OwnKeywords | LookupFailed:
    """``effective_keywords`` of every rule; if two rules have a word, the first one counts."""
    page = read_list(result)
    if isinstance(page, LookupFailed):
        return page
    return own_keywords((_words(rule), OPERATIONS.get(str(rule.get("operation")))) for rule in page[0])


def blocks_request(
    *, credentials: Credentials, person: str | None = None, number: str | None = None, page: str | None = None
) -> HttpRequest:
    """``GET /v1/sms/suppressions``: those in force, with the coverage that events lack."""
    parameters = {"destination": person, "originator": number, "limit": _PAGE_SIZE, "starting_after": page}
    query = urlencode({name: value for name, value in parameters.items() if value})
    return HttpRequest("GET", f"{address(credentials)}{_SUPPRESSIONS}?{query}", authorization(credentials))


def blocks_outcome(result: HttpResponse | NoResponse) -> Blocks | LookupFailed:
    """One page of blocks, without those that lack a number."""
    page = read_list(result)
    if isinstance(page, LookupFailed):
        return page
    return Blocks(tuple(filter(None, map(_block, page[0]))), page[1])


def _block(suppression: Mapping[str, object]) -> Block | None:
    person, number, at = (parsing.text(suppression.get(name)) for name in ("destination", "originator", "effective_at"))
    if not (person and number):
        return None
    return Block(person=person, number=number, kind=_kind(suppression), at=parsing.known_time(at) or "")


def _kind(suppression: Mapping[str, object]) -> Kind:
    """By ``applies_to`` and ``reason``; an unfamiliar coverage counts as ``all``.

    A carrier's or a manual suppression of everything is a refusal, which blocks for a day; then a send is tried again.
    """
    if suppression.get("applies_to") == NOT_TRANSACTIONAL:
        return Kind.STOP_MARKETING
    return Kind.REFUSED if suppression.get("reason") in PASSING else Kind.STOP


def _words(rule: Mapping[str, object]) -> Iterator[str]:
    words = rule.get("effective_keywords")
    if isinstance(words, list):
        yield from (word for word in words if isinstance(word, str))
