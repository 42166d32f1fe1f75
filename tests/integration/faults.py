"""AWS on moto with a fault at one call: refused, throttled, out of reach, its reply lost, or the process killed.

A fault is put between a client and AWS, so that the client's own retries are what they are in production.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from sms_tracker.aws.api import Api
from sms_tracker.aws.clients import calling, client
from sms_tracker.aws.connections import Answer, Endpoint, TryFailed
from sms_tracker.aws.json_client import Credentials, JsonClient
from sms_tracker.aws.messaging import EventBus, SqsQueue
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.aws.store import MessageStore
from tests.fakes import BASE_URL, MESSAGEBIRD, SERVICE_KEY, TWILIO, FakeClock
from tests.moto_client import ask
from tests.tables import create

PREFIX = "/sms-tracker"
ARN = "arn:aws:sqs:eu-west-1:123456789012:"
CREDENTIALS = Credentials("test", "test")
T = TypeVar("T")


class Killed(BaseException):
    """The process ends here; no ``except`` of ours or of the SDK's may see it."""


class Fault(StrEnum):
    """What goes wrong at a call. Those marked * are the same for each of the SDK's retries."""

    REFUSED = "refused"  # access denied, which the SDK does not retry
    REJECTED = "rejected"  # AWS will never take this call, nor does the SDK retry it
    THROTTLED = "throttled"  # *
    THROTTLED_ONCE = "throttled-once"
    BROKEN = "broken"  # * 500
    UNREACHED = "unreached"  # * the connection times out
    LOST = "lost"  # * applied, and the reply is lost
    LOST_ONCE = "lost-once"
    OUTAGE = "outage"  # unreached, and so is every later call
    DEAF = "deaf"  # lost, and so is every later reply
    KILLED_BEFORE = "killed-before"
    KILLED_AFTER = "killed-after"  # applied, and the process ends before it knows


TEMPORARY = tuple(fault for fault in Fault if fault is not Fault.REJECTED)
DISTINCT = tuple(fault for fault in TEMPORARY if fault not in {Fault.THROTTLED_ONCE, Fault.BROKEN, Fault.UNREACHED})
"""Those that a caller of our storage and queues can tell apart; the others are shown where there are few calls."""
_ERRORS = {
    Fault.REFUSED: (400, "AccessDeniedException"),
    Fault.REJECTED: (400, "ValidationException"),
    Fault.THROTTLED: (400, "ThrottlingException"),
    Fault.THROTTLED_ONCE: (400, "ThrottlingException"),
    Fault.BROKEN: (500, "InternalServerError"),
}
_ONCE = {Fault.THROTTLED_ONCE, Fault.LOST_ONCE}
_UNREACHED = {Fault.UNREACHED, Fault.OUTAGE}
_LOST = {Fault.LOST, Fault.LOST_ONCE, Fault.DEAF}
_FROM_THEN_ON = {Fault.OUTAGE, Fault.DEAF}


@dataclass
class Wire:
    """The way to AWS of one run: counts its calls, and spoils the one at index ``at``."""

    fault: Fault | None = None
    at: int = 0
    boto: bool = False
    calls: list[str] = field(default_factory=list)
    _tries: int = 0
    _clients: dict[str, Any] = field(default_factory=dict)

    def api(self, service: str) -> Api:
        """The service as the functions on the path of a report call it, or with ``boto`` as the others do."""
        if self.boto or service not in {"dynamodb", "sqs", "ssm"}:
            return calling(self.client(service))
        endpoint = Endpoint("eu-west-1", "aws", 443)
        made = JsonClient(service, endpoint, self._post, credentials=lambda: CREDENTIALS, sleep=lambda _: None)

        def call(operation: str, **arguments: Any) -> dict[str, Any]:
            self._called(operation)
            return made(operation, **arguments)

        return call

    def client(self, service: str) -> Any:
        """A boto3 client as the functions make it, with this wire between it and moto; one per service."""
        if service not in self._clients:
            made = client(service)
            made.meta.events.unregister("before-send", botocore_stubber)
            made.meta.events.register("before-call", self._begin)
            made.meta.events.register("before-send", self._send)
            self._clients[service] = made
        return self._clients[service]

    def _begin(self, model: Any, **_: object) -> None:
        self._called(model.name)

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        self._tries = 0

    def _post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """A try of the small client."""
        return self._try(
            lambda: ask(headers, body),
            refuse=lambda status, code: Answer(status, {}, _document(code)),
            broken=lambda why: TryFailed("ConnectTimeoutError" if why in _UNREACHED else "ReadTimeoutError"),
        )

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse | None:
        """A try of boto3."""
        headers = {"content-type": "application/x-amz-json-1.0"}
        return self._try(
            lambda: botocore_stubber(event_name=event_name, request=request),
            refuse=lambda status, code: AWSResponse(request.url, status, headers, MockRawResponse(_document(code))),  # type: ignore[arg-type]  # as moto does
            broken=lambda why: (ConnectTimeoutError if why in _UNREACHED else ReadTimeoutError)(
                endpoint_url=request.url
            ),
        )

    def _try(
        self, call: Callable[[], T], *, refuse: Callable[[int, str], T], broken: Callable[[Fault], Exception]
    ) -> T:
        self._tries += 1
        fault = self._due()
        if fault in _ERRORS:
            return refuse(*_ERRORS[fault])
        if fault in _UNREACHED:
            raise broken(fault)
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        answer = call()
        if fault in _LOST:
            raise broken(fault)
        if fault is Fault.KILLED_AFTER:
            raise Killed
        return answer

    def _due(self) -> Fault | None:
        index = len(self.calls) - 1
        if self.fault is None or not (index == self.at or (index > self.at and self.fault in _FROM_THEN_ON)):
            return None
        return None if self.fault in _ONCE and self._tries > 1 else self.fault


def _document(code: str) -> bytes:
    return json.dumps({"__type": code, "message": "made up"}).encode()


def survived(run: Callable[[], T]) -> T | None:
    """What ``run`` returns, or None where the process was killed in it."""
    try:
        return run()
    except Killed:
        return None


def every_call(
    cases: Mapping[str, tuple[Sequence[str], int]], faults: Sequence[Fault] = DISTINCT
) -> pytest.MarkDecorator:
    """Parametrise ``case``, ``at`` and ``fault`` over every call of every case but its first so many."""
    points = [
        pytest.param(case, at, fault, id=f"{case}-{at}-{name}-{fault}")
        for case, (names, known) in cases.items()
        for at, name in enumerate(names)
        if at >= known
        for fault in faults
    ]
    return pytest.mark.parametrize(("case", "at", "fault"), points)


@dataclass
class Cloud:
    """One deployment's tables, queues, bus and parameters. ``settled`` reaches them without faults."""

    table: str
    settled: Wire
    state: str = "state"
    urls: dict[str, str] = field(default_factory=dict)
    name: str | None = None

    def store(self, wire: Wire) -> MessageStore:
        return MessageStore(wire.api("dynamodb"), self.table)

    def settings(self, wire: Wire, clock: FakeClock) -> SsmSettings:
        providers = ("twilio", "messagebird")
        ssm = wire.api("ssm")
        return SsmSettings(ssm, PREFIX, providers, jitter=lambda: 0.0, now=clock.monotonic, sleep=clock.sleep)

    def queue(self, wire: Wire, name: str) -> SqsQueue:
        return SqsQueue(wire.api("sqs"), self._url(name))

    def bus(self, wire: Wire) -> EventBus:
        """A bus whose events all arrive in the queue ``events``."""
        if self.name is None:
            self.name = f"bus-{uuid4()}"
            events, target = self.settled.client("events"), ARN + self._url("events").rpartition("/")[2]
            events.create_event_bus(Name=self.name)
            events.put_rule(Name="all", EventBusName=self.name, EventPattern='{"source": ["sms-tracker"]}')
            events.put_targets(Rule="all", EventBusName=self.name, Targets=[{"Id": "all", "Arn": target}])
        return EventBus(wire.api("events"), self.name)

    def waiting(self, name: str) -> list[str]:
        """Take all that is in a queue."""
        sqs, url, bodies = self.settled.client("sqs"), self._url(name), list[str]()
        full = 10
        while True:
            taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=full).get("Messages", [])
            bodies += [each["Body"] for each in taken]
            done = [{"Id": each["MessageId"], "ReceiptHandle": each["ReceiptHandle"]} for each in taken]
            if done:
                sqs.delete_message_batch(QueueUrl=url, Entries=done)
            if len(taken) < full:
                return bodies

    def store_secret(self, provider: str, document: Mapping[str, str]) -> None:
        """Overwrite a provider's secret, for every deployment."""
        name, value = f"{PREFIX}/secrets/{provider}", json.dumps(document)
        self.settled.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def _url(self, name: str) -> str:
        if name not in self.urls:
            made = self.settled.client("sqs").create_queue(QueueName=f"{name}-{uuid4()}")
            self.urls[name] = made["QueueUrl"]
        return self.urls[name]


@contextmanager
def clouds() -> Iterator[Callable[[], Cloud]]:
    """A maker of deployments that know nothing of each other, the tables and parameters shared."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        # The SDK's standard retries always back off, by up to seconds: nothing but its sleep can be taken out.
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        settled = Wire()
        cloud = Cloud(create(settled.client("dynamodb"), "MessagesTable", "messages"), settled)
        create(settled.client("dynamodb"), "StateTable", cloud.state)
        for provider, document in {"twilio": TWILIO, "messagebird": MESSAGEBIRD}.items():
            cloud.store_secret(provider, document)
        cloud.store_secret("service", {"hmac_key": base64.b64encode(SERVICE_KEY).decode()})
        settled.client("ssm").put_parameter(Name=f"{PREFIX}/public-base-urls", Value=BASE_URL, Type="String")
        yield lambda: Cloud(cloud.table, settled)
