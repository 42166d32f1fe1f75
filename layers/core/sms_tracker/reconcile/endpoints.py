"""Look at the endpoints that are registered for reports: while a provider sends nothing to ours, reports are lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from sms_tracker import providers
from sms_tracker.domain.callback import endpoint_url
from sms_tracker.domain.http import HttpRequest, HttpResponse, NoResponse
from sms_tracker.domain.invocation import Metrics
from sms_tracker.domain.outbound import LookupFailed
from sms_tracker.domain.settings import Settings
from sms_tracker.providers.optional import Endpoint, Registered

UP, MISSING, UNREADABLE = "endpoint-up", "endpoint-missing", "endpoint-unreadable"


def endpoint_states(settings: Settings, ask: Callable[[str, HttpRequest], HttpResponse | NoResponse]) -> dict[str, str]:
    """The state of each provider's endpoint; a provider without a registered endpoint is not asked and not listed.

    ``ask`` makes one call to a provider. Raises ``Misconfigured`` for credentials without a usable key.
    """
    adapters = ((name, providers.registered(name)) for name in settings.credentials)
    return {name: _state(find(adapter, name, settings, partial(ask, name))) for name, adapter in adapters if adapter}


def find(
    adapter: Registered, name: str, settings: Settings, ask: Callable[[HttpRequest], HttpResponse | NoResponse]
) -> Endpoint | LookupFailed | None:
    """Our endpoint: one that delivers, else one that does not, None where none is registered. Usually one call."""
    silent = None
    for base in settings.public_base_urls:
        url = endpoint_url(base, name)
        listed = adapter.list_outcome(ask(adapter.list_request(url, credentials=settings.credentials[name])))
        if isinstance(listed, LookupFailed):
            return listed
        ours = [each for each in listed.found if each.url == url]
        if delivering := next((each for each in ours if each.delivers), None):
            return delivering
        silent = silent or next(iter(ours), None)
    return silent


def _state(found: Endpoint | LookupFailed | None) -> str:
    if isinstance(found, LookupFailed):
        return UNREADABLE
    if found is None:
        return MISSING
    if not found.delivers:
        return f"endpoint-{found.state}"
    return "endpoint-lacks-events" if found.missing else UP


def measure_endpoints(states: Mapping[str, str], metrics: Metrics) -> None:
    """A value for each provider: 0 where it sends us every report, 1 where not, none where its answer is unreadable."""
    down = [float(state != UP) for state in states.values() if state != UNREADABLE]
    metrics.measure("EndpointDown", down, "None")
