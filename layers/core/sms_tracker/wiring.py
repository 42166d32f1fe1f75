"""The composition that two functions share: a Sender from a deployment's settings."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from random import SystemRandom

from sms_tracker import provider_http
from sms_tracker.aws.api import Api
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.aws.store import MessageStore
from sms_tracker.config import TextRetention
from sms_tracker.config.send import SendConfig
from sms_tracker.domain.ports import CallFailed
from sms_tracker.services.provider_call import Pace
from sms_tracker.services.send import Rules, Sender
from sms_tracker.services.send_request import Policy

_FRACTION = SystemRandom().random
"""0 or more, less than 1. Python's own generator would repeat in each environment that a snapshot starts."""


def sender(config: SendConfig, *, dynamodb: Api, ssm: Api, failed: CallFailed) -> Sender:
    """Everything that sending needs; the clients bring the time-outs that the caller can afford."""
    return Sender(
        messages=MessageStore(
            dynamodb,
            config.messages_table,
            keep_raw_reports=config.keep_raw_reports,
            drop_text=config.text_retention is TextRetention.UNTIL_FINAL,
        ),
        settings=SsmSettings(
            ssm,
            config.settings_prefix,
            config.providers,
            jitter=_FRACTION,
        ),
        http=provider_http.call,
        clock=lambda: datetime.now(UTC),
        pace=Pace(monotonic=time.monotonic, sleep=time.sleep, fraction=_FRACTION),
        rules=_rules(config),
        failed=failed,
    )


def _rules(config: SendConfig) -> Rules:
    policy = Policy(
        providers=config.providers,
        default_provider=config.default_provider,
        senders=config.senders,
        countries=config.allowed_countries,
        keeps_text=config.text_retention is not TextRetention.NONE,
    )
    return Rules(
        policy=policy,
        stack=config.settings_prefix.removeprefix("/"),
        retention=timedelta(days=config.retention_days),
        claim=timedelta(seconds=config.claim_seconds),
    )
