"""Settings from SSM Parameter Store: cached, and kept during an outage."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sms_tracker.domain.callback import base_url_flaw
from sms_tracker.domain.errors import Misconfigured, SmsTrackerError, Unavailable
from sms_tracker.domain.settings import Settings, trimmed

if TYPE_CHECKING:
    from sms_tracker.aws.api import Api

LIFETIME = 300.0
"""Seconds until the settings are read again. Each environment adds up to a fifth, to spread the calls."""
STALE_IF_ERROR = 24 * 3600.0
"""Seconds for which cached settings are used while the store cannot be reached."""
_RETRY = 30.0
"""Seconds between two reads while the store cannot be reached."""
PATIENCE = 1.5
"""Seconds for which a cold start repeats a failed call: the store allows 40 calls a second, and environments that start
together make more. The last call and the webhook's call to SQS still fit into its time-out."""
_PAUSE = 0.5
"""Seconds between the calls of a cold start, plus up to as much jitter."""


class SsmSettings:
    """:class:`sms_tracker.domain.ports.SettingsSource` with one GetParameters call per lifetime.

    ``prefix`` is ``/{stack}``. Required parameters: ``{prefix}/public-base-urls`` (text), ``{prefix}/secrets/service``
    and ``{prefix}/secrets/{provider}`` (JSON). ``optional`` maps the name of a further field of :class:`Settings` to
    the reader of its parameter ``{prefix}/{name}``. ``jitter`` returns 0..1. It is called for each lifetime, because a
    value drawn before a snapshot would be the same in all environments restored from it. ``now`` must go on while
    Lambda freezes the environment, which a monotonic clock may not.
    """

    def __init__(  # noqa: PLR0913  # what tests replace
        self,
        ssm: Api,
        prefix: str,
        providers: Sequence[str],
        *,
        jitter: Callable[[], float],
        optional: Mapping[str, Callable[[str], Any]] | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ssm = ssm
        self._prefix = prefix
        self._providers = tuple(providers)
        self._optional = {f"{prefix}/{name}": (name, read) for name, read in (optional or {}).items()}
        self._jitter = jitter
        self._lifetime = LIFETIME
        self._now, self._sleep = now, sleep
        self._settings: Settings | None = None
        self._read_at = self._tried_at = 0.0

    def __call__(self, *, max_age: float | None = None) -> Settings:
        """See :class:`sms_tracker.domain.ports.SettingsSource`."""
        now, lifetime = self._now(), self._lifetime if max_age is None else max_age
        if self._settings is None or not 0 <= now - self._read_at <= lifetime:  # below 0: the clock was set back
            self._refresh(now)
        if self._settings is None or now - self._read_at > STALE_IF_ERROR:
            raise Unavailable("the settings cannot be read")
        return self._settings

    def _refresh(self, now: float) -> None:
        if self._settings is not None and 0 <= now - self._tried_at < _RETRY:
            return
        self._tried_at = now
        try:
            self._settings = self._first_read() if self._settings is None else self._read()
        except SmsTrackerError:
            if self._settings is None:
                raise
            return
        self._read_at = now
        self._lifetime = LIFETIME * (1 + self._jitter() / 5)

    def _first_read(self) -> Settings:
        """The settings of a cold start: without cached ones, repeat a failed call for ``PATIENCE``."""
        end = self._now() + PATIENCE
        while True:
            try:
                return self._read()
            except Unavailable:
                if (left := end - self._now()) <= 0:
                    raise
            self._sleep(min(left, _PAUSE * (1 + self._jitter())))

    def _read(self) -> Settings:
        urls, service = f"{self._prefix}/public-base-urls", f"{self._prefix}/secrets/service"
        secrets = {provider: f"{self._prefix}/secrets/{provider}" for provider in self._providers}
        names = [urls, service, *secrets.values(), *self._optional]
        answer = self._ssm("GetParameters", Names=names, WithDecryption=True)
        found = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
        missing = [name for name in (urls, service, *secrets.values()) if name not in found]
        if missing:
            raise Misconfigured(f"missing parameters: {', '.join(missing)} (run `make secrets`)")
        return Settings(
            credentials={provider: _secret_document(name, found[name]) for provider, name in secrets.items()},
            service_key=_service_key(service, _secret_document(service, found[service])),
            public_base_urls=base_urls(urls, found[urls]),
            **{name: read(found[path]) for path, (name, read) in self._optional.items() if path in found},
        )


def _secret_document(name: str, value: str) -> Mapping[str, str]:
    """The entries of a secret, each :func:`trimmed`."""
    try:
        document = json.loads(value.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise Misconfigured(f"{name} is not JSON") from None
    if not isinstance(document, dict) or not all(isinstance(item, str) for item in document.values()):
        raise Misconfigured(f"{name} is not a flat JSON object of strings")
    return {entry: trimmed(item) for entry, item in document.items()}


_KEY_BYTES = 32


def _service_key(name: str, document: Mapping[str, str]) -> bytes:
    try:
        key = base64.b64decode(document.get("hmac_key", ""), validate=True)
    except ValueError:  # not base64, not even ASCII
        key = b""
    if len(key) < _KEY_BYTES:
        raise Misconfigured(f"{name} lacks hmac_key, at least 32 bytes in base64")
    return key


def base_urls(name: str, value: str) -> tuple[str, ...]:
    """The addresses in a comma-separated list, without trailing slash, scheme and host in lower case.

    Raises ``Misconfigured`` for an empty list, or an address with a :func:`base_url_flaw`.
    """
    urls = tuple(url for each in value.split(",") if (url := trimmed(each).rstrip("/")))
    if flaw := next(filter(None, map(base_url_flaw, urls)), None):
        raise Misconfigured(f"{name} holds an address that is not a plain https URL: it {flaw}")
    if not urls:
        raise Misconfigured(f"{name} is empty")
    return tuple(map(_in_lower_case, urls))


def _in_lower_case(url: str) -> str:
    """Scheme and host in lower case, as providers write and sign them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"
