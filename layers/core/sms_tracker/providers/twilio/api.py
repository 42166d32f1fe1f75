"""Twilio (Programmable Messaging, API 2010-04-01): the requests that send, look up and search, and their answers."""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus
from urllib.parse import urlencode

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import (
    Candidate,
    Fault,
    LookupFailed,
    NoSuchMessage,
    OutboundMessage,
    Refused,
    SearchCriteria,
    SendOutcome,
)
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Category, Failure, Reason
from sms_tracker.providers import answers, parsing
from sms_tracker.providers.base import Credentials, Listed
from sms_tracker.providers.twilio.codes import NOT_PROCESSED, Cause, cause_of, fault_of
from sms_tracker.providers.twilio.report import UNLISTED, meaning, record_report
from sms_tracker.providers.twilio.webhook import flaws, setting

API_URL = "https://api.twilio.com"
CALLBACK_RETRIES = "#rc=5&rp=all"
"""Connection overrides. Without them Twilio drops a callback after one 5xx or read time-out."""

LOOKUP = True

SENDERS = {
    **parsing.NUMBERS,
    "a messaging service (MG and 32 hexadecimal digits)": r"MG[0-9A-Fa-f]{32}",
    "at most 11 of A-Z a-z 0-9 + - _ & and inner spaces with at least one letter": (
        r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+_&-]([A-Za-z0-9 +_&-]{0,9}[A-Za-z0-9+_&-])?"
    ),
}
"""https://www.twilio.com/docs/messaging/api/alphasender-resource, and the format of a service's SID."""

VALIDITY = range(1, 36_001)
"""``ValidityPeriod``: https://www.twilio.com/docs/api/errors/90007."""
CATEGORIES: tuple[str, ...] = ()
PRICE = False
"""Only Twilio's own record has a price, after delivery."""
IDEMPOTENCY = None

NOT_FOUND = "20404"
_ALPHANUMERIC = 11
_ROOT = "/2010-04-01/"
_PAGE_SIZE = "200"
"""So that a page with long texts stays under the limit of a response."""
_TRIAL = "Sent from your Twilio trial account - "
"""Before the text of a trial account's message, in Twilio's list too."""


# --- sending


def send_request(message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:
    form = {
        "To": message.to,
        _sender_field(message.sender): message.sender,
        "Body": message.body,
        "StatusCallback": callback_url + CALLBACK_RETRIES,
    }
    if message.validity_seconds is not None:
        form["ValidityPeriod"] = str(message.validity_seconds)
    url, headers = _endpoint(credentials)
    headers["content-type"] = "application/x-www-form-urlencoded"
    return HttpRequest("POST", f"{url}/Messages.json", headers, urlencode(form, errors="replace").encode())


def send_outcome(result: HttpResponse | NoResponse) -> SendOutcome:
    return answers.send_outcome(result, accepted=_accepted, refused=_refused)


def _sender_field(sender: str) -> str:
    """A messaging service's id is longer than any alphanumeric sender, such as ``MGMT``."""
    return "MessagingServiceSid" if sender.startswith("MG") and len(sender) > _ALPHANUMERIC else "From"


def _accepted(response: HttpResponse) -> SendOutcome:
    answer = parsing.json_object(response.body)
    sid, word, updated = (parsing.text(answer.get(name)) for name in ("sid", "status", "date_updated"))
    code, text = (parsing.text(answer.get(name)) for name in ("error_code", "error_message"))
    return answers.accepted(sid, word, meaning(word or "", code, text), parsing.rfc2822(updated))


def _refused(response: HttpResponse) -> SendOutcome:
    """Reads both error formats: ``message``, or RFC 9457's ``detail`` and ``title``."""
    answer, code = parsing.json_object(response.body), _error_code(response)
    if code in NOT_PROCESSED or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return answers.not_processed(response, code, soon=NOT_PROCESSED.get(code or "", True))
    fault, (category, reason) = _blame(code or "", response)
    texts = (parsing.text(answer.get(key)) for key in ("message", "detail", "title"))
    message = parsing.masked(next(filter(None, texts), f"HTTP {response.status}"))
    return Refused(failure=Failure(category=category, reason=reason, code=code, message=message), fault=fault)


def _error_code(response: HttpResponse) -> str | None:
    return parsing.text(parsing.json_object(response.body).get("code"))


def _blame(code: str, response: HttpResponse) -> tuple[Fault, Cause]:
    """A listed code takes precedence over the HTTP status."""
    if cause := cause_of(code):
        return fault_of(code, cause[1]), cause
    if answers.is_about_message(response):
        return Fault.CALLER, UNLISTED
    return Fault.ACCOUNT, (Category.PERMANENT, Reason.ACCOUNT)


# --- looking up one message


def lookup_request(provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
    url, headers = _endpoint(credentials)
    return HttpRequest("GET", f"{url}/Messages/{parsing.path_part(provider_message_id)}.json", headers)


def lookup_outcome(result: HttpResponse | NoResponse, *, received_at: str) -> Report | NoSuchMessage | LookupFailed:
    """A 404 counts only with Twilio's own code: a wrong address answers 404 too."""
    if isinstance(result, HttpResponse) and (result.status, _error_code(result)) == (HTTPStatus.NOT_FOUND, NOT_FOUND):
        return NoSuchMessage()
    record = answers.json_answer(result)
    if isinstance(record, LookupFailed):
        return record
    report = record_report(record, received_at=received_at)
    return report or LookupFailed(reason="the answer has no message id or no status")


# --- searching the list for a send with a lost answer


def search_request(criteria: SearchCriteria, *, credentials: Credentials, page: str | None) -> HttpRequest:
    """By recipient, newest first. Not by sender: a messaging service's messages show the number that it chose.

    Not by ``DateSent``: a message that waits at Twilio has none.
    """
    url, headers = _endpoint(credentials)
    if page is not None:
        return HttpRequest("GET", url.partition(_ROOT)[0] + page, headers)
    query = {"To": criteria.to, "PageSize": _PAGE_SIZE}
    return HttpRequest("GET", f"{url}/Messages.json?{urlencode(query)}", headers)


def search_outcome(result: HttpResponse | NoResponse, *, criteria: SearchCriteria) -> Listed | LookupFailed:
    """All messages on the page. None is certain, because Twilio stores no reference of ours."""
    answer = answers.json_answer(result)
    if isinstance(answer, LookupFailed):
        return answer
    messages, following = answer.get("messages"), answer.get("next_page_uri", "missing")
    if not isinstance(messages, list) or not (following is None or _is_page(following)):
        return answers.NOT_A_LIST
    listed = [_candidate(each) for each in messages]
    candidates = tuple(each for each in listed if each is not None)
    if len(candidates) < len(listed):
        return answers.NOT_A_LIST
    is_last = following is None or answers.are_older([each.created for each in candidates], criteria)
    return Listed(candidates, None if is_last else str(following))


def _is_page(uri: object) -> bool:
    """Only a path on the same host, because our credentials are sent to it."""
    return isinstance(uri, str) and uri.startswith(_ROOT)


def _candidate(record: object) -> Candidate | None:
    if not isinstance(record, dict) or (sid := parsing.text(record.get("sid"))) is None:
        return None
    body = record.get("body")
    # Set if the request named a service, which then chose the number in ``from``.
    service = parsing.text(record.get("messaging_service_sid"))
    return Candidate(
        provider_message_id=sid,
        to=parsing.text(record.get("to")),
        sender=service or parsing.text(record.get("from")),
        text=body.removeprefix(_TRIAL) if isinstance(body, str) else None,
        created=parsing.rfc2822(parsing.text(record.get("date_created"))),
    )


# --- the account


def _endpoint(credentials: Credentials) -> tuple[str, dict[str, str]]:
    """The account's URL and the headers of every call. An API key is preferred, because it can be revoked alone."""
    account = setting(credentials, "account_sid")
    used = {"account_sid", "api_key_sid", "api_key_secret"}
    user, password = setting(credentials, "api_key_sid"), setting(credentials, "api_key_secret")
    if not (user and password):
        used = {"account_sid", "auth_token"}
        user, password = account, setting(credentials, "auth_token")
    lacking = [name for name, value in (("account_sid", account), ("auth_token", password)) if not value]
    if lacking:
        raise Misconfigured(f"twilio credentials lack {', '.join(lacking)}")
    if wrong := [f"{entry} {flaw}" for entry, flaw in flaws(credentials).items() if entry in used]:
        raise Misconfigured(f"twilio: {', '.join(wrong)}")
    base = setting(credentials, "api_url") or API_URL
    login = b64encode(f"{user}:{password}".encode()).decode()
    headers = {"accept": "application/json", "authorization": f"Basic {login}"}
    return f"{base.rstrip('/')}{_ROOT}Accounts/{parsing.path_part(account)}", headers
