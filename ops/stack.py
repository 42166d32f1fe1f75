"""A deployed stack for operators' commands: its outputs, its functions' settings, and its adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.command import SECONDS
from sms_tracker.aws.clients import api, client
from sms_tracker.aws.limits import LimitCounterStore, SendingStopStore
from sms_tracker.aws.messaging import EventBus
from sms_tracker.aws.opt_outs import OptOutStore
from sms_tracker.aws.outbox import OutboxStore
from sms_tracker.aws.reconcile_state import ReconcileStateStore
from sms_tracker.aws.settings import SsmSettings
from sms_tracker.aws.store import MessageSearch, MessageStore
from sms_tracker.config import PublisherConfig, SendConfig, load
from sms_tracker.domain.errors import SmsTrackerError
from sms_tracker.domain.settings import ScopeMode
from sms_tracker.services.publish import PublishPolicy

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


@dataclass
class Stack:
    """Each value is read from AWS once, on first use.

    ``unreadable`` has the reason for each record that a command skipped.
    """

    name: str
    unreadable: dict[str, str] = field(default_factory=dict, init=False)

    def skip(self, message_id: str, error: SmsTrackerError) -> None:
        """Note an unreadable record; the command continues with the others."""
        self.unreadable[message_id] = str(error)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs; raises ``ValueError`` for a missing or never completed stack."""
        cloudformation = client("cloudformation", timeout=SECONDS)
        try:
            (found,) = cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise ValueError(f"no stack {self.name} in {cloudformation.meta.region_name}") from None
        if not found.get("Outputs"):
            raise ValueError(f"stack {self.name} has no outputs, its status is {found['StackStatus']}")
        return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}

    def output(self, name: str) -> str:
        """One output; raises ``ValueError`` for an unknown name."""
        if name not in self.outputs:
            raise ValueError(f"stack {self.name} has no output {name}; is it an sms-tracker stack of this version?")
        return self.outputs[name]

    @cached_property
    def search(self) -> MessageSearch:
        return MessageSearch(api("dynamodb"), self.output("MessagesTableName"))

    @cached_property
    def store(self) -> MessageStore:
        return MessageStore(api("dynamodb"), self.output("MessagesTableName"))

    @cached_property
    def reconcile_state(self) -> ReconcileStateStore:
        messages, state = (self.output(f"{name}TableName") for name in ("Messages", "State"))
        return ReconcileStateStore(api("dynamodb"), messages=messages, state=state)

    @cached_property
    def bus(self) -> EventBus:
        return EventBus(api("events"), self.output("BusName"))

    @cached_property
    def policy(self) -> PublishPolicy:
        """The publisher's current policy."""
        config = load(PublisherConfig, self.variables("publisher"))
        return PublishPolicy(statuses=config.published_statuses, personal_data=config.event_personal_data)

    @cached_property
    def sending(self) -> SendConfig | None:
        """The settings of ``send``; None before the first deployment."""
        try:
            return load(SendConfig, self.variables("send"))
        except client("lambda", timeout=SECONDS).exceptions.ResourceNotFoundException:
            return None

    @cached_property
    def countries(self) -> frozenset[str] | None:
        """The allowed countries, ISO 3166; None for all."""
        return load(SendConfig, self.variables("send")).allowed_countries.countries

    @cached_property
    def opt_out_scope(self) -> ScopeMode:
        """The reach of an opt-out."""
        return load(SendConfig, self.variables("send")).opt_out_scope

    @cached_property
    def opt_outs(self) -> OptOutStore:
        """The stored opt-outs; reads the service's own key."""
        settings = SsmSettings(api("ssm"), f"/{self.name}", (), jitter=lambda: 0.0)
        messages, state = (self.output(f"{name}TableName") for name in ("Messages", "State"))
        return OptOutStore(api("dynamodb"), state=state, messages=messages, key=lambda: settings().service_key)

    @cached_property
    def sending_stops(self) -> SendingStopStore:
        return SendingStopStore(api("dynamodb"), self.output("StateTableName"))

    @cached_property
    def limit_counters(self) -> LimitCounterStore:
        return LimitCounterStore(api("dynamodb"), self.output("StateTableName"))

    @cached_property
    def outbox(self) -> OutboxStore:
        return OutboxStore(api("dynamodb"), self.output("MessagesTableName"))

    def variables(self, function: str) -> Mapping[str, str]:
        """The variables of a function, named as its folder."""
        found = client("lambda", timeout=SECONDS).get_function_configuration(FunctionName=f"{self.name}-{function}")
        variables: Mapping[str, str] = found["Environment"]["Variables"]
        return variables


def parameter(ssm: SSMClient, name: str, *, decrypt: bool = False) -> str | None:
    """The value of a parameter in Parameter Store; None if it does not exist."""
    try:
        return ssm.get_parameter(Name=name, WithDecryption=decrypt)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return None
