"""A deployed stack as an operator's command sees it: by its name, its outputs and its functions' settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import boto3

from sms_tracker.aws.bus import EventBus
from sms_tracker.aws.clients import api
from sms_tracker.aws.reconcile_state import DynamoReconcileState
from sms_tracker.aws.search import MessageSearch
from sms_tracker.aws.store import MessageStore
from sms_tracker.config import load
from sms_tracker.config.publisher import PublisherConfig
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.services.publish import Policy

DEFAULT = "sms-tracker"


@dataclass
class Stack:
    """What is asked of AWS is asked when it is first needed, and once.

    ``damaged`` says of each record that a command had to leave out why it cannot be read.
    """

    name: str
    damaged: dict[str, str] = field(default_factory=dict, init=False)

    def leave_out(self, message_id: str, error: SmsTrackerError) -> None:
        """Note a record that cannot be read, so that the others can be dealt with."""
        self.damaged[message_id] = str(error)

    @cached_property
    def outputs(self) -> dict[str, str]:
        (found,) = boto3.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def output(self, name: str) -> str:
        """One output; raises ``ValueError`` where the stack has none of that name."""
        if name not in self.outputs:
            raise ValueError(f"stack {self.name} has no output {name}; is it sms-tracker's, and of this version?")
        return self.outputs[name]

    @cached_property
    def search(self) -> MessageSearch:
        return MessageSearch(api("dynamodb"), self.output("MessagesTableName"))

    @cached_property
    def store(self) -> MessageStore:
        return MessageStore(api("dynamodb"), self.output("MessagesTableName"))

    @cached_property
    def agenda(self) -> DynamoReconcileState:
        messages, state = (self.output(f"{name}TableName") for name in ("Messages", "State"))
        return DynamoReconcileState(api("dynamodb"), messages=messages, state=state)

    @cached_property
    def bus(self) -> EventBus:
        return EventBus(api("events"), self.output("BusName"))

    @cached_property
    def policy(self) -> Policy:
        """What the publisher publishes at present."""
        config = load(PublisherConfig, self.variables("publisher"))
        return Policy(statuses=config.published_statuses, personal_data=config.event_personal_data)

    def variables(self, function: str) -> Mapping[str, str]:
        """The environment of a function, named as its folder is."""
        found = boto3.client("lambda").get_function_configuration(FunctionName=f"{self.name}-{function}")
        return found["Environment"]["Variables"]
