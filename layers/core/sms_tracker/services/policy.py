"""The deployment's rules for sending, what the chosen provider accepts, and the senders by country."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phonenumbers import SUPPORTED_REGIONS

from sms_tracker import providers
from sms_tracker.domain.errors import Misconfigured
from sms_tracker.domain.http import unique_members
from sms_tracker.domain.operator_rules import EVERY_COUNTRY, code_flaws, shown

if TYPE_CHECKING:
    from pydantic import ValidationInfo

    from sms_tracker.domain.operator_rules import Destinations
    from sms_tracker.providers.base import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The deployment's rules. ``senders`` are the providers' defaults; ``allowed`` are the allowed destinations.

    ``keeps_text``: TextRetention is not none. ``test``: the rules of test keys.
    """

    providers: tuple[str, ...]
    default_provider: str
    senders: Mapping[str, str]
    allowed: Destinations
    keeps_text: bool = False
    test: bool = False


# --- Validators of pydantic for POST /messages. Each raises ``ValueError`` with the end of a sentence.


def check_provider(name: str | None, info: ValidationInfo[Policy]) -> str | None:
    """The provider must be enabled."""
    if name is not None and name not in info.context.providers:
        known = ", ".join(info.context.providers)
        if info.context.test:
            raise ValueError(f"must be {known} or absent: a test key reaches no other")
        needs_test_key = f"; {name} needs a test key" if name == providers.BUILT_IN else ""
        raise ValueError(f"must be one of: {known}{needs_test_key}")
    return name


def check_sender(value: str | None, info: ValidationInfo[Policy]) -> str | None:
    """The sender must have a form that the provider takes; None is the operator's sender."""
    if value is not None and (chosen := _chosen(info)) and (wrong := sender_flaw(value, chosen)):
        raise ValueError(wrong)
    return value


def sender_flaw(value: str, provider: Provider) -> str | None:
    """Why ``provider`` does not take the sender, as the end of a sentence; None if it does."""
    if any(re.fullmatch(form, value) for form in provider.SENDERS.values()):
        return None
    return f"is not a sender for {provider.name}, which takes {_either(provider.SENDERS)}"


def check_validity(seconds: int | None, info: ValidationInfo[Policy]) -> int | None:
    """The seconds must be in the provider's range."""
    if seconds is None or (chosen := _chosen(info)) is None:
        return seconds
    if chosen.VALIDITY is None:
        raise ValueError(f"is not possible with {chosen.name}, which takes no validity")
    if seconds not in chosen.VALIDITY:
        raise ValueError(f"is out of range for {chosen.name}, which takes {_span(chosen.VALIDITY)} seconds")
    return seconds


def check_category(word: str | None, info: ValidationInfo[Policy]) -> str | None:
    """The category must be one of the provider's."""
    if word is None or (chosen := _chosen(info)) is None:
        return word
    if not chosen.CATEGORIES:
        raise ValueError(f"is not possible with {chosen.name}, which has no categories")
    if word not in chosen.CATEGORIES:
        raise ValueError(f"is not a category of {chosen.name}, which takes {_either(chosen.CATEGORIES)}")
    return word


def check_resend(wanted: bool, info: ValidationInfo[Policy]) -> bool:  # noqa: FBT001  # as pydantic calls it
    """True requires stored texts, and a provider that can be searched for a lost message."""
    if wanted and not info.context.keeps_text:
        raise ValueError("needs a stored text, which TextRetention=none forbids here")
    if wanted and (chosen := _chosen(info)) and not chosen.LOOKUP:
        raise ValueError(f"is not possible with {chosen.name}, which cannot be searched for a lost message")
    return wanted


def _chosen(info: ValidationInfo[Policy]) -> Provider | None:
    """The request's provider, else the default; None if the request names a wrong one, which is then the only error."""
    if "provider" not in info.data:
        return None
    return providers.load(info.data["provider"] or info.context.default_provider)


# --- The same rules in the API document. They are functions, so that only the document loads every adapter.


def add_sender_pattern(schema: dict[str, Any]) -> None:
    """The forms of all providers."""
    forms = {form: None for adapter in _adapters() for form in adapter.SENDERS.values()}
    schema["pattern"] = f"^({'|'.join(forms)})$"


def add_sender_description(schema: dict[str, Any]) -> None:
    """The forms by provider."""
    rules = (f"{adapter.name} takes {_either(adapter.SENDERS)}" for adapter in _adapters())
    schema["description"] = f"Sender; if absent, the deployment's for the recipient's country. {'. '.join(rules)}"


def add_validity_range(schema: dict[str, Any]) -> None:
    """The widest range; the description has each provider's."""
    taken = [adapter.VALIDITY for adapter in _adapters() if adapter.VALIDITY]
    schema |= {"minimum": min(span[0] for span in taken), "maximum": max(span[-1] for span in taken)}


def add_validity_description(schema: dict[str, Any]) -> None:
    """The range by provider."""
    rules = (
        f"{adapter.name} takes {_span(adapter.VALIDITY) if adapter.VALIDITY else 'none'}" for adapter in _adapters()
    )
    schema["description"] = f"Seconds for which the provider keeps trying; its default if absent. {', '.join(rules)}"


def add_categories(schema: dict[str, Any]) -> None:
    """The categories of all providers."""
    schema["enum"] = list({word: None for adapter in _adapters() for word in adapter.CATEGORIES})


def add_category_description(schema: dict[str, Any]) -> None:
    """The providers that have categories."""
    takers = ", ".join(adapter.name for adapter in _adapters() if adapter.CATEGORIES)
    schema["description"] = f"Why the message is sent; only with {takers}. Required where the deployment sets none"


def add_resend_description(schema: dict[str, Any]) -> None:
    """The providers that can be searched."""
    searched = ", ".join(adapter.name for adapter in _adapters() if adapter.LOOKUP)
    repeated = ", ".join(adapter.name for adapter in _adapters() if adapter.IDEMPOTENCY)
    schema["description"] = (
        "Send again if the provider's answer was lost and the provider has no such message: may arrive twice. Only "
        f"where the deployment keeps texts (`TextRetention`), and with {searched}. At {repeated} the same request is "
        "repeated under its idempotency key, at most an hour after the first"
    )


def _adapters() -> Iterable[Provider]:
    return map(providers.load, providers.names())


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)}, or {last}"


def _span(seconds: range) -> str:
    return f"{seconds[0]} to {seconds[-1]}"


# --- The senders by country: a document in Parameter Store.

Senders = Mapping[str, Mapping[str, str]]
"""By provider, by country (ISO 3166) or ``*``: ``{"twilio": {"US": "+15551234567", "*": "MyShop"}}``."""
_MAX_FLAWS = 20
"""Flaws in one error."""


def read_senders(text: str) -> Senders:
    """The senders in a document; raises ``Misconfigured`` with its flaws, without any sender."""
    try:
        document = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        raise Misconfigured("senders are not JSON, or have a name twice") from None
    if wrong := [*_document_flaws(document)]:
        raise Misconfigured(f"senders: {'; '.join(wrong[:_MAX_FLAWS])}")
    senders: Senders = document
    return senders


def _document_flaws(document: object) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "the document is no object"
        return
    for provider in sorted(document.keys() - providers.names()):
        yield f"{shown(provider)} is no provider"
    for provider in sorted(document.keys() & set(providers.names())):
        yield from (f"{provider}: {flaw}" for flaw in _provider_flaws(provider, document[provider]))


def _provider_flaws(provider: str, listed: object) -> Iterator[str]:
    if not isinstance(listed, dict):
        yield "is no object of countries and senders"
        return
    if wrong := code_flaws(listed.keys() - {EVERY_COUNTRY}, SUPPORTED_REGIONS):
        yield wrong
    adapter = providers.load(provider)
    for code in sorted(listed.keys() & {EVERY_COUNTRY, *SUPPORTED_REGIONS}):
        sender = listed[code]
        if flaw := sender_flaw(sender, adapter) if isinstance(sender, str) else "is no text":
            yield f"{code} {flaw}"
