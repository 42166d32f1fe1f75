"""AWS JSON calls without boto3, signed and retried as botocore does (ADR 11)."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from sms_tracker import jitter
from sms_tracker.aws.api import CONDITION_FAILED, Api, failure
from sms_tracker.aws.connections import Answer, Connections, Endpoint, TryFailed, default_tls, endpoint_of

if TYPE_CHECKING:
    from sms_tracker.domain.ports import CallFailed

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """An access key, with its session token if it is temporary."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        """The access key alone: the others are secret."""
        return f"Credentials(access_key={self.access_key!r})"


def sign(
    headers: Mapping[str, str], body: bytes, credentials: Credentials, *, service: str, region: str, at: str
) -> dict[str, str]:
    """``headers`` with the signature's own; all are signed. ``at`` is ``20260131T120000Z``.

    ``headers`` must include ``host``, have lower-case names, and values without outer or double spaces.
    """
    signed = {**headers, "x-amz-date": at}
    if credentials.token:
        signed["x-amz-security-token"] = " ".join(credentials.token.split())
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    names = sorted(signed)
    lines, listed = "".join([f"{name}:{signed[name]}\n" for name in names]), ";".join(names)
    request = f"POST\n/\n\n{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"
    text = f"{_ALGORITHM}\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    mac = _keyed(credentials.secret_key, scope).copy()
    mac.update(text.encode())
    key = f"{credentials.access_key}/{scope}"
    signed["authorization"] = f"{_ALGORITHM} Credential={key}, SignedHeaders={listed}, Signature={mac.hexdigest()}"
    return signed


@lru_cache(maxsize=8)
def _keyed(secret: str, scope: str) -> hmac.HMAC:
    """The HMAC with the signing key of one day, region and service. A copy costs half of a new one."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, digestmod="sha256")


def credentials() -> Credentials:
    """The current credentials; raises ``Unavailable`` if there are none."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return _found_by_botocore()
    return Credentials(key, secret, os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_SECURITY_TOKEN") or None)


def _found_by_botocore() -> Credentials:
    from botocore.exceptions import BotoCoreError, NoCredentialsError  # noqa: PLC0415  # see session()

    try:
        if (found := session().get_credentials()) is None:
            raise NoCredentialsError
        frozen = found.get_frozen_credentials()
    except BotoCoreError as error:
        raise failure("credentials", type(error).__name__) from error
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


@cache
def session() -> Any:
    """A botocore session. botocore is imported only if the environment has no keys, as under SnapStart."""
    import botocore.session  # noqa: PLC0415  # as stated above

    return botocore.session.get_session()


def api(service: str, *, timeout: float = 2.0, attempts: int = 3, failed: CallFailed | None = None) -> Api:
    """A service that gives up after ``attempts`` calls of at most ``timeout`` seconds each.

    Uses boto3 if the environment needs more: proxies, FIPS or dual-stack endpoints, other partitions.
    """
    endpoint = endpoint_of(service, os.environ)
    if endpoint is None:
        from sms_tracker.aws import clients  # noqa: PLC0415  # rarely needed, and slow to import

        return clients.api(service, timeout=timeout, attempts=attempts, failed=failed)
    if not os.environ.get("AWS_ACCESS_KEY_ID"):
        session()  # imports botocore now instead of in the first call
    connect = min(timeout / 2, 1.0)
    connections = Connections(endpoint, default_tls() if endpoint.tls else None, connect, timeout - connect)
    return JsonClient(service, endpoint, connections.post, attempts=attempts, failed=failed)


_SERVICES = {
    "dynamodb": ("DynamoDB_20120810", {"content-type": "application/x-amz-json-1.0"}),
    "sqs": ("AmazonSQS", {"content-type": "application/x-amz-json-1.0", "x-amzn-query-mode": "true"}),
    "ssm": ("AmazonSSM", {"content-type": "application/x-amz-json-1.1"}),
}
"""By service: the prefix of its operations, and the headers of each call."""
_RETRIED = frozenset({
    "RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete", "ReplicatedWriteConflictException",
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "TooManyRequestsException",
    "ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestLimitExceeded", "SlowDown",
    "BandwidthLimitExceeded", "LimitExceededException", "RequestThrottled", "EC2ThrottledException", "ChecksumError",
    "InvalidSignatureException",
})  # fmt: skip
"""Those of botocore, and stale signatures: a thawed sandbox's clock may lag by more than the five minutes that AWS
allows. Each try is signed anew.
"""
_RETRIED_STATUSES = frozenset({None, 500, 502, 503, 504})  # None: no response came
_RETRY_QUOTA = 500
"""As in botocore: retries use the quota up, successful calls refill it. Approximate among threads."""
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class JsonClient:
    """Implements :class:`sms_tracker.aws.api.Api` for one service; any number of threads may call it."""

    def __init__(  # noqa: PLR0913  # a dataclass would import inspect: 8 ms of a cold start
        self,
        service: str,
        endpoint: Endpoint,
        post: Callable[[dict[str, str], bytes], Answer],
        *,
        attempts: int = 3,
        failed: CallFailed | None = None,
        credentials: Callable[[], Credentials] = credentials,
        sleep: Callable[[float], None] = time.sleep,
        fraction: Callable[[], float] = jitter.fraction,
    ) -> None:
        self._service, self._endpoint, self._post = service, endpoint, post
        self._attempts, self._failed, self._credentials = attempts, failed, credentials
        self._sleep, self._fraction, self._quota = sleep, fraction, _RETRY_QUOTA

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """See :class:`sms_tracker.aws.api.Api`."""
        body = _encode(arguments).encode()
        attempt, cost = 1, 1
        while True:
            try:
                result = self._once(operation, body)
            except TryFailed as error:
                cost = 10 if error.code.endswith("TimeoutError") else 5
                retryable = error.code in _RETRIED or error.status in _RETRIED_STATUSES
                again = retryable and attempt < self._attempts and cost <= self._quota
                if self._failed and error.code != CONDITION_FAILED:
                    self._failed(operation, attempt=attempt, code=error.code, status=error.status, again=again)
                if not again:
                    raise failure(operation, error.code, error.item) from error
            else:
                self._quota = min(_RETRY_QUOTA, self._quota + cost)
                return result
            self._quota -= cost
            self._sleep(self._fraction() * min(2 ** (attempt - 1), 20))
            attempt += 1

    def _once(self, operation: str, body: bytes) -> dict[str, Any]:
        prefix, headers = _SERVICES[self._service]
        headers = {**headers, "host": self._endpoint.authority, "x-amz-target": f"{prefix}.{operation}"}
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = sign(headers, body, self._credentials(), service=self._service, region=self._endpoint.region, at=at)
        return _result(self._post(signed, body))


def _result(answer: Answer) -> dict[str, Any]:
    checksum = answer.headers.get(b"x-amz-crc32")
    if checksum is not None and checksum != b"%d" % crc32(answer.body):
        raise TryFailed("ChecksumError", answer.status)
    try:
        body = json.loads(answer.body.decode()) if answer.body else {}
    except ValueError:
        body = None
    if answer.status < 300 and isinstance(body, dict):  # noqa: PLR2004  # as HTTP means it
        return body
    values = body if isinstance(body, dict) else {}
    code = str(values.get("__type") or answer.status).partition(":")[0].rpartition("#")[2]
    query_code, _, fault = answer.headers.get(b"x-amzn-query-error", b"").partition(b";")  # SQS's former code
    raise TryFailed(query_code.decode("latin-1") if query_code and fault else code, answer.status, values.get("Item"))
