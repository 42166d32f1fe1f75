"""Incidents at fixed points of a run: killed workers, poison records, rotated secrets."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from local.chaos.rotation import Rotation
from local.chaos.workers import Workers
from local.stack import Stack

_KILLS, _POISON = 12, 3


class Incidents:
    """``poison`` are the message ids of stream records that no code can read."""

    def __init__(self, stack: Stack, workers: Workers, *, total: int, seed: int, say: Callable[[str], None]) -> None:
        self._stack, self._workers, self._total, self._say = stack, workers, total, say
        self._random = Random(f"run {seed}")  # noqa: S311 - repeatable
        self._rotation = Rotation(stack)
        self._rotation.announce()
        self.poison: list[str] = []

    def after(self, done: int) -> None:
        """Run what is due after ``done`` messages."""
        total = self._total
        if done % max(1, total // _KILLS) == 0:
            self._workers.kill_any(self._random)  # the proxy kills busy ones; this one may be idle
        if done % max(1, total // _POISON) == total // (2 * _POISON):
            self._poison_the_stream()
        if done == total // 2:
            self._rotation.rotate()
            self._say("  the providers now sign with their next secrets")
        if done == total * 3 // 4:
            self._rotation.finish()
        if done % max(1, total // 10) == 0:
            self._say(f"  {done} of {total} sent")

    def _poison_the_stream(self) -> None:
        """Write a record that no code can read, and change it."""
        name = f"poison-{len(self.poison)}"
        self.poison.append(name)
        table, dynamodb = self._stack.deployment.outputs["MessagesTableName"], self._stack.clients.dynamodb
        dynamodb.put_item(TableName=table, Item={"message_id": {"S": name}, "version": {"S": "one"}})
        dynamodb.update_item(
            TableName=table,
            Key={"message_id": {"S": name}},
            UpdateExpression="SET version = :two",
            ExpressionAttributeValues={":two": {"S": "two"}},
        )
