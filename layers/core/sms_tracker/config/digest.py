"""The settings of digest: whom it tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestConfig:
    alerts_topic_arn: str
