"""Twilio's request errors, test numbers and delivery error codes."""

from __future__ import annotations

import re

from local.simulators.scenario import Code
from local.simulators.send_endpoint import Refusal


def _error(code: int, text: str, status: int = 400) -> Refusal:
    return Refusal(status=status, code=code, text=text)


ERRORS = (
    _error(20003, "Authenticate", 401),
    _error(20404, "The requested resource was not found", 404),
    _error(20429, "Too Many Requests", 429),
    _error(20500, "Internal Server Error", 500),
    _error(20503, "Service unavailable", 503),
    _error(20001, "A parameter is out of its range"),
    _error(21211, "Invalid 'To' Phone Number"),
    _error(21212, "Invalid 'From' Phone Number"),
    _error(21408, "Permission to send an SMS has not been enabled for the region of the 'To' number"),
    _error(21602, "Message body is required."),
    _error(21603, "A 'From' phone number is required."),
    _error(21604, "A 'To' phone number is required."),
    _error(21606, "The 'From' number cannot send to this 'To' number"),
    _error(21608, "The number is unverified: a trial account cannot send to it", 403),
    _error(21609, "Invalid 'StatusCallback' URL"),
    _error(21610, "Attempt to send to unsubscribed recipient"),
    _error(21611, "This 'From' number has exceeded the maximum number of queued messages"),
    _error(21612, "The 'To' phone number is not reachable from this 'From' number"),
    _error(21614, "'To' number is not a valid mobile number"),
    _error(21660, "Mismatch between the 'From' number and the account"),
    _error(21703, "The Messaging Service does not have a phone number available to send a message"),
    _error(21617, "The concatenated message body exceeds the 1600 character limit"),
    _error(63038, "The account exceeded its daily messages limit", 429),
)
DELIVERY_ERRORS: dict[Code, str] = {
    30001: "Queue overflow", 30002: "Account suspended", 30003: "Unreachable destination handset",
    30004: "Message blocked", 30005: "Unknown destination handset", 30006: "Landline or unreachable carrier",
    30007: "Message filtered", 30008: "Unknown error", 30034: "Message from an unregistered number",
    30036: "Validity period expired",
}  # fmt: skip
TEST_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
TEST_TO = {
    "+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610, "+15005550009": 21614,
}  # fmt: skip
_NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_SENDER = re.compile(r"\+?\d{3,15}|[A-Za-z0-9 +_&-]{1,11}", re.ASCII)
_URL = re.compile(r"https?://([^\s/@]+@)?[A-Za-z0-9.-]+(:\d{1,5})?([/?#]\S*)?")
"""Twilio also refuses a host with an underscore."""
_LONGEST_BODY, _LONGEST_VALIDITY = 1600, 36_000


def fault(form: dict[str, str]) -> int | None:
    """The code of the first error in a form, in Twilio's order."""
    to, sender, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
    url, validity = form.get("StatusCallback"), form.get("ValidityPeriod") or "1"
    checks: list[tuple[int, bool]] = [
        (21604, not to),
        (21603, not sender and not form.get("MessagingServiceSid")),
        (21602, not body.strip()),
        (TEST_FROM.get(sender, 0), sender in TEST_FROM),
        (TEST_TO.get(to, 0), to in TEST_TO),
        (21211, not _NUMBER.fullmatch(to)),
        (21212, bool(sender) and not _SENDER.fullmatch(sender)),
        (21617, len(body) > _LONGEST_BODY),
        (21609, _URL.fullmatch(url or "http://none") is None),
        (20001, not re.fullmatch(r"[0-9]{1,9}", validity) or not 1 <= int(validity) <= _LONGEST_VALIDITY),
    ]
    return next((code for code, wrong in checks if wrong), None)
