"""The simulated MessageBird (classic SMS API). PyJWT signs the reports."""

from __future__ import annotations

from local.simulators.base import Signing, SimulatedProvider, Trial
from local.simulators.messagebird.report import Settings, signed
from local.simulators.messagebird.server import MessageBird

__all__ = ["SIMULATOR", "Settings"]

_ACCOUNT = Settings()
_NEXT_KEY = "the next signing key, 32 bytes or more"


def _credentials(api_url: str) -> dict[str, str]:
    return {"access_key": _ACCOUNT.access_key, "signing_key": _ACCOUNT.signing_key, "api_url": api_url}


def _sdk(url: str) -> str:
    return (
        "from messagebird import Client; from messagebird.http_client import HttpClient; "
        f'key = "{_ACCOUNT.access_key}"; client = Client(key, http_client=HttpClient("{url}", key, "sdk")); '
        'print(client.message_create("Simulator", "31612345600", "Hello").id)'
    )


SIMULATOR = SimulatedProvider(
    title="MessageBird",
    settings=Settings,
    account=MessageBird,
    credentials=_credentials,
    parameters={"MessageBirdOriginator": "Simulator"},
    courses={
        "delivered": "sent delivered",
        "read": "sent delivered",  # MessageBird does not report reading
        "undelivered": "sent delivery_failed:1",
        "failed": "delivery_failed:34",
        "expired": "sent buffered expired",
        "corrected": "sent delivery_failed:1 delivered",
        "code-then-none": "sent delivery_failed:1 delivery_failed",
        "code-learnt-late": "sent delivery_failed delivery_failed:1",
        "new-code": "delivery_failed:250",
        "new-word": "sent teleported delivered",
        "long-way": "sent buffered delivered",
        "refused": "!10",
        "opted-out": "sent delivery_failed:103",
        "locked-out": "!2",
    },
    statuses={"delivered": "delivered", "delivery_failed": "undelivered", "expired": "expired"},
    dated=True,
    reports_to=lambda stack: {"inbound_url": f"{stack.base_url.rstrip('/')}/webhooks/messagebird/inbound"},
    signing=Signing(
        sign=signed,
        entry="signing_key",
        successor=_NEXT_KEY,
        rotated={"signing_key": _NEXT_KEY},
        absent={"MessageBirdVerification": "token"},
    ),
    test_entries=("access_key", "api_url"),
    trials=(Trial("SmsTracker", "+31612345678"),),
    sdk=_sdk,
)
