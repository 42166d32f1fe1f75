"""Let time pass for a stored message: no test can move the functions' clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from local.stack import Stack
from sms_tracker.domain.report import timestamp


def let_time_pass(stack: Stack, message_id: str, *, age: timedelta = timedelta(0)) -> None:
    """End the message's claim and make its next check due; with an age, it was created so long ago."""
    now = datetime.now(UTC)
    values = {":now": {"N": str(int(now.timestamp()))}, ":then": {"S": timestamp(now - age)}}
    stack.clients.dynamodb.update_item(
        TableName=stack.deployment.outputs["MessagesTableName"],
        Key={"message_id": {"S": message_id}},
        UpdateExpression="SET #send.#until = :now, due_at = :then" + (", created_at = :then" if age else ""),
        ExpressionAttributeNames={"#send": "send", "#until": "until"},
        ExpressionAttributeValues=values,
    )
