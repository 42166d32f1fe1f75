"""The limits as an operator writes them: one JSON document in Parameter Store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import unique_members
from sms_tracker.domain.limits import ClientLimits, Outage, Quota, SendLimits

_MAX_COUNT = 1_000_000_000
_QUOTAS = ("client", "country", "new_countries")
_CLIENT_FIELDS = (*_QUOTAS, "approved")
_SHARED_QUOTAS = ("range", "recipient")
_FIELDS = frozenset({"daily_cap", "clients", "outage", "allowance", *_CLIENT_FIELDS, *_SHARED_QUOTAS})
_DEFAULT_ALLOWANCE = 100
_COUNTRY = re.compile("[A-Z]{2}")


def read_limits(text: str) -> SendLimits:
    """The limits in a document; raises ``Misconfigured`` with every flaw."""
    try:
        document = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        raise Misconfigured("limits are not JSON, or have a name twice") from None
    if wrong := [*flaws(document)]:
        raise Misconfigured(f"limits: {'; '.join(wrong)}")
    defaults = _of_client(document, ClientLimits())
    return SendLimits(
        daily_cap=document["daily_cap"],
        defaults=defaults,
        clients={name: _of_client(own, defaults) for name, own in document.get("clients", {}).items()},
        number_range=Quota(**document.get("range", {})),
        recipient=Quota(**document.get("recipient", {})),
        outage=Outage(document.get("outage", Outage.OPEN)),
        allowance=document.get("allowance", _DEFAULT_ALLOWANCE),
    )


def _of_client(document: Mapping[str, Any], defaults: ClientLimits) -> ClientLimits:
    """A client's limits. ``defaults`` fill in what its document leaves out, and add their approvals."""
    quotas = {name: Quota(**document[name]) if name in document else getattr(defaults, name) for name in _QUOTAS}
    approved = {country: Quota(**quota) for country, quota in document.get("approved", {}).items()}
    return ClientLimits(**quotas, approved={**defaults.approved, **approved})


def flaws(document: object) -> Iterator[str]:
    """What is wrong with a decoded document, one sentence each."""
    if not isinstance(document, dict):
        yield "the document is no object"
        return
    yield from _unknown(document, _FIELDS, "")
    if "daily_cap" not in document:
        yield "daily_cap is missing"
    for name in ("daily_cap", "allowance"):
        if name in document and not _is_count(document[name]):
            yield f"{name} is no whole number from 0 to {_MAX_COUNT}"
    if document.get("outage", "open") not in [*Outage]:
        yield f"outage is none of {', '.join(Outage)}"
    for name in _SHARED_QUOTAS:
        yield from _flaws_of_quota(document.get(name, {}), name)
    yield from _flaws_of_client(document, "")
    clients = document.get("clients", {})
    if not isinstance(clients, dict):
        yield "clients is no object"
        return
    for name, own in clients.items():
        if not isinstance(own, dict):
            yield f"clients.{name} is no object"
            continue
        yield from _unknown(own, frozenset(_CLIENT_FIELDS), f"clients.{name}.")
        yield from _flaws_of_client(own, f"clients.{name}.")


def _flaws_of_client(document: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in _QUOTAS:
        yield from _flaws_of_quota(document.get(name, {}), f"{path}{name}")
    approved = document.get("approved", {})
    if not isinstance(approved, dict):
        yield f"{path}approved is no object"
        return
    for country, quota in approved.items():
        if not _COUNTRY.fullmatch(country):
            yield f"{path}approved.{country} is no ISO 3166 code"
        yield from _flaws_of_quota(quota, f"{path}approved.{country}")


def _flaws_of_quota(quota: object, path: str) -> Iterator[str]:
    if not isinstance(quota, dict):
        yield f"{path} is no object"
        return
    yield from _unknown(quota, frozenset({"hour", "day"}), f"{path}.")
    for name in ("hour", "day"):
        if name in quota and not _is_count(quota[name]):
            yield f"{path}.{name} is no whole number from 0 to {_MAX_COUNT}"


def _unknown(given: Mapping[str, Any], known: frozenset[str], path: str) -> Iterator[str]:
    for name in sorted(given.keys() - known):
        yield f"{path}{name} is no setting"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT
