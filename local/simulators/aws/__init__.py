"""AWS End User Messaging SMS, simulated. botocore's service model judges the requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.simulators.aws.report import Settings
from local.simulators.aws.server import Aws
from local.simulators.base import Destination, SimulatedProvider

__all__ = ["SIMULATOR", "Settings"]


def _credentials(api_url: str) -> dict[str, str]:
    """What the template writes, for the simulator's address."""
    return {"sms_region": Settings().region, "configuration_set": "local-simulator", "api_url": api_url}


def _message_id(entry: Mapping[str, Any]) -> str:
    return str(entry["extra"]["context"]["message_id"])


def _reports_to(stack: Destination) -> Mapping[str, str]:
    return {"aws_url": stack.aws_url, "queue_url": stack.outputs["ReportsQueueUrl"]}


SIMULATOR = SimulatedProvider(
    title="Aws",
    settings=Settings,
    account=Aws,
    credentials=_credentials,
    parameters={"AwsSender": "pool-0123456789abcdef0123456789abcdef"},
    courses={  # a word is final where it says so
        "delivered": "PENDING DELIVERED.final",
        "read": "PENDING DELIVERED.final",  # AWS does not report reading
        "undelivered": "PENDING UNREACHABLE UNREACHABLE.final",
        "failed": "CARRIER_UNREACHABLE.final",
        "expired": "PENDING TTL_EXPIRED.final",
        "corrected": "PENDING UNREACHABLE.final DELIVERED.final",
        "code-then-none": "PENDING UNREACHABLE.final UNREACHABLE.final",  # a failure has no code but its word
        "code-learnt-late": "PENDING UNREACHABLE.final UNREACHABLE.final",
        "new-code": "PENDING CARRIER_BLOCKED.final",
        "new-word": "PENDING TELEPORTED DELIVERED.final",
        "long-way": "QUEUED PENDING CARRIER_UNREACHABLE SUCCESSFUL DELIVERED.final",
        "refused": "!INVALID_PARAMETER",
        "opted-out": "!DESTINATION_PHONE_NUMBER_OPTED_OUT",
        "locked-out": "!UnrecognizedClientException",
    },
    statuses={
        "DELIVERED.final": "delivered",
        "SUCCESSFUL.final": "unknown",
        "UNKNOWN.final": "unknown",
        "TTL_EXPIRED.final": "expired",
        "UNREACHABLE.final": "undelivered",
        "CARRIER_UNREACHABLE.final": "undelivered",
        "CARRIER_BLOCKED.final": "undelivered",
    },
    dated=True,
    message_id=_message_id,
    reports_to=_reports_to,
)
