"""DynamoDB update expressions: the attributes that a change sets, and the condition of its write.

All attribute names are aliased (``#status``), because many are reserved words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sms_tracker.aws.api import typed
from sms_tracker.aws.items import attention, cost_name, cost_text, entry_values, failure_values
from sms_tracker.domain.indexes import provider_keys
from sms_tracker.domain.record import MAX_REPORTS, Change, Guard, SendPhase
from sms_tracker.domain.report import spellings
from sms_tracker.domain.state import State


@dataclass(slots=True)
class Update:
    """The expressions of one UpdateItem, built part by part."""

    sets: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    adds: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def path(self, name: str, *inner: str) -> str:
        """A document path, with every part aliased."""
        alias = self.aliases.setdefault(name, f"#{name}" if name.isidentifier() else f"#n{len(self.aliases)}")
        return f"{alias}.{self.path(*inner)}" if inner else alias

    def value(self, value: object) -> str:
        """A placeholder for a value."""
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = typed(value)
        return placeholder

    def set(self, value: object, *parts: str) -> None:
        """Assign a value; None removes the attribute."""
        if value is None:
            self.removes.append(self.path(*parts))
        else:
            self.sets.append(f"{self.path(*parts)} = {self.value(value)}")

    def set_once(self, value: object, name: str) -> None:
        """Assign unless the attribute exists; None is skipped."""
        if value is not None:
            path = self.path(name)
            self.sets.append(f"{path} = if_not_exists({path}, {self.value(value)})")

    def set_highest(self, value: object, name: str, *, may_equal: bool) -> None:
        """Assign, and require that the attribute is absent or lower (or equal, if ``may_equal``)."""
        path, placeholder = self.path(name), self.value(value)
        self.sets.append(f"{path} = {placeholder}")
        self.require(f"(attribute_not_exists({path}) OR {path} {'<=' if may_equal else '<'} {placeholder})")

    def add(self, value: object, name: str) -> None:
        """Add to a number or a set; a missing one is 0, or empty."""
        self.adds.append(f"{self.path(name)} {self.value(value)}")

    def require(self, condition: str) -> None:
        """Add a condition; all must hold."""
        self.conditions.append(condition)

    def arguments(self) -> dict[str, Any]:
        """The arguments of UpdateItem, without table and key."""
        clauses = [("SET", self.sets), ("REMOVE", self.removes), ("ADD", self.adds)]
        return {
            "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts),
            "ConditionExpression": " AND ".join(self.conditions),
            "ExpressionAttributeNames": {alias: name for name, alias in self.aliases.items()},
            **({"ExpressionAttributeValues": self.values} if self.values else {}),
        }


def update_of(message_id: str, change: Change, *, keep_fields: bool, drop_text: bool) -> Update:
    """The UpdateItem that performs ``change``. Its conditions by guard:

        condition                                                FIRST  SEEN  LATE
        the record exists                                          x      x     x
        reports: none of the change's, and room for them           x      x     x
        to: the reports' recipient, or forgotten                   x      x     x
        order: lower than the change's                             x
        failure: none, if the change has one                       x
        ids of its attempts: none, or the same                     x
        version: the one read                                             x
        cost of an attempt: at most the change's, if any           x      x     x

    A change of costs alone requires lower stored costs, so that each applied write changes something.

    ``drop_text`` removes the message's text once its status is final.
    """
    update = Update()
    update.require(f"attribute_exists({update.path('message_id')})")
    _add_reports(update, change, keep_fields=keep_fields)
    for attempt, cost in sorted(change.costs.items()):
        update.set_highest(cost_text(cost), cost_name(attempt), may_equal=not change.has_only_costs)
    if change.phase is not None:
        update.set(str(change.phase), "send", "state")
    if change.phase is SendPhase.ANSWERED:  # ends the claim; no further attempt needs these
        update.set("", "send", "token")
        update.set(0, "send", "until")
        update.set(None, "validity_seconds")
    if change.guard is not Guard.LATE and change.state is not None:
        _add_condition(update, change, change.state)
        set_state(update, message_id, change.state, change.now)
        if change.guard is Guard.SEEN and change.state.failure is None:
            update.set(None, "failure")  # a repair may find no report of it
        if drop_text and change.state.status.final:
            update.set(None, "body")
    return update


def _add_reports(update: Update, change: Change, *, keep_fields: bool) -> None:
    ours = []
    for report in change.added:
        fingerprint, older = report.fingerprints
        foreign = fingerprint in change.foreign
        for known in (fingerprint, older):
            update.require(f"attribute_not_exists({update.path('reports', known)})")
        update.set(entry_values(report, foreign=foreign, keep_fields=keep_fields), "reports", fingerprint)
        if not foreign:
            ours.append(report)
    # An expression can set a path only once: the first report with a network sets it.
    update.set_once(next((report.network for report in ours if report.network), None), "network")
    if change.added:
        room = MAX_REPORTS - len(change.added)
        update.require(f"size({update.path('reports')}) <= {update.value(room)}")
    for recipient in sorted({spellings(report.recipient) for report in ours if report.recipient}):
        to = update.path("to")  # absent once the recipient is forgotten
        same = " OR ".join(f"{to} = {update.value(each)}" for each in recipient)
        update.require(f"({same} OR attribute_not_exists({to}))")


def _add_condition(update: Update, change: Change, state: State) -> None:
    if change.guard is Guard.SEEN:
        update.require(f"{update.path('version')} = {update.value(change.version)}")
        return
    update.require(f"{update.path('order')} < {update.value(state.order)}")
    if state.failure is not None:
        update.require(f"attribute_not_exists({update.path('failure')})")
    if state.other_ids:
        update.require(f"attribute_not_exists({update.path('other_ids')})")
    for attempt in sorted({state.attempt, *state.ids}):
        path, provider_id = update.path("ids", str(attempt)), state.ids.get(attempt)
        same = f" OR {path} = {update.value(provider_id)}" if provider_id else ""
        update.require(f"(attribute_not_exists({path}){same})")


def set_state(update: Update, message_id: str, state: State, now: str) -> None:
    """Set the attributes of ``state`` and the index keys, and raise the version."""
    version = update.path("version")
    update.sets.append(f"{version} = {version} + {update.value(1)}")
    update.set(now, "updated_at")
    update.set(str(state.status), "status")
    update.set(state.order, "order")
    update.set(state.attempt, "attempt")
    update.set(state.status.final, "final")
    update.set(state.at, "status_at")
    update.set(state.provider, "provider")
    current_id = state.provider_message_id
    update.set(provider_keys(state.provider, current_id)[0] if current_id else None, "provider_key")
    for attempt, provider_id in sorted(state.ids.items()):
        update.set(provider_id, "ids", str(attempt))
    if state.other_ids:
        update.set({f"{attempt}#{other}" for attempt, other in state.other_ids}, "other_ids")
    if state.failure is not None:
        update.set(failure_values(state.failure), "failure")
    key = attention(state, message_id, now)
    if key or state.status.final:
        update.set(key, "attention")
        update.set(now if key else None, "due_at")
