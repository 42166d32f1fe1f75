"""Observe the service as a consumer, with a queue on its bus or topic; read logs, pause consumers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from local.clients import Clients

_DAY = "86400"


class Queue:
    """A queue that collects published messages."""

    def __init__(self, clients: Clients, name: str) -> None:
        self._sqs = clients.sqs
        self.url = self._sqs.create_queue(QueueName=name, Attributes={"MessageRetentionPeriod": _DAY})["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]
        self.arn = attributes["QueueArn"]

    def allow(self, service: str, source_arn: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def drain(self, *, wait_seconds: int = 0) -> list[str]:
        """Receive and delete every message; if there is none, wait up to ``wait_seconds`` (20 at most)."""
        bodies: list[str] = []
        while messages := self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=0 if bodies else wait_seconds
        ).get("Messages", []):
            for message in messages:
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(message["Body"])
        return bodies


def events(clients: Clients, *, bus: str, pattern: Mapping[str, object], name: str = "observed-events") -> Queue:
    """Collect the events on ``bus`` that match ``pattern``; each body is one event as JSON."""
    queue = Queue(clients, name)
    rule = clients.events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    queue.allow("events.amazonaws.com", rule["RuleArn"])
    clients.events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "observer", "Arn": queue.arn}])
    return queue


def notifications(clients: Clients, *, topic_arn: str, name: str = "observed-digests") -> Queue:
    """Collect the topic's notifications; each body is the plain text of one."""
    queue = Queue(clients, name)
    queue.allow("sns.amazonaws.com", topic_arn)
    clients.sns.subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"}
    )
    return queue


def function_logs(clients: Clients, function_name: str) -> list[str]:
    """A function's log lines, oldest first."""
    missing = clients.logs.exceptions.ResourceNotFoundException
    try:
        pages = clients.logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function_name}")
        return [event["message"].rstrip("\n") for page in pages for event in page["events"]]
    except missing:  # it has not run yet
        return []


def limit_concurrency(clients: Clients, function_name: str, at_once: int) -> None:
    """Limit the concurrency of ``function_name`` on its queues.

    The template's parameter does not work here: the emulator reads it as text and stops polling every queue.
    """
    for mapping in clients.functions.list_event_source_mappings(FunctionName=function_name)["EventSourceMappings"]:
        clients.functions.update_event_source_mapping(
            UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": at_once}
        )


@contextmanager
def paused(clients: Clients, function_name: str) -> Iterator[None]:
    """Pause ``function_name``'s queues and streams inside the block.

    This replaces batch windows, which the emulator lacks, and simulates a consumer that is down.
    """
    mappings = clients.functions.list_event_source_mappings(FunctionName=function_name)["EventSourceMappings"]
    for mapping in mappings:
        clients.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        for mapping in mappings:
            clients.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
