"""Send checks: the providers' answers to test credentials, and one real message followed to its final status."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import httpx

from local import simulators
from local.simulators.base import Trial
from ops.accounts import documents, variables
from ops.smoke.target import NOBODY, Accounts, Checks, Outcome, Result, Target, check, skipped
from sms_tracker import providers
from sms_tracker.domain.callback import callback_url
from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.outbound import Accepted, OutboundMessage, Refused
from sms_tracker.domain.text import Encoding
from sms_tracker.provider_http import call
from sms_tracker.wiring import SignedHttp

_TEXT = "sms-tracker: a test after deployment"
_TIMEOUT = 20.0
_LOOK_EVERY = 2.0


TEST_ENTRIES: Mapping[str, Mapping[str, str]] = {
    name: variables(f"{name}_test", simulators.load(name).test_entries) for name in simulators.names()
}
"""The variables of the providers' test credentials, which send nothing."""


def with_test_credentials(target: Target, environment: Mapping[str, str]) -> Checks:
    """Send directly to the provider with the deployment's adapter and test credentials."""
    given = documents(environment, TEST_ENTRIES)
    for name in simulators.names():
        for trial in simulators.load(name).trials:
            label = f"{name} test send is {'taken' if trial.code is None else f'refused with {trial.code}'}"
            if name in given:
                yield _trial(label, name, trial, given[name], target.url)
            else:
                yield skipped(label, f"needs {', '.join(TEST_ENTRIES[name].values())}")


def _trial(label: str, name: str, trial: Trial, document: Mapping[str, str], url: str) -> Result:
    adapter = providers.load(name)
    message = OutboundMessage(
        message_id=NOBODY, attempt=1, to=trial.to, sender=trial.sender, body=_TEXT, encoding=Encoding.GSM_7, token=""
    )
    callback = callback_url(url, name, NOBODY, 1)
    try:
        request = adapter.send_request(message, credentials=document, callback_url=callback)
    except Misconfigured as error:
        return Result(label, Outcome.BROKEN, str(error))
    outcome = adapter.send_outcome(SignedHttp(call)(request, timeout=_TIMEOUT))
    match outcome:
        case Accepted():
            found = None
        case Refused(failure=failure):
            found = failure.code or "no code"
        case _:
            return Result(label, Outcome.BROKEN, outcome.reason)
    good = found == trial.code
    return Result(label, Outcome.OK if good else Outcome.BROKEN, found or "taken")


def followed(target: Target, accounts: Accounts, *, to: str, seconds: float) -> Checks:
    """Send a real message through every provider and wait for its delivery."""
    sent: dict[str, str] = {}
    for name in accounts.enabled or accounts.documents:
        body = {"to": to, "body": _TEXT, "provider": name}
        request = target.request("POST", "/messages", key=target.key, json=body)
        yield check(target, f"{name} send is accepted", request, partial(_accepted, sent, name))
    end = time.monotonic() + seconds
    for name, message_id in sent.items():
        yield _arrival(target, f"{name} send is delivered", message_id, end)


def _accepted(sent: dict[str, str], name: str, answer: httpx.Response) -> str | None:
    try:
        document = answer.json()
        if answer.status_code != HTTPStatus.ACCEPTED:
            wrong = [f"{each['field']} {each['message']}" for each in document.get("errors", [])]
            return "; ".join(wrong) or str(document["detail"])
        sent[name] = document["message_id"]
    except (ValueError, LookupError):
        return "not accepted"
    return None


def _arrival(target: Target, name: str, message_id: str, end: float) -> Result:
    record = _record(target, message_id)
    while not record.get("final") and time.monotonic() < end:
        time.sleep(_LOOK_EVERY)  # the API has no notifications
        record = _record(target, message_id)
    good = record.get("outcome") == "success"
    detail = f"{record.get('status', 'no record')}, {message_id}"
    return Result(name, Outcome.OK if good else Outcome.BROKEN, detail)


def _record(target: Target, message_id: str) -> dict[str, Any]:
    """The current record; empty if it cannot be read now."""
    try:
        answer = target.http.send(target.request("GET", f"/messages/{message_id}", key=target.key))
        return dict(answer.json()) if answer.is_success else {}
    except (httpx.HTTPError, ValueError):
        return {}
