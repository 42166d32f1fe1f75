"""Compose the Sender that the functions send and reconciler share, with its signed HTTP, from their settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sms_tracker import provider_http
from sms_tracker.aws.api import Api
from sms_tracker.aws.json_client import Credentials, credentials, sign
from sms_tracker.aws.limits import CachedStops, LimitCounterStore, SendingStopStore
from sms_tracker.aws.messaging import SqsQueue
from sms_tracker.aws.opt_outs import OptOutStore
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.aws.store import MessageStore
from sms_tracker.config import SendConfig
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.operator_rules import read_limits
from sms_tracker.domain.ports import CallFailed, Http, Pace, SettingsSource
from sms_tracker.domain.settings import ScopeMode, TextRetention
from sms_tracker.jitter import fraction
from sms_tracker.services.limits import Limiter
from sms_tracker.services.policy import Policy, read_senders
from sms_tracker.services.provider_call import LiveOptOutCheck
from sms_tracker.services.send import Rules, Sender


def sender(config: SendConfig, *, dynamodb: Api, ssm: Api, sqs: Api, failed: CallFailed) -> Sender:
    """The Sender of live messages. Time-outs are those of the given clients."""
    optional = {"senders": read_senders, "limits": read_limits}
    settings = SsmSettings(ssm, config.settings_prefix, config.providers, jitter=fraction, optional=optional)
    counters = LimitCounterStore(dynamodb, config.state_table)
    return Sender(
        messages=MessageStore(
            dynamodb,
            config.messages_table,
            keep_raw_reports=config.keep_raw_reports,
            drop_text=config.text_retention is TextRetention.UNTIL_FINAL,
        ),
        settings=settings,
        http=SignedHttp(provider_http.call),
        clock=_now,
        pace=Pace(monotonic=time.monotonic, sleep=time.sleep, fraction=fraction),
        rules=_rules(config),
        opt_out_check=_opt_out_check(config, dynamodb, sqs, settings),
        stop_of=CachedStops(SendingStopStore(dynamodb, config.state_table)),
        limiter=Limiter(counters=counters, settings=settings, clock=_now),
        failed=failed,
    )


def sender_for_test_keys(live: Sender, config: SendConfig, *, ssm: Api, sqs: Api) -> Sender:
    """The Sender of test keys, without providers' secrets. The first test key's request loads its modules."""
    from sms_tracker.services import built_in  # noqa: PLC0415

    settings = SsmSettings(ssm, config.settings_prefix, (), jitter=fraction)
    return built_in.for_test_keys(live, settings=settings, reports=SqsQueue(sqs, config.reports_queue_url))


def _now() -> datetime:
    return datetime.now(UTC)


def _opt_out_check(config: SendConfig, dynamodb: Api, sqs: Api, settings: SettingsSource) -> LiveOptOutCheck | None:
    if config.opt_out_scope is ScopeMode.OFF:
        return None
    opt_outs = OptOutStore(
        dynamodb, state=config.state_table, messages=config.messages_table, key=lambda: settings().service_key
    )
    replies = SqsQueue(sqs, config.inbound_queue_url)
    return LiveOptOutCheck(opt_outs=opt_outs, mode=config.opt_out_scope, replies=replies, clock=_now)


def _rules(config: SendConfig) -> Rules:
    policy = Policy(
        providers=config.providers,
        default_provider=config.default_provider,
        senders=config.senders,
        allowed=config.allowed_countries,
        keeps_text=config.text_retention is not TextRetention.NONE,
    )
    return Rules(
        policy=policy,
        stack=config.settings_prefix.removeprefix("/"),
        retention=timedelta(days=config.retention_days),
        claim=timedelta(seconds=config.claim_seconds),
    )


@dataclass(frozen=True, slots=True)
class SignedHttp:
    """An :class:`sms_tracker.domain.ports.Http` that signs requests with ``sign_for``. ``now`` is epoch seconds."""

    http: Http
    credentials: Callable[[], Credentials] = credentials
    now: Callable[[], float] = time.time

    def __call__(self, request: HttpRequest, *, timeout: float) -> HttpResponse | NoResponse:
        """The response; without credentials ``NoResponse``, not written."""
        try:
            request = self._signed(request)
        except Unavailable as error:
            return NoResponse(written=False, reason=str(error))
        return self.http(request, timeout=timeout)

    def _signed(self, request: HttpRequest) -> HttpRequest:
        """The signed request, which must be a POST to ``/``."""
        if request.sign_for is None:
            return request
        region, service = request.sign_for
        headers = {**request.headers, "host": urlsplit(request.url).netloc}
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.now()))
        signed = sign(headers, request.body, self.credentials(), service=service, region=region, at=at)
        return replace(request, headers=signed)
