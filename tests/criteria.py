"""Search criteria for a send with a lost answer."""

from __future__ import annotations

from sms_tracker.domain.outbound import OutboundMessage, SearchCriteria


def searched(message: OutboundMessage, provider: str, since: str, until: str) -> SearchCriteria:
    return SearchCriteria(
        message_id=message.message_id,
        references=frozenset({message.reference}),
        provider=provider,
        to=message.to,
        sender=message.sender,
        text_hash="a-hash",
        since=since,
        until=until,
    )
