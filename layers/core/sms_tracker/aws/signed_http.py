"""HTTP calls to providers, with an AWS signature if the request demands one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sms_tracker.aws.sigv4 import Credentials, credentials, sign
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.ports import Http


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
