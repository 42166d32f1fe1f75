"""A provider's registered endpoint for operators' commands: the account behind it, its secret and its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from ops.accounts import ENTRIES
from ops.command import SECONDS
from ops.secrets import put, secret_name, stored
from ops.stack import Stack
from sms_tracker import provider_http, providers
from sms_tracker.aws.clients import client
from sms_tracker.aws.settings import base_urls
from sms_tracker.domain.callback import endpoint_url
from sms_tracker.domain.errors import Unavailable
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.settings import Settings
from sms_tracker.providers.optional import Endpoint, Registered
from sms_tracker.reconcile.provider_health import find_endpoint

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

T = TypeVar("T")
ADAPTERS = {name: adapter for name in providers.names() if (adapter := providers.registered(name))}
"""The providers with a registered endpoint; the others get the address for their reports with each message."""

_TIMEOUT, _TRIES = 20.0, 3
_FAILING = range(500, 600)


@dataclass
class Account:
    """A provider's account of a stack. Every method raises ``Unavailable`` if the provider refuses."""

    stack: Stack
    provider: str

    @cached_property
    def adapter(self) -> Registered:
        return ADAPTERS[self.provider]

    @cached_property
    def ssm(self) -> SSMClient:
        return client("ssm", timeout=SECONDS)

    @cached_property
    def document(self) -> dict[str, str]:
        """The provider's secret document; raises ``ValueError`` if there is none."""
        found = stored(self.ssm, self.secret_name)
        if found is None:
            raise ValueError(f"{self.secret_name} does not exist: run `make secrets` first")
        return found

    @property
    def own_urls(self) -> frozenset[str]:
        """Every address at which this stack receives the provider's reports; ``url`` is the one to register."""
        return frozenset(endpoint_url(base, self.provider) for base in self.settings.public_base_urls)

    @property
    def secret_name(self) -> str:
        return secret_name(self.stack.name, self.provider)

    @cached_property
    def settings(self) -> Settings:
        """The functions' settings without the service's own key, which no command needs."""
        credentials, name = {self.provider: self.document}, f"/{self.stack.name}/public-base-urls"
        urls = base_urls(name, self.ssm.get_parameter(Name=name)["Parameter"]["Value"])
        return Settings(credentials=credentials, service_key=b"", public_base_urls=urls)

    @property
    def url(self) -> str:
        return endpoint_url(self.settings.public_base_urls[0], self.provider)

    def endpoint(self) -> Endpoint | None:
        """This stack's endpoint, found as the reconciler does; None if none is registered."""
        return self._answered(find_endpoint(self.adapter, self.provider, self.settings, call_provider))

    def endpoints(self) -> Iterator[Endpoint]:
        """Every endpoint of the account."""
        page: str | None = None
        while True:
            request = self.adapter.list_request(None, credentials=self.document, page=page)
            listed = self._answered(self.adapter.list_outcome(call_provider(request)))
            yield from listed.found
            if (page := listed.next_page) is None:
                return

    def registered(self) -> Endpoint:
        """This stack's endpoint; raises ``ValueError`` if none is registered."""
        if (found := self.endpoint()) is None:
            raise ValueError(f"no endpoint is registered for {self.url}: run `register`")
        return found

    def request(self, build: Callable[..., HttpRequest], *given: str) -> HttpRequest:
        """A request of the adapter with the account's credentials and a new idempotency key."""
        return build(*given, credentials=self.document, key=str(uuid4()))

    def secret(self, request: HttpRequest) -> str:
        """The secret in the answer to ``request``."""
        return self._answered(self.adapter.secret(call_provider(request)))

    def execute(self, request: HttpRequest) -> None:
        """Make a request without a result."""
        self._answered(self.adapter.refusal(call_provider(request)))

    def test(self, endpoint: Endpoint) -> str:
        """Our answer to the provider's test."""
        request = self.request(self.adapter.test_request, endpoint.endpoint_id)
        return self._answered(self.adapter.test_outcome(call_provider(request)))

    def _answered(self, outcome: T | LookupFailed) -> T:
        if isinstance(outcome, LookupFailed):
            raise Unavailable(f"{self.provider}: {outcome.reason}")
        return outcome

    def store(self, **secrets: str | None) -> str:
        """Change entries of the secret document (None removes one), encrypted with the same key; returns advice."""
        merged = self.document | secrets
        document = {entry: value for entry, value in merged.items() if value is not None}
        put(self.ssm, self.secret_name, document, key=self._encrypted_with())
        variables = " and ".join(ENTRIES[self.provider][entry] for entry in secrets)
        return f"functions read it within six minutes; leave {variables} out of .env, or `make secrets` replaces it"

    def _encrypted_with(self) -> str | None:
        named = [{"Key": "Name", "Values": [self.secret_name]}]
        found = self.ssm.describe_parameters(ParameterFilters=named)["Parameters"]  # type: ignore[arg-type]  # plain dictionaries
        return found[0].get("KeyId") if found else None


def call_provider(request: HttpRequest) -> HttpResponse | NoResponse:
    """The provider's answer. The same bytes are sent again while the outcome is unknown."""
    for _ in range(_TRIES):
        answer = provider_http.call(request, timeout=_TIMEOUT)
        if isinstance(answer, HttpResponse) and answer.status not in _FAILING:
            break
    return answer
