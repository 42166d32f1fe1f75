"""A report: what a provider claims about one attempt of one message; its times, and the spellings of its recipient."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sms_tracker.domain.status import Outcome, Reason, Status, order

if TYPE_CHECKING:
    from sms_tracker.domain.cost import Price
    from sms_tracker.domain.status import Failure
_MILLISECOND = timedelta(milliseconds=1)


class Source(StrEnum):
    """Where a report came from."""

    CALLBACK = "callback"
    LOOKUP = "lookup"
    ANSWER = "answer"


REFUSED, NOT_SENT, OPTED_OUT, NO_REPORT = "refused", "not-sent", "opted-out", "no-final-report"
"""Our own status words: refused by the provider, never accepted, not sent because of an opt-out, given up."""
OWN_WORDS = {
    REFUSED: Status.FAILED,
    NOT_SENT: Status.FAILED,
    OPTED_OUT: Status.FAILED,
    NO_REPORT: Status.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One claim of a provider, or of this service (:data:`OWN_WORDS`).

    - ``word``: the provider's status word; ``status``: what it maps to, None if it changes nothing
    - ``recognised``: whether the provider's table has the word
    - ``occurred``: the provider's time, as :func:`timestamp` writes it, or raw if it cannot be read
    - ``recipient``: E.164, set only if it must equal the record's
    - ``price``: of the whole attempt, billed as ``segments`` segments
    - ``details``: the provider's further fields
    - ``test``: the provider's own test of our endpoint, about no message
    - ``set_aside``: why the report belongs to no record
    """

    provider: str
    word: str
    status: Status | None
    received: str
    provider_message_id: str | None = None
    recognised: bool = True
    code: str | None = None
    failure: Failure | None = None
    occurred: str | None = None
    attempt: int = 1
    source: Source = Source.CALLBACK
    recipient: str | None = None
    price: Price | None = None
    segments: int | None = None
    network: str | None = None
    details: Mapping[str, str] = field(default_factory=dict, repr=False)
    test: bool = False
    set_aside: str | None = None

    @property
    def order(self) -> int | None:
        """See :func:`sms_tracker.domain.status.order`; None for a report without a status."""
        return None if self.status is None else order(self.status, self.attempt)

    @property
    def is_failure(self) -> bool:
        """Whether the status is a failure."""
        return self.status is not None and self.status.outcome is Outcome.FAILURE

    @property
    def is_opt_out(self) -> bool:
        """Whether the provider refused the message because the recipient opted out."""
        return self.failure is not None and self.failure.reason is Reason.OPTED_OUT and self.word != OPTED_OUT

    @property
    def at(self) -> str:
        """When the claim became true: the provider's time if it can be read, else the time of receipt."""
        return self.occurred if self.occurred and is_timestamp(self.occurred) else self.received

    @property
    def lag(self) -> int | None:
        """Milliseconds from the provider's time to the receipt, negative if its clock is ahead.

        None if the provider's time is missing or cannot be read.
        """
        if self.occurred is None or not (is_timestamp(self.occurred) and is_timestamp(self.received)):
            return None
        return (datetime.fromisoformat(self.received) - datetime.fromisoformat(self.occurred)) // _MILLISECOND

    @property
    def fingerprint(self) -> str:
        """Equal for two deliveries of the same claim: 8 URL-safe characters (48 bits of SHA-256)."""
        return self.fingerprints[0]

    @property
    def fingerprints(self) -> tuple[str, str]:
        """The fingerprint, and its longer form (16 characters) in older items.

        A lookup's time is left out, so that two lookups with the same result are one claim.
        """
        occurred = None if self.source is Source.LOOKUP else self.occurred
        parts = (self.provider, str(self.attempt), self.provider_message_id, self.word, self.code, occurred)
        text = "\x1f".join("" if part is None else part for part in parts)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        longer = urlsafe_b64encode(digest[:12]).decode()
        return longer[:8], longer


MAX_VALUE = 256
"""Characters kept of any provider value."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def clean(value: str) -> str:
    """A provider's value, safe to store: without control characters, cut at 256 characters."""
    safe = value if value.isprintable() else _CONTROL.sub("", value.encode("utf-8", "replace").decode())
    return safe[:MAX_VALUE]


TIMESTAMP_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"
""":func:`timestamp` as a regular expression, for JSON Schema."""


def timestamp(moment: datetime) -> str:
    """An aware datetime as RFC 3339 in UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp_before(moment: str, milliseconds: int) -> str:
    """The timestamp so many milliseconds before ``moment``; raises ``ValueError`` or ``OverflowError``."""
    return timestamp(datetime.fromisoformat(moment) - milliseconds * _MILLISECOND)


_TIME = re.compile(
    "(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<minute>(?:[01][0-9]|2[0-3]):[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
    "(?P<zone>[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)?"
)
_BEFORE_LEAP = (23, 59)
"""Hour and minute (UTC) that may end in a leap second."""


def parse_time(text: str) -> datetime:
    """An RFC 3339 time in UTC; lower-case letters, and a space instead of ``T``, are accepted. Raises ``ValueError``.

    Seconds, zone (UTC) and the whole time (midnight) may be missing. A leap second is read as the second after it.
    """
    if not (found := _TIME.fullmatch(text)):
        raise ValueError("no RFC 3339 time")
    day, minute, second, fraction, zone = (part or "" for part in found.groups())
    leap = second == "60"
    plain = f"{day}T{minute or '00:00'}:{'59' if leap else second or '00'}.{fraction[:6]:0<6}{zone.upper() or 'Z'}"
    try:
        read = datetime.fromisoformat(plain).astimezone(UTC)
        if leap and (read.hour, read.minute) != _BEFORE_LEAP:
            raise ValueError("no leap second")
        return read + timedelta(seconds=leap)
    except OverflowError:
        raise ValueError("beyond the years 1 to 9999") from None


def is_timestamp(value: str) -> bool:
    """Whether :func:`timestamp` could have written it."""
    try:
        return timestamp(datetime.fromisoformat(value)) == value
    except (ValueError, OverflowError):
        return False


_OPTIONAL_DIGITS = (
    (r"\+52", "1", r"[2-9][0-9]{9}"),
    (r"\+54", "9", r"[1-3][0-9]{9}"),
    (r"\+55[1-9][1-9]", "9", r"[689][0-9]{7}"),
    (r"\+229", "01", r"[0-9]{8}"),
)
"""For each kind of number: the digits before the optional ones, the optional digits, the digits after them.

- Mexico: 1 marked mobiles until 2020; a national number has ten digits, none begins with 1 (Twilio's SMS guidelines).
- Argentina: 9 marks a mobile called from abroad; no other line has its ten digits (libphonenumber's FAQ).
- Brazil: Anatel put a 9 before every mobile of eight digits, 2012 to 2016. Old numbers that begin with 7 are trunked
  radio and stayed.
- Benin: 01 was put before every number on 30 November 2024 (ARCEP's numbering plan).

The short form never belongs to another subscriber.
"""


def spellings(number: str) -> tuple[str, ...]:
    """All spellings of an E.164 number. Two numbers are the same if one is a spelling of the other."""
    for before, optional, after in _OPTIONAL_DIGITS:
        if found := re.fullmatch(f"({before})(?:{optional})?({after})", number):
            return found[1] + found[2], found[1] + optional + found[2]
    return (number,)
