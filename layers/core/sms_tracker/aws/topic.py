"""SNS: one notification to whoever subscribed."""

from __future__ import annotations

from sms_tracker.aws.api import Api


class SnsTopic:
    """One topic behind :class:`sms_tracker.domain.ports.Topic`."""

    def __init__(self, sns: Api, arn: str) -> None:
        self._sns = sns
        self._arn = arn

    def publish(self, subject: str, text: str) -> None:
        """One Publish; ``subject`` is at most 100 ASCII characters, ``text`` at most 256 KiB."""
        self._sns("Publish", TopicArn=self._arn, Subject=subject, Message=text)
