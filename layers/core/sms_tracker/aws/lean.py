"""AWS without boto3, for the functions on the path of every report: signed JSON calls, retried as botocore does.

docs/adr/0011 has the figures. What a call is and how it fails is in :mod:`sms_tracker.aws.api`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from sms_tracker.aws import credentials as known
from sms_tracker.aws.api import CONDITION_FAILED, Api, failure
from sms_tracker.aws.channel import Channel, NoAnswer, endpoint_of
from sms_tracker.aws.http1 import Answer
from sms_tracker.aws.sigv4 import Credentials, Signer
from sms_tracker.chance import chance

if TYPE_CHECKING:
    from sms_tracker.domain.ports import CallFailed

_HEADERS = {
    "dynamodb": ("DynamoDB_20120810", {"content-type": "application/x-amz-json-1.0"}),
    "sqs": ("AmazonSQS", {"content-type": "application/x-amz-json-1.0", "x-amzn-query-mode": "true"}),
    "ssm": ("AmazonSSM", {"content-type": "application/x-amz-json-1.1"}),
}
"""The services that speak AWS JSON, how their operations are named, and what each call of theirs carries."""
_TRANSIENT = frozenset({"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"})
_MODELED = frozenset({"ReplicatedWriteConflictException"})
_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestThrottled",
        "SlowDown",
        "EC2ThrottledException",
    }
)
_RETRIED = _TRANSIENT | _MODELED | _THROTTLED
_RETRIED_STATUSES = frozenset({500, 502, 503, 504})
_TIMEOUTS = frozenset({"ConnectTimeoutError", "ReadTimeoutError"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_SKEWED = frozenset(
    {
        "RequestTimeTooSkewed",
        "RequestExpired",
        "RequestInTheFuture",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
    }
)
"""What AWS may say to a signature whose time it does not believe."""
_SKEW = 240.0
"""Seconds that our clock may be wrong by: the strictest services allow 300."""
_CHECKSUM = "ChecksumError"


Told = Callable[[str, int, float], None]
"""Who hears of each call: its operation, which try it was, and the seconds since the first began."""


def api(
    service: str, *, timeout: float = 2.0, attempts: int = 3, told: Told | None = None, failed: CallFailed | None = None
) -> Api:
    """A service that gives up after ``attempts`` calls of at most ``timeout`` seconds each.

    boto3 is asked where this environment needs more of it: proxies, FIPS and dual-stack endpoints, unusual regions.
    """
    endpoint = endpoint_of(service, os.environ)
    if endpoint is None:
        from sms_tracker.aws import clients  # noqa: PLC0415  # so that the others do not pay for it

        return clients.api(service, timeout=timeout, attempts=attempts, failed=failed)
    connect = min(timeout / 2, 1.0)
    channel = Channel(endpoint, connect=connect, read=timeout - connect)
    return Lean(service, endpoint.region, endpoint.authority, channel.post, attempts=attempts, told=told, failed=failed)


def _silent(*_: object, **__: object) -> None:
    """Tell nobody."""


class _Failed(NamedTuple):
    """A call that came to nothing; without ``status`` there was no answer."""

    code: str
    status: int | None = None
    item: dict[str, Any] | None = None
    date: str | None = None

    @property
    def passing(self) -> bool:
        """Whether botocore's standard mode would call again."""
        if self.status is None or self.code == _CHECKSUM:
            return True
        return self.code in _RETRIED or self.status in _RETRIED_STATUSES


class Quota:
    """Botocore's retry quota: while most calls fail, few are repeated."""

    def __init__(self, capacity: int = 500) -> None:
        self._capacity = self._left = capacity
        self._lock = Lock()

    def take(self, amount: int) -> bool:
        with self._lock:
            if amount > self._left:
                return False
            self._left -= amount
            return True

    def give(self, amount: int) -> None:
        if self._left < self._capacity:
            with self._lock:
                self._left = min(self._capacity, self._left + amount)


class Lean:
    """One service behind :class:`sms_tracker.aws.api.Api`; any number of threads may call it."""

    def __init__(  # noqa: PLR0913  # what is outside the process is an argument
        self,
        service: str,
        region: str,
        host: str,
        post: Callable[[dict[str, str], bytes], Answer],
        *,
        attempts: int = 3,
        told: Told | None = None,
        failed: CallFailed | None = None,
        credentials: Callable[[], Credentials] | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        fraction: Callable[[], float] = chance,
    ) -> None:
        self._prefix, headers = _HEADERS[service]
        self._headers = {**headers, "host": host}
        self._checked = service == "dynamodb"
        self._signer = Signer(service, region)
        self._post = post
        self._attempts = attempts
        self._told = told or _silent
        self._failed = failed or _silent
        self._credentials = credentials or known.source()
        self._now, self._sleep, self._fraction = now, sleep, fraction
        self._quota = Quota()
        self._ahead = 0.0
        """Seconds by which AWS's clock is ahead of ours, once AWS has complained."""

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """See :class:`sms_tracker.aws.api.Api`."""
        body, began = json.dumps(arguments).encode(), self._now()
        attempt, paid, righted = 1, 1, False
        while True:
            used = self._credentials()
            result = self._once(operation, body, used)
            self._told(operation, attempt, self._now() - began)
            if isinstance(result, dict):
                self._quota.give(paid)
                return result
            if not righted and self._put_right(result, used):
                self._failed(operation, attempt=attempt, code=result.code, status=result.status, again=True)
                righted = True
                continue
            paid = 10 if result.code in _TIMEOUTS else 5
            again = attempt < self._attempts and result.passing and self._quota.take(paid)
            if result.code != CONDITION_FAILED:
                self._failed(operation, attempt=attempt, code=result.code, status=result.status, again=again)
            if not again:
                raise failure(operation, result.code, result.item)
            self._sleep(self._fraction() * min(2 ** (attempt - 1), 20))
            attempt += 1

    def _once(self, operation: str, body: bytes, credentials: Credentials) -> dict[str, Any] | _Failed:
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._now() + self._ahead))
        headers = {**self._headers, "x-amz-target": f"{self._prefix}.{operation}"}
        try:
            answer = self._post(self._signer.sign(headers, body, credentials, at=at), body)
        except NoAnswer as error:
            return _Failed(error.code)
        checksum = answer.headers.get("x-amz-crc32") if self._checked else None
        if checksum is not None and checksum != str(crc32(answer.body)):
            return _Failed(_CHECKSUM, answer.status)
        return _read(answer)

    def _put_right(self, failed: _Failed, used: Credentials) -> bool:
        """Whether another try is worth it with newer credentials or the right time; botocore leaves both to chance."""
        if failed.code in _EXPIRED:
            return self._credentials() != used
        if failed.code not in _SKEWED or failed.date is None:
            return False
        from email.utils import parsedate_to_datetime  # noqa: PLC0415  # a dozen modules, for a clock that is wrong

        try:
            ahead = parsedate_to_datetime(failed.date).timestamp() - self._now()
        except ValueError:
            return False
        wrong = abs(ahead - self._ahead) > _SKEW
        self._ahead = ahead if wrong else self._ahead
        return wrong


def _read(answer: Answer) -> dict[str, Any] | _Failed:
    try:
        body = json.loads(answer.body) if answer.body else {}
    except ValueError:
        body = None
    if answer.status < 300 and isinstance(body, dict):  # noqa: PLR2004  # as HTTP means it
        return body
    values = body if isinstance(body, dict) else {}
    code = str(values.get("__type") or answer.status).partition(":")[0].rpartition("#")[2]
    older = answer.headers.get("x-amzn-query-error", "").split(";")  # SQS's codes from before it spoke JSON
    if len(older) == 2 and older[0]:  # noqa: PLR2004  # code and fault
        code = older[0]
    return _Failed(code, answer.status, values.get("Item"), answer.headers.get("date"))
