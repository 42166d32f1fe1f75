"""The simulated AWS End User Messaging SMS. botocore's service model validates the requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.simulators.aws.report import Settings
from local.simulators.aws.server import Aws
from local.simulators.base import Destination, SimulatedProvider

__all__ = ["SIMULATOR", "Settings"]


def _credentials(api_url: str) -> dict[str, str]:
    """The template's settings, with the simulator's address."""
    return {
        "sms_region": Settings().region,
        "configuration_set": "sms-tracker-sms",
        "carrier_accepted": "CH",
        "api_url": api_url,
    }


def _message_id(entry: Mapping[str, Any]) -> str:
    return str(entry["extra"]["context"]["message_id"])


def _reports_to(stack: Destination) -> Mapping[str, str]:
    """The topic of the template, if the stack has one."""
    topic = stack.outputs.get("AwsEventsTopicArn", "")
    return {"aws_url": stack.aws_url, "topic_arn": topic} if topic else {}


_UNREACHABLE = "UNREACHABLE.final:UNREACHABLE"

SIMULATOR = SimulatedProvider(
    title="Aws",
    settings=Settings,
    account=Aws,
    credentials=_credentials,
    parameters={
        "AwsSender": "pool-0123456789abcdef0123456789abcdef",
        "AwsMessageType": "TRANSACTIONAL",
        "AwsCarrierAccepted": "CH",
    },
    courses={  # of a final failure the word is the code too
        "delivered": "PENDING DELIVERED.final",
        "read": "PENDING DELIVERED.final",  # AWS does not report reading
        "undelivered": f"PENDING UNREACHABLE {_UNREACHABLE}",
        "failed": "CARRIER_UNREACHABLE.final:CARRIER_UNREACHABLE",
        "expired": "PENDING TTL_EXPIRED.final:TTL_EXPIRED",
        "corrected": f"PENDING {_UNREACHABLE} DELIVERED.final",
        "code-then-none": f"PENDING {_UNREACHABLE}",  # no failure is without a code
        "code-learnt-late": f"PENDING {_UNREACHABLE}",
        "new-code": "PENDING CARRIER_BLOCKED.final:CARRIER_BLOCKED",
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
    readable=False,
    message_id=_message_id,
    reports_to=_reports_to,
)
