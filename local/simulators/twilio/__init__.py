"""The simulated Twilio (Programmable Messaging). Twilio's SDK signs the callbacks."""

from __future__ import annotations

from local.simulators.base import Signing, SimulatedProvider, Trial
from local.simulators.twilio.report import Settings, signed
from local.simulators.twilio.server import Twilio

__all__ = ["SIMULATOR", "Settings"]

_ACCOUNT = Settings()
_NEXT_TOKEN = "f" * 32


def _credentials(api_url: str) -> dict[str, str]:
    return {"account_sid": _ACCOUNT.account_sid, "auth_token": _ACCOUNT.auth_token, "api_url": api_url}


def _sdk(url: str) -> str:
    return (
        "from twilio.rest import Client; "
        f'client = Client("{_ACCOUNT.account_sid}", "{_ACCOUNT.auth_token}"); client.api.base_url = "{url}"; '
        'print(client.messages.create(to="+31612345600", from_="+15557654321", body="Hello").sid)'
    )


SIMULATOR = SimulatedProvider(
    title="Twilio",
    settings=Settings,
    account=Twilio,
    credentials=_credentials,
    parameters={"TwilioFrom": "+15557654321"},
    courses={
        "delivered": "sent delivered",
        "read": "sent delivered read",
        "undelivered": "sent undelivered:30003",
        "failed": "failed:30008",
        "expired": "sent undelivered:30036",
        "corrected": "sent undelivered:30003 delivered",
        "code-then-none": "sent undelivered:30003 undelivered",
        "code-learnt-late": "sent undelivered undelivered:30003",
        "new-code": "undelivered:39999",
        "new-word": "sent teleported delivered",
        "long-way": "queued sending sent delivered",
        "refused": "!21211",
        "opted-out": "!21610",
        "locked-out": "!20003",
    },
    statuses={
        "delivered": "delivered",
        "read": "read",
        "undelivered": "undelivered",
        "undelivered:30036": "expired",
        "failed": "failed",
        "canceled": "canceled",
    },
    dated=False,
    reports_to=lambda stack: {"inbound_url": f"{stack.base_url.rstrip('/')}/webhooks/twilio/inbound#rc=5&rp=all"},
    signing=Signing(
        sign=signed,
        entry="auth_token",
        successor=_NEXT_TOKEN,
        rotated={
            "auth_token": _NEXT_TOKEN,
            "secondary_auth_token": _ACCOUNT.auth_token,
        },  # the old one still authenticates
        absent={"TwilioVerification": "token"},
    ),
    test_entries=("account_sid", "auth_token", "api_url"),
    trials=(Trial("+15005550006", "+14155552671"), Trial("+15005550006", "+15005550001", "21211")),
    sdk=_sdk,
)
