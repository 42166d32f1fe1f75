"""The settings of authorizer: where keys are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerConfig:
    state_table: str
