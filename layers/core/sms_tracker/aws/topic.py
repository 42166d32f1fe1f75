"""SNS: one notification to whoever subscribed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sms_tracker.aws.errors import translate

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class SnsTopic:
    """One topic behind :class:`sms_tracker.domain.ports.Topic`."""

    def __init__(self, client: SNSClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, subject: str, text: str) -> None:
        """One Publish; ``subject`` is at most 100 ASCII characters, ``text`` at most 256 KiB."""
        try:
            self._client.publish(TopicArn=self._arn, Subject=subject, Message=text)
        except (ClientError, BotoCoreError) as error:
            raise translate("Publish", error) from error
