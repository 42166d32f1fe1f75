"""Twilio (Programmable Messaging): its credentials, its requests and its answers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlencode

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.failure import Category, Failure, Reason
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.matching import Sought
from sms_tracker.domain.outbound import (
    Accepted,
    Fault,
    LookupFailed,
    NoSuchMessage,
    NotProcessed,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
    SendOutcome,
)
from sms_tracker.domain.report import Report
from sms_tracker.domain.status import Status
from sms_tracker.providers import parsing
from sms_tracker.providers.base import Credentials, Listed
from sms_tracker.providers.twilio import report as twilio_report
from sms_tracker.providers.twilio import search as twilio_list
from sms_tracker.providers.twilio.webhook import TwilioWebhooks, setting

API_URL = "https://api.twilio.com"
ERROR_PAGES = "https://www.twilio.com/docs/api/errors"
CALLBACK_RETRIES = "#rc=5&rp=all"
"""Connection overrides: without them Twilio gives a callback up after one 5xx or read time-out."""

ACCOUNT_CODES = {"10001", "20003", "20404", "30002"}
"""Refusals that are about us and not about the message."""

ACCOUNT_STATUSES = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
"""What the status says where the code is missing or not listed; every other 4xx is the caller's."""

NOT_PROCESSED = {"20429": True, "21611": True, "63038": False}
"""Refusals for now, and whether seconds may help: the last is a limit for a day."""

NOT_FOUND = "20404"
_ALPHANUMERIC = 11


class Twilio(TwilioWebhooks):
    """Programmable Messaging, API version 2010-04-01."""

    def report(self, fields: Mapping[str, str], *, received_at: str) -> Report:
        """See :func:`sms_tracker.providers.twilio.report.read`."""
        return twilio_report.read(fields, provider=self.name, received_at=received_at)

    def status(self, word: str, code: str | None) -> Status | None:
        return twilio_report.status_of(word, code)

    def knows(self, word: str) -> bool:
        return word in twilio_report.STATUSES

    def page(self, code: str, status: Status) -> str | None:  # noqa: ARG002  # each number has one meaning
        return f"{ERROR_PAGES}/{code}" if code.isascii() and code.isdigit() else None

    def meaning(self, word: str, code: str | None, text: str | None) -> tuple[Status | None, Failure | None]:
        fields = {"MessageStatus": word, "ErrorCode": code or "", "ErrorMessage": text or ""}
        report = self.report(fields, received_at="")
        return report.status, report.failure

    def send_request(self, message: OutboundMessage, *, credentials: Credentials, callback_url: str) -> HttpRequest:
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

    def send_outcome(self, result: HttpResponse | NoResponse) -> SendOutcome:
        """A 3xx counts as unknown: no page of Twilio's promises that the request behind it was not carried out."""
        if isinstance(result, NoResponse):
            return OutcomeUnknown(reason=result.reason) if result.written else NotProcessed(reason=result.reason)
        if HTTPStatus.OK <= result.status < HTTPStatus.MULTIPLE_CHOICES:
            return _accepted(parsing.json_object(result.body))
        is_refusal = HTTPStatus.BAD_REQUEST <= result.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if is_refusal and result.status != HTTPStatus.REQUEST_TIMEOUT:
            return _declined(result, parsing.json_object(result.body))
        return OutcomeUnknown(reason=f"HTTP {result.status}")

    def lookup_request(self, provider_message_id: str, *, credentials: Credentials) -> HttpRequest:
        url, headers = _endpoint(credentials)
        return HttpRequest("GET", f"{url}/Messages/{_path_part(provider_message_id)}.json", headers)

    def search_request(self, sought: Sought, *, credentials: Credentials, page: str | None) -> HttpRequest:
        url, headers = _endpoint(credentials)
        if page is not None:
            return HttpRequest("GET", url.partition("/2010-04-01/")[0] + page, headers)
        return HttpRequest("GET", f"{url}/Messages.json?{twilio_list.query(sought)}", headers)

    def search_outcome(self, result: HttpResponse | NoResponse, *, sought: Sought) -> Listed | LookupFailed:  # noqa: ARG002 - the query has chosen
        if isinstance(result, NoResponse):
            return LookupFailed(reason=result.reason)
        if result.status != HTTPStatus.OK:
            return LookupFailed(reason=f"HTTP {result.status}", retry_after=parsing.seconds(result.headers))
        return twilio_list.read(parsing.json_object(result.body))

    def lookup_outcome(
        self, result: HttpResponse | NoResponse, *, received_at: str
    ) -> Report | NoSuchMessage | LookupFailed:
        """A 404 counts only with Twilio's own code: a wrong address answers 404 too."""
        if isinstance(result, NoResponse):
            return LookupFailed(reason=result.reason)
        answer = parsing.json_object(result.body)
        if result.status == HTTPStatus.NOT_FOUND and parsing.text(answer.get("code")) == NOT_FOUND:
            return NoSuchMessage()
        if result.status != HTTPStatus.OK:
            return LookupFailed(reason=f"HTTP {result.status}", retry_after=parsing.seconds(result.headers))
        report = twilio_report.read_record(answer, provider=self.name, received_at=received_at)
        return report or LookupFailed(reason="the answer names no message or no status")


def _endpoint(credentials: Credentials) -> tuple[str, dict[str, str]]:
    """The account's URL and the headers of every call. An API key is preferred: it can be revoked on its own."""
    account = setting(credentials, "account_sid")
    user, password = setting(credentials, "api_key_sid"), setting(credentials, "api_key_secret")
    if not (user and password):
        user, password = account, setting(credentials, "auth_token")
    lacking = [name for name, value in (("account_sid", account), ("auth_token", password)) if not value]
    if lacking:
        raise Misconfigured(f"twilio credentials lack {', '.join(lacking)}")
    base = setting(credentials, "api_url") or API_URL
    login = b64encode(f"{user}:{password}".encode()).decode()
    headers = {"accept": "application/json", "authorization": f"Basic {login}"}
    return f"{base.rstrip('/')}/2010-04-01/Accounts/{_path_part(account)}", headers


def _path_part(value: str) -> str:
    """One segment of a path; dots are escaped too, so that none is ``..``."""
    return quote(value, safe="", errors="replace").replace(".", "%2E")


def _sender_field(sender: str) -> str:
    """A messaging service's id is longer than any alphanumeric sender: ``MGMT`` is a name."""
    return "MessagingServiceSid" if sender.startswith("MG") and len(sender) > _ALPHANUMERIC else "From"


def _accepted(answer: Mapping[str, object]) -> Accepted | OutcomeUnknown:
    """An id is an acceptance, even where Twilio knows at once that the message failed and says why."""
    sid = parsing.text(answer.get("sid"))
    if sid is None:
        return OutcomeUnknown(reason="success without a message id")
    word = parsing.text(answer.get("status"))
    code, text = (parsing.text(answer.get(name)) for name in ("error_code", "error_message"))
    status, failure = ADAPTER.meaning(word or "", code, text)
    return Accepted(
        provider_message_id=sid,
        word=word or "accepted",
        status=status or Status.ACCEPTED,
        failure=failure,
        occurred=parsing.rfc2822(parsing.text(answer.get("date_updated"))),
        warning=None if status else "the answer has no known status of an outbound message",
    )


def _declined(result: HttpResponse, answer: Mapping[str, object]) -> Refused | NotProcessed:
    """Both shapes of error: ``message``, or RFC 9457's ``detail`` and ``title``. A listed code outranks the status."""
    code, reason = parsing.text(answer.get("code")), f"HTTP {result.status}"
    if code in NOT_PROCESSED or result.status == HTTPStatus.TOO_MANY_REQUESTS:
        retry_after = parsing.seconds(result.headers)
        return NotProcessed(reason=reason, code=code, retry_after=retry_after, soon=NOT_PROCESSED.get(code or "", True))
    fault, (category, cause) = _blame(code or "", result.status)
    says = (parsing.text(answer.get(key)) for key in ("message", "detail", "title"))
    message = parsing.masked(next(filter(None, says), reason))
    return Refused(failure=Failure(category=category, reason=cause, code=code, message=message), fault=fault)


def _blame(code: str, status: int) -> tuple[Fault, twilio_report.Cause]:
    if code in twilio_report.CODES:
        return Fault.ACCOUNT if code in ACCOUNT_CODES else Fault.CALLER, twilio_report.CODES[code]
    if status in ACCOUNT_STATUSES:
        return Fault.ACCOUNT, (Category.PERMANENT, Reason.ACCOUNT)
    return Fault.CALLER, twilio_report.UNLISTED


ADAPTER = Twilio()
