"""Twilio's list of messages, in which a send whose answer was lost may be found."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from sms_tracker.domain.matching import Candidate, Sought
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Listed

_PAGE_SIZE = "1000"
_PAGES = "/2010-04-01/"
_UNREADABLE = LookupFailed(reason="the answer is no list of messages")


def query(sought: Sought) -> str:
    """Recipient and day; not the sender, for a messaging service shows up as the number that it chose."""
    return urlencode({"To": sought.to, "DateSent>": f"{sought.since[:10]}T00:00:00Z", "PageSize": _PAGE_SIZE})


def read(answer: Mapping[str, object]) -> Listed | LookupFailed:
    """One page. Twilio keeps no reference of ours, so none of it is certain.

    What cannot be read to its end is no list: it would prove an absence that nobody knows.
    """
    messages, following = answer.get("messages"), answer.get("next_page_uri", "missing")
    if not isinstance(messages, list) or not (following is None or _is_page(following)):
        return _UNREADABLE
    listed = [_candidate(each) for each in messages]
    candidates = tuple(each for each in listed if each is not None)
    if len(candidates) < len(listed):
        return _UNREADABLE
    return Listed(candidates, None if following is None else str(following))


def _is_page(uri: object) -> bool:
    """A path on the same host, to which our credentials are sent."""
    return isinstance(uri, str) and uri.startswith(_PAGES)


def _candidate(record: object) -> Candidate | None:
    if not isinstance(record, dict) or (sid := parsing.text(record.get("sid"))) is None:
        return None
    body = record.get("body")
    # Null unless the request named a service, which then chose the number in ``from``.
    service = parsing.text(record.get("messaging_service_sid"))
    return Candidate(
        provider_message_id=sid,
        to=parsing.text(record.get("to")),
        sender=service or parsing.text(record.get("from")),
        text=body if isinstance(body, str) else None,
        created=parsing.rfc2822(parsing.text(record.get("date_created"))),
    )
