"""The endpoint of an AWS service, from the region or from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

_SUFFIXES = {
    r"(us|eu|ap|sa|ca|me|af|il|mx|us-gov)-[a-z]+-[0-9]+": "amazonaws.com",
    r"cn-[a-z]+-[0-9]+": "amazonaws.com.cn",
}
_LEFT_TO_BOTO3 = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Endpoint(NamedTuple):
    """Host and port of one service in one region. Without TLS only if ``AWS_ENDPOINT_URL`` is plain HTTP."""

    region: str
    host: str
    port: int
    tls: bool = True

    @property
    def authority(self) -> str:
        """The Host header: the default port is left out."""
        return self.host if self.port == (443 if self.tls else 80) else f"{self.host}:{self.port}"


def endpoint_of(service: str, environment: Mapping[str, str]) -> Endpoint | None:
    """A service's endpoint; None where it needs more than service and region (boto3 resolves those)."""
    region = environment.get("AWS_DEFAULT_REGION") or environment.get("AWS_REGION") or ""
    if any(environment.get(name, "").lower() == "true" for name in _LEFT_TO_BOTO3):
        return None
    if any(environment.get(name) for name in _PROXIES):
        return None
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        url = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get("AWS_ENDPOINT_URL")
        if url:
            return _configured(url, region)
    suffix = next((suffix for pattern, suffix in _SUFFIXES.items() if re.fullmatch(pattern, region)), None)
    return Endpoint(region, f"{service}.{region}.{suffix}", 443) if suffix else None


def _configured(url: str, region: str) -> Endpoint | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    plain = region and host and host.isascii() and parts.path in {"", "/"} and not (parts.query or parts.username)
    if not plain or parts.scheme not in {"http", "https"} or ":" in host:
        return None
    tls = parts.scheme == "https"
    return Endpoint(region, host, parts.port or (443 if tls else 80), tls=tls)
