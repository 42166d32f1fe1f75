"""The simulated Bird (its platform of 2026). The reference library of Standard Webhooks signs the events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.simulators.base import Destination, Signing, SimulatedProvider
from local.simulators.bird.report import Settings, signed
from local.simulators.bird.server import Bird

__all__ = ["SIMULATOR", "Settings"]

_ACCOUNT = Settings()
_NEXT_SECRET = "whsec_dGhlIG5leHQgc2VjcmV0IG9mIGJpcmQ="  # noqa: S105 - opens nothing but the simulator


def _credentials(api_url: str) -> dict[str, str]:
    return {
        "api_key": _ACCOUNT.api_key,
        "webhook_secret": _ACCOUNT.webhook_secret,
        "category": "transactional",
        "api_url": api_url,
    }


def _in_metadata(entry: Mapping[str, Any]) -> str:
    return str(entry["extra"]["metadata"]["message_id"])


def _endpoint(stack: Destination) -> Mapping[str, str]:
    """One address for all reports; a second stack registers its own by the API."""
    return {"webhook_url": f"{stack.base_url.rstrip('/')}/webhooks/bird"}


def _sdk(url: str) -> str:
    return (
        f'from bird import Bird; client = Bird(api_key="{_ACCOUNT.api_key}", base_url="{url}"); '
        'print(client.sms.send(to="+31612345600", from_="Simulator", text="Hello", category="transactional").id)'
    )


SIMULATOR = SimulatedProvider(
    title="Bird",
    settings=Settings,
    account=Bird,
    credentials=_credentials,
    parameters={"BirdFrom": "Simulator"},
    courses={
        "delivered": "sent delivered",
        "read": "sent delivered",  # Bird does not report reading
        "undelivered": "sent undelivered:unreachable",
        "failed": "sent failed:provider_unavailable",
        "expired": "sent expired",
        "corrected": "sent undelivered:unreachable delivered",
        "code-then-none": "sent undelivered:unreachable undelivered",
        "code-learnt-late": "sent undelivered undelivered:unreachable",
        "new-code": "undelivered:lost_in_space",
        "new-word": "sent teleported delivered",
        "long-way": "accepted sent delivered",
        "refused": "!E12901",
        "opted-out": "rejected:recipient_opted_out",
        "locked-out": "!E01901",
    },
    statuses={
        "delivered": "delivered",
        "undelivered": "undelivered",
        "failed": "failed",
        "rejected": "failed",
        "expired": "expired",
        "canceled": "canceled",
    },
    dated=True,
    signing=Signing(
        sign=signed,
        entry="webhook_secret",
        successor=_NEXT_SECRET,
        rotated={"webhook_secret": _NEXT_SECRET},  # a day later, when the old one no longer signs
        absent={},  # an endpoint always has a secret
    ),
    message_id=_in_metadata,
    reports_to=_endpoint,
    sdk=_sdk,
)
