"""Check the endpoints registered for reports: while a provider sends nothing to ours, reports are lost."""

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


def endpoint_states(
    settings: Settings, call: Callable[[str, HttpRequest], HttpResponse | NoResponse]
) -> dict[str, str]:
    """The state of the endpoint, for each provider that has one registered for all reports.

    ``call`` makes one request to a provider. Raises ``Misconfigured`` for credentials without a usable key.
    """
    return {
        name: _state(find_endpoint(adapter, name, settings, partial(call, name)))
        for name in settings.credentials
        if (adapter := providers.registered(name))
    }


def find_endpoint(
    adapter: Registered, name: str, settings: Settings, call: Callable[[HttpRequest], HttpResponse | NoResponse]
) -> Endpoint | LookupFailed | None:
    """Our endpoint: preferably one that delivers; None if none is registered. Usually one call."""
    paused = None
    for base in settings.public_base_urls:
        url = endpoint_url(base, name)
        listed = adapter.list_outcome(call(adapter.list_request(url, credentials=settings.credentials[name])))
        if isinstance(listed, LookupFailed):
            return listed
        ours = [each for each in listed.found if each.url == url]
        if delivering := next((each for each in ours if each.delivers), None):
            return delivering
        paused = paused or next(iter(ours), None)
    return paused


def _state(endpoint: Endpoint | LookupFailed | None) -> str:
    if isinstance(endpoint, LookupFailed):
        return UNREADABLE
    if endpoint is None:
        return MISSING
    if not endpoint.delivers:
        return f"endpoint-{endpoint.state}"
    return "endpoint-lacks-events" if endpoint.missing else UP


def measure_endpoints(states: Mapping[str, str], metrics: Metrics) -> None:
    """One value per provider: 0 if it sends us every report, 1 if not, none if its answer is unreadable."""
    down = [float(state != UP) for state in states.values() if state != UNREADABLE]
    metrics.measure("EndpointDown", down, "None")
