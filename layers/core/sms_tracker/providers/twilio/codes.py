"""Twilio's error codes: the cause of each, and who must change something before the same request can succeed.

Source: Twilio's Error and Warning Dictionary (https://www.twilio.com/docs/api/errors), 20xxx, 21xxx, 30xxx, 63xxx
and 900xx. Codes of other products and of unused features (media, schedules, templates) are left out.
"""

from __future__ import annotations

from sms_tracker.domain.outbound import Fault
from sms_tracker.domain.status import Category, Reason

VALIDITY_EXPIRED = "30036"
"""The code that turns ``undelivered`` into our ``expired``."""

Cause = tuple[Category, Reason]

CODES: dict[str, Cause] = {
    "10001": (Category.PERMANENT, Reason.ACCOUNT),
    "10002": (Category.PERMANENT, Reason.ACCOUNT),
    "11100": (Category.PERMANENT, Reason.ACCOUNT),
    "14107": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "20003": (Category.PERMANENT, Reason.ACCOUNT),
    "20005": (Category.PERMANENT, Reason.ACCOUNT),
    "20006": (Category.PERMANENT, Reason.ACCOUNT),
    "20008": (Category.PERMANENT, Reason.ACCOUNT),
    "20010": (Category.PERMANENT, Reason.ACCOUNT),
    "20403": (Category.PERMANENT, Reason.ACCOUNT),
    "20404": (Category.PERMANENT, Reason.ACCOUNT),
    "20410": (Category.PERMANENT, Reason.ACCOUNT),
    "20429": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "21210": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21211": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21212": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21214": (Category.PERMANENT, Reason.UNREACHABLE),
    "21217": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21219": (Category.PERMANENT, Reason.ACCOUNT),
    "21264": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21265": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21266": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21267": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21268": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21401": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21402": (Category.PERMANENT, Reason.ACCOUNT),
    "21403": (Category.PERMANENT, Reason.ACCOUNT),
    "21407": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21408": (Category.PERMANENT, Reason.ACCOUNT),
    "21456": (Category.PERMANENT, Reason.ACCOUNT),
    "21470": (Category.PERMANENT, Reason.ACCOUNT),
    "21471": (Category.PERMANENT, Reason.ACCOUNT),
    "21472": (Category.PERMANENT, Reason.ACCOUNT),
    "21502": (Category.PERMANENT, Reason.ACCOUNT),
    "21601": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21602": (Category.PERMANENT, Reason.UNKNOWN),
    "21603": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21604": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "21605": (Category.PERMANENT, Reason.UNKNOWN),
    "21606": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21607": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21608": (Category.PERMANENT, Reason.ACCOUNT),
    "21609": (Category.PERMANENT, Reason.ACCOUNT),
    "21610": (Category.PERMANENT, Reason.OPTED_OUT),
    "21611": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "21612": (Category.PERMANENT, Reason.UNREACHABLE),
    "21613": (Category.PERMANENT, Reason.ACCOUNT),
    "21614": (Category.PERMANENT, Reason.LANDLINE),
    "21615": (Category.PERMANENT, Reason.ACCOUNT),
    "21616": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21617": (Category.PERMANENT, Reason.UNKNOWN),
    "21618": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "21619": (Category.PERMANENT, Reason.UNKNOWN),
    "21621": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21622": (Category.PERMANENT, Reason.ACCOUNT),
    "21624": (Category.PERMANENT, Reason.UNKNOWN),
    "21626": (Category.PERMANENT, Reason.ACCOUNT),
    "21635": (Category.PERMANENT, Reason.LANDLINE),
    "21653": (Category.PERMANENT, Reason.UNKNOWN),
    "21657": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21659": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21660": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21661": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21662": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21663": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21668": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21701": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21705": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "21730": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "21900": (Category.PERMANENT, Reason.ACCOUNT),
    "21901": (Category.PERMANENT, Reason.ACCOUNT),
    "21910": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30001": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30002": (Category.PERMANENT, Reason.ACCOUNT),
    "30003": (Category.TEMPORARY, Reason.UNREACHABLE),
    "30004": (Category.PERMANENT, Reason.BLOCKED),
    "30005": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "30006": (Category.PERMANENT, Reason.LANDLINE),
    "30007": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "30008": (Category.TEMPORARY, Reason.UNKNOWN),
    "30010": (Category.PERMANENT, Reason.ACCOUNT),
    "30012": (Category.PERMANENT, Reason.UNKNOWN),
    "30013": (Category.PERMANENT, Reason.UNKNOWN),
    "30014": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "30016": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30017": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30018": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30019": (Category.PERMANENT, Reason.UNKNOWN),
    "30020": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30021": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30022": (Category.TEMPORARY, Reason.ACCOUNT),
    "30023": (Category.TEMPORARY, Reason.ACCOUNT),
    "30024": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30027": (Category.TEMPORARY, Reason.ACCOUNT),
    "30032": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30033": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30034": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30035": (Category.TEMPORARY, Reason.SENDER_REJECTED),
    VALIDITY_EXPIRED: (Category.TEMPORARY, Reason.EXPIRED),
    "30037": (Category.PERMANENT, Reason.ACCOUNT),
    "30038": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "30039": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "30040": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30041": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30042": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30043": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30044": (Category.PERMANENT, Reason.ACCOUNT),
    "30045": (Category.PERMANENT, Reason.UNKNOWN),
    "30047": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30410": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30450": (Category.TEMPORARY, Reason.BLOCKED),
    "30453": (Category.TEMPORARY, Reason.BLOCKED),
    "30454": (Category.TEMPORARY, Reason.ACCOUNT),
    "30485": (Category.TEMPORARY, Reason.BLOCKED),
    "30500": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "30610": (Category.TEMPORARY, Reason.BLOCKED),
    "30615": (Category.TEMPORARY, Reason.BLOCKED),
    "30620": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "30630": (Category.PERMANENT, Reason.OPTED_OUT),
    "30640": (Category.PERMANENT, Reason.BLOCKED),
    "63001": (Category.PERMANENT, Reason.ACCOUNT),
    "63002": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "63003": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "63005": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "63006": (Category.PERMANENT, Reason.UNKNOWN),
    "63007": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "63008": (Category.PERMANENT, Reason.ACCOUNT),
    "63009": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "63010": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "63012": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "63013": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "63014": (Category.PERMANENT, Reason.BLOCKED),
    "63015": (Category.PERMANENT, Reason.ACCOUNT),
    "63017": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "63018": (Category.TEMPORARY, Reason.PROVIDER_ERROR),
    "63020": (Category.PERMANENT, Reason.ACCOUNT),
    "63021": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "63022": (Category.PERMANENT, Reason.ACCOUNT),
    "63024": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "63026": (Category.PERMANENT, Reason.CONTENT_FILTERED),
    "63031": (Category.PERMANENT, Reason.INVALID_RECIPIENT),
    "63033": (Category.PERMANENT, Reason.OPTED_OUT),
    "63035": (Category.PERMANENT, Reason.SENDER_REJECTED),
    "63036": (Category.TEMPORARY, Reason.UNREACHABLE),
    "63038": (Category.TEMPORARY, Reason.ACCOUNT),
    "63051": (Category.PERMANENT, Reason.ACCOUNT),
    "90007": (Category.PERMANENT, Reason.UNKNOWN),
    "90010": (Category.PERMANENT, Reason.ACCOUNT),
    "90014": (Category.PERMANENT, Reason.UNKNOWN),
}
"""Errors of requests and of deliveries: each code has one meaning."""

ACCOUNT_FAMILIES = (
    range(21628, 21652),
    range(21700, 21800),
    range(30100, 30141),
    range(30436, 30532),
    range(30700, 31000),
    range(63100, 63200),
)
"""Ranges of codes about services and registrations of the account. ``CODES`` has precedence."""

NOT_PROCESSED = {
    "20429": True,
    "21611": True,
    "21730": False,
    "30023": False,
    "30027": False,
    "30454": False,
    "63017": True,
    "63018": True,
    "63038": False,
}
"""Temporary refusals, and whether a retry within seconds may help: with a rate or a queue, not with a daily limit."""

RECIPIENT_CODES = frozenset({"21219", "21408", "21608", "63015"})
"""The account may not send to this recipient. The caller chose the recipient, so it is the caller's fault."""

OWN_SENDER_CODES = frozenset({"21701", "21705", "30018", "30024", "30032", "30033", "30034", "30035", "30040", "30041"})
"""Faults of our messaging service or a sender's registration: always the account's."""

_ACCOUNT: Cause = (Category.PERMANENT, Reason.ACCOUNT)
_CODE_LENGTH = 5


def cause_of(code: str | None) -> Cause | None:
    """The cause of a code; None if it is in no table."""
    if code is None or code in CODES:
        return CODES.get(code or "")
    is_number = len(code) == _CODE_LENGTH and code.isascii() and code.isdigit()
    return _ACCOUNT if is_number and any(int(code) in family for family in ACCOUNT_FAMILIES) else None


def fault_of(code: str, reason: Reason) -> Fault:
    """Who is at fault for a refusal with a listed code."""
    if code in OWN_SENDER_CODES:
        return Fault.ACCOUNT
    if reason is Reason.SENDER_REJECTED:
        return Fault.SENDER
    return Fault.ACCOUNT if reason is Reason.ACCOUNT and code not in RECIPIENT_CODES else Fault.CALLER
