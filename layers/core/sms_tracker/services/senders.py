"""Senders by country: an operator's document in the parameter store, and the sender of one message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from phonenumbers import SUPPORTED_REGIONS

from sms_tracker import providers
from sms_tracker.domain import countries
from sms_tracker.domain.errors import Misconfigured, NoSender
from sms_tracker.providers.parsing import unique_members
from sms_tracker.services.destinations import country
from sms_tracker.services.policy import sender_flaw

if TYPE_CHECKING:
    from sms_tracker.services.send_request import Draft

Senders = Mapping[str, Mapping[str, str]]
"""By provider, by country (ISO 3166) or ``*``: ``{"twilio": {"US": "+15551234567", "*": "MyShop"}}``."""
_SHOWN = 20


def read_senders(text: str) -> Senders:
    """The senders in a document; raises ``Misconfigured`` with its flaws, which show no sender."""
    try:
        document = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        raise Misconfigured("senders are not JSON, or have a name twice") from None
    if wrong := [*_flaws(document)]:
        raise Misconfigured(f"senders: {'; '.join(wrong[:_SHOWN])}")
    senders: Senders = document
    return senders


def _flaws(document: object) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "the document is no object"
        return
    for provider in sorted(document.keys() - providers.names()):
        yield f"{countries.shown(provider)} is no provider"
    for provider in sorted(document.keys() & set(providers.names())):
        yield from (f"{provider}: {flaw}" for flaw in _flaws_of(provider, document[provider]))


def _flaws_of(provider: str, listed: object) -> Iterator[str]:
    if not isinstance(listed, dict):
        yield "is no object of countries and senders"
        return
    if wrong := countries.code_advice(listed.keys() - {countries.ALL}, SUPPORTED_REGIONS):
        yield wrong
    adapter = providers.load(provider)
    for code in sorted(listed.keys() & {countries.ALL, *SUPPORTED_REGIONS}):
        sender = listed[code]
        if flaw := sender_flaw(sender, adapter) if isinstance(sender, str) else "is no text":
            yield f"{code} {flaw}"


def with_sender(message: Draft, senders: Senders, defaults: Mapping[str, str]) -> Draft:
    """``message`` with the operator's sender where it names none; raises ``NoSender``.

    The sender is that of the recipient's country, else that of ``*``, else the provider's default.
    """
    if not message.default_sender:
        return message
    listed, code = senders.get(message.provider, {}), None
    if listed.keys() - {countries.ALL}:
        code = country(message.to)
    sender = listed.get(code or "") or listed.get(countries.ALL) or defaults.get(message.provider)
    if not sender:
        raise NoSender(message.provider)
    return replace(message, sender=sender)
