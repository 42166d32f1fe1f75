"""The time of a reply: Twilio's webhook has none, but the Message resource has ``date_created``."""

from __future__ import annotations

from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.base import Credentials
from sms_tracker.providers.twilio.api import lookup_request


def time_request(provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
    """Inbound messages are the same resource as outbound ones."""
    return lookup_request(provider_message_id, credentials=credentials)


def time_outcome(result: HttpResponse | NoResponse) -> str | None:
    """In whole seconds."""
    record = answers.json_answer(result)
    if isinstance(record, LookupFailed):
        return None
    return parsing.known_time(parsing.rfc2822(parsing.text(record.get("date_created"))))
