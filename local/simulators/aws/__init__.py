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
    courses={  # a failure with the code "interim" is not final: AWS goes on trying
        "delivered": "PENDING DELIVERED",
        "read": "PENDING DELIVERED",  # AWS does not report reading
        "undelivered": "PENDING UNREACHABLE:interim UNREACHABLE",
        "failed": "CARRIER_UNREACHABLE",
        "expired": "PENDING TTL_EXPIRED",
        "corrected": "PENDING UNREACHABLE DELIVERED",
        "code-then-none": "PENDING UNREACHABLE UNREACHABLE",  # no failure has another code than its word
        "code-learnt-late": "PENDING UNREACHABLE UNREACHABLE",
        "new-code": "PENDING CARRIER_BLOCKED",
        "new-word": "PENDING TELEPORTED DELIVERED",
        "long-way": "QUEUED PENDING SUCCESSFUL:interim CARRIER_UNREACHABLE:interim DELIVERED",
        "refused": "!INVALID_PARAMETER",
        "opted-out": "!DESTINATION_PHONE_NUMBER_OPTED_OUT",
        "locked-out": "!UnrecognizedClientException",
    },
    statuses={
        "DELIVERED": "delivered",
        "SUCCESSFUL": "unknown",
        "UNKNOWN": "unknown",
        "TTL_EXPIRED": "expired",
        "UNREACHABLE": "undelivered",
        "CARRIER_UNREACHABLE": "undelivered",
        "CARRIER_BLOCKED": "undelivered",
    },
    dated=True,
    message_id=_message_id,
    reports_to=_reports_to,
)
