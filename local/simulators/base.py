"""The description of a simulated provider, used by the local stack, the commands, the smoke checks and the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from local.simulators.callback_sender import Outgoing
from local.simulators.ledger import Message, now
from local.simulators.scenario import Script, Step
from local.simulators.send_endpoint import Backend, Provider

Document = Mapping[str, str]
"""A provider's secret document, as `make secrets` stores it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A report to make: a ``word`` or ``word:code`` about a message, with the time ``at`` if given.

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
        """The message as the provider stores it."""
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
    """How a provider signs the reports that it sends by webhook.

    Attributes:
        sign: Makes a report signed with a secret document, valid for a day.
        entry: The signing secret in that document. During a rotation the next secret is ``next_`` plus that name.
        successor: The next secret of a rotation.
        rotated: The simulator's settings after the rotation.
        absent: The template's parameters for an account without the secret.
    """

    sign: Callable[[Document, Reported], Outgoing]
    entry: str
    successor: str
    rotated: Mapping[str, str]
    absent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trial:
    """One send with test credentials. ``code`` is the expected refusal, None if the provider must accept."""

    sender: str
    to: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """A deployed stack that receives reports: the base URL of its webhooks, the local AWS, the stack's outputs."""

    base_url: str
    aws_url: str
    outputs: Mapping[str, str]


def in_callback_url(entry: Mapping[str, Any]) -> str:
    """Our message id in a ledger entry, from the query of its callback URL."""
    return str(httpx.URL(entry["callback_url"]).params["message_id"])


def in_each_message(_: Destination) -> Mapping[str, str]:
    """No settings: each request to send carries the address of its reports."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedProvider:
    """One provider.

    Attributes:
        title: The name for people; the template's parameters of this provider begin with it.
        settings: The account's keys and the form of its reports: a dataclass of strings with defaults. Each is a flag
            of ``python -m local.simulators`` and a setting of the control calls.
        account: Makes the simulated account from the settings.
        credentials: The secret document of the default settings, for an API at that address.
        parameters: The template's parameters: the sender of a message that names none.
        courses: The provider's words for each course of reports, by the names that ``scenario.TABLE`` uses: words as
            ``Step.read`` takes them, or ``!code`` where the create call is refused. A code is a number or a word.
        statuses: Our status for each final ``word:code``, or else ``word``; any other word is our status itself.
        dated: Whether a report carries the time of its event.
        readable: Whether its API returns messages, so that a lost report can be looked up.
        signing: How reports are signed; None where they do not come by webhook.
        message_id: Finds our id in a ledger entry.
        reports_to: The simulator's settings for a stack that receives replies, and all reports that name no address.
        test_entries: Entries of the secret document for test credentials, which send nothing.
        trials: The sends of `make smoke` with them.
        sdk: A Python program that sends through the provider's official SDK to that address and prints the message id.
    """

    title: str
    settings: type[Any]
    account: Callable[[Any, Backend], Provider]
    credentials: Callable[[str], dict[str, str]]
    parameters: Mapping[str, str]
    courses: Mapping[str, str]
    statuses: Mapping[str, str]
    dated: bool
    readable: bool = True
    signing: Signing | None = None
    message_id: Callable[[Mapping[str, Any]], str] = in_callback_url
    reports_to: Callable[[Destination], Mapping[str, str]] = in_each_message
    test_entries: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    sdk: Callable[[str], str] | None = None

    def status(self, word: str, code: int | str | None) -> str:
        """Our status for a message with that final word and code."""
        return self.statuses.get(f"{word}:{code}") or self.statuses.get(word, word)
