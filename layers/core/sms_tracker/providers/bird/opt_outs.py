"""What Bird knows of opt-outs: the keyword rules of a number, and the suppressions of a recipient.

Source: the official SDK's generated models (``SMSKeywordRule``, ``SMSSuppression``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.keywords import Keyword, OwnKeywords, own_keywords
from sms_tracker.domain.opt_out import Kind
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.base import Credentials
from sms_tracker.providers.bird.api import address, authorization
from sms_tracker.providers.optional import Block, Blocks

_RULES, _SUPPRESSIONS = "/v1/sms/keyword-rules", "/v1/sms/suppressions"
_PAGE_SIZE = "100"
OPERATIONS = {
    "stop": Keyword.STOP,
    "start": Keyword.START,
    "help": Keyword.HELP,
    "info": Keyword.HELP,
}
"""What Bird does with a keyword. Any other operation, such as ``confirm`` and ``custom``, opts nobody in or out."""
NOT_TRANSACTIONAL = "non_transactional"
PASSING = {"carrier_opted_out", "manual"}
"""Reasons of suppressions that Bird ends without an event. A person's own STOP ends with the person's START."""


def keywords_request(number: str, country: str | None, *, credentials: Credentials) -> HttpRequest:
    """``GET /v1/sms/keyword-rules``: Bird's and the workspace's, in the order in which Bird tries them."""
    query = urlencode({"number": number, **({"from_country": country} if country else {})})
    return HttpRequest("GET", f"{address(credentials)}{_RULES}?{query}", authorization(credentials))


def keywords_outcome(result: HttpResponse | NoResponse) -> OwnKeywords | LookupFailed:
    """``effective_keywords`` of every rule; of a word in two rules the first counts."""
    page = _page(result)
    if isinstance(page, LookupFailed):
        return page
    return own_keywords((_words(rule), OPERATIONS.get(str(rule.get("operation")))) for rule in page[0])


def blocks_request(
    *, credentials: Credentials, person: str | None = None, number: str | None = None, page: str | None = None
) -> HttpRequest:
    """``GET /v1/sms/suppressions``, which lists those in force. An event has no coverage."""
    given = {"destination": person, "originator": number, "limit": _PAGE_SIZE, "starting_after": page}
    query = urlencode({name: value for name, value in given.items() if value})
    return HttpRequest("GET", f"{address(credentials)}{_SUPPRESSIONS}?{query}", authorization(credentials))


def blocks_outcome(result: HttpResponse | NoResponse) -> Blocks | LookupFailed:
    """One without its two ends is left out."""
    page = _page(result)
    return page if isinstance(page, LookupFailed) else Blocks(tuple(filter(None, map(_block, page[0]))), page[1])


def _block(suppression: Mapping[str, object]) -> Block | None:
    person, number, at = (parsing.text(suppression.get(name)) for name in ("destination", "originator", "effective_at"))
    if not (person and number):
        return None
    return Block(person=person, number=number, kind=_kind(suppression), at=parsing.known_time(at) or "")


def _kind(suppression: Mapping[str, object]) -> Kind:
    """By ``applies_to`` and ``reason``; an unfamiliar coverage counts as ``all``.

    A carrier's or a manual suppression of everything is a refusal: it holds for a day, then Bird is asked again.
    """
    if suppression.get("applies_to") == NOT_TRANSACTIONAL:
        return Kind.STOP_MARKETING
    return Kind.REFUSED if suppression.get("reason") in PASSING else Kind.STOP


def _page(result: HttpResponse | NoResponse) -> tuple[list[dict[str, object]], str | None] | LookupFailed:
    """What a list has, and the next cursor."""
    answer = answers.record(result)
    if isinstance(answer, LookupFailed):
        return answer
    listed = answer.get("data")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return LookupFailed(reason="the answer is no list")
    return listed, parsing.text(answer.get("next_cursor"))


def _words(rule: Mapping[str, object]) -> Iterator[str]:
    words = rule.get("effective_keywords")
    return (word for word in words if isinstance(word, str)) if isinstance(words, list) else iter(())
