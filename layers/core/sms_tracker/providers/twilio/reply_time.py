"""When a person's message came to Twilio: its webhook carries no time, the Message resource has ``date_created``."""

from __future__ import annotations

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.base import Credentials
from sms_tracker.providers.twilio.api import lookup_request


def time_request(provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
    """Messages to us are in the same list as those from us."""
    return lookup_request(provider_message_id, credentials=credentials)


def time_outcome(result: HttpResponse | NoResponse) -> str | None:
    """In whole seconds, as Twilio writes it."""
    record = answers.record(result)
    if isinstance(record, LookupFailed):
        return None
    return parsing.known_time(parsing.rfc2822(parsing.text(record.get("date_created"))))
