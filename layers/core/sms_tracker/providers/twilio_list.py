"""Twilio's list of messages, in which a send whose answer was lost may be found."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from sms_tracker.domain.adopt import Candidate, Sought
from sms_tracker.providers import wire
from sms_tracker.providers.base import Listed

_PAGE_SIZE = "1000"


def query(sought: Sought) -> str:
    """Recipient and day; not the sender, for a messaging service shows up as the number that it chose."""
    return urlencode({"To": sought.to, "DateSent>": sought.since[:10], "PageSize": _PAGE_SIZE})


def read(answer: Mapping[str, object]) -> Listed:
    """One page. Twilio keeps no reference of ours, so none of it is certain."""
    messages = answer.get("messages")
    listed = [_candidate(each) for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
    following = answer.get("next_page_uri")
    page = following if isinstance(following, str) and following.startswith("/2010-04-01/") else None
    return Listed(tuple(each for each in listed if each is not None), page)


def _candidate(record: Mapping[str, object]) -> Candidate | None:
    sid, body = wire.text(record.get("sid")), record.get("body")
    if sid is None:
        return None
    # Null unless the request named a service, which then chose the number in ``from``.
    service = wire.text(record.get("messaging_service_sid"))
    return Candidate(
        provider_message_id=sid,
        to=wire.text(record.get("to")),
        sender=service or wire.text(record.get("from")),
        text=body if isinstance(body, str) else None,
        created=wire.rfc2822(wire.text(record.get("date_created"))),
    )
