"""The deployment's provider accounts, read from the stack, or from .env and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ops.accounts import documents
from ops.stack import Stack
from sms_tracker.aws.clients import api
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.config import WebhookConfig, load
from sms_tracker.domain.callback import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Each enabled provider's secret document; ``enabled`` is None if unknown.

    ``tokens`` are the providers with our own token in their callbacks, made with ``service_key``.
    """

    documents: Mapping[str, Mapping[str, str]] = field(repr=False)
    enabled: tuple[str, ...] | None = None
    tokens: frozenset[str] = frozenset()
    service_key: bytes = field(default=b"", repr=False)


def from_stack(stack: Stack, url: str) -> Accounts:
    """The functions' accounts; raises ``ValueError`` if ``url`` is not an address of the stack."""
    config = load(WebhookConfig, stack.variables("webhook"))
    settings = SsmSettings(api("ssm"), config.settings_prefix, config.providers, jitter=lambda: 0.0)()
    if url not in settings.public_base_urls:
        raise ValueError(f"stack {stack.name} is at {', '.join(settings.public_base_urls)}")
    return Accounts(
        documents=settings.credentials,
        enabled=config.providers,
        tokens=frozenset(name for name, mode in config.verification.items() if mode is Verification.TOKEN),
        service_key=settings.service_key,
    )


def from_environment(environment: Mapping[str, str]) -> Accounts:
    """The accounts that `make secrets` would write."""
    return Accounts(documents=documents(environment))
