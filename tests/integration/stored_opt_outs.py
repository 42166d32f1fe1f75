"""Opt-outs in the state table, on moto."""

from __future__ import annotations

from datetime import UTC, datetime

from sms_tracker.aws.api import Api
from sms_tracker.aws.opt_outs import OptOutStore
from sms_tracker.domain.ports import Clock
from sms_tracker.services.opt_outs import OptOutRegister
from tests.moto_client import json_client

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def opt_out_store(api: Api | None = None) -> OptOutStore:
    return OptOutStore(api or json_client("dynamodb"), state="state", messages="messages", key=lambda: b"k" * 32)


def register(api: Api | None = None, clock: Clock = lambda: NOON) -> OptOutRegister:
    return OptOutRegister(opt_outs=opt_out_store(api), clock=clock)
