"""What a provider's folder states for the local stack, its commands, the checks after a deployment, and the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Message, now
from local.simulators.scenario import Script, Step
from local.simulators.send_endpoint import Provider, World

Document = Mapping[str, str]
"""A provider's secret document, as `make secrets` stores it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A report to make: a ``word`` or ``word:code`` about a message, ``at`` a time if the report is to have one.

    ``message_id`` is ours and ``provider_id`` the provider's; the report goes to ``callback_url``.
    """

    word: str
    message_id: str
    provider_id: str
    callback_url: str
    to: str
    at: datetime | None = None

    @property
    def message(self) -> Message:
        """The message as its provider keeps it."""
        return Message(
            id=self.provider_id,
            to=self.to,
            sender="+15557654321",
            body="Your parcel is here",
            callback_url=self.callback_url,
            reference=self.message_id,
            script=Script(),
            step=Step.read(self.word),
            step_at=self.at or now(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How reports that come by webhook are signed.

    Attributes:
        sign: Makes a genuine report, signed from a secret document; it is acceptable for a day.
        entry: The signing secret in that document. During a rotation its successor is ``next_`` and the same name.
        successor: What a rotation brings in.
        rotated: The simulator's settings from then on.
        absent: The template's parameters for an account without the secret.
    """

    sign: Callable[[Document, Reported], Outgoing]
    entry: str
    successor: str
    rotated: Mapping[str, str]
    absent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trial:
    """One send with test credentials. ``code`` is the provider's refusal that must come, None for an acceptance."""

    sender: str
    to: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a deployed stack takes reports: the base URL of its webhooks, the local AWS, and the stack's outputs."""

    base_url: str
    aws_url: str
    outputs: Mapping[str, str]


def in_callback_url(entry: Mapping[str, Any]) -> str:
    """Our message id in a message of the books, from the query of its callback URL."""
    return str(httpx.URL(entry["callback_url"]).params["message_id"])


def in_each_message(_: Destination) -> Mapping[str, str]:
    """No settings: each request to send names the address of its reports."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedProvider:
    """One provider.

    Attributes:
        title: The name as people write it; the template's parameters of this provider begin with it.
        settings: The account's keys and the form of its reports: a dataclass of strings with defaults. Each is a flag
            of ``python -m local.simulators`` and a setting of the control calls.
        account: Makes the simulated account from such settings.
        credentials: The secret document of the default settings, for an API at that address.
        parameters: The template's parameters: the sender of a message that names none.
        courses: The provider's words for each course of reports, by the names that ``scenario.TABLE`` uses: words as
            ``Step.read`` takes them, or ``!code`` where the create call is refused. A code is a number or a word.
        statuses: Our status for each final ``word`` or, before that, ``word:code``; other words stand for themselves.
        dated: Whether a report carries the time of its event.
        signing: How reports are signed; None where they do not come by webhook.
        message_id: Finds our id in a message of the books.
        reports_to: The simulator's settings that name a stack as the receiver of all reports.
        test_entries: Entries of the secret document for credentials with which the provider sends nothing.
        trials: What `make smoke` sends with them.
    """

    title: str
    settings: type[Any]
    account: Callable[[Any, World], Provider]
    credentials: Callable[[str], dict[str, str]]
    parameters: Mapping[str, str]
    courses: Mapping[str, str]
    statuses: Mapping[str, str]
    dated: bool
    signing: Signing | None = None
    message_id: Callable[[Mapping[str, Any]], str] = in_callback_url
    reports_to: Callable[[Destination], Mapping[str, str]] = in_each_message
    test_entries: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()

    def status(self, word: str, code: int | str | None) -> str:
        """Our status for a message that ends with that word and code."""
        return self.statuses.get(f"{word}:{code}") or self.statuses.get(word, word)
