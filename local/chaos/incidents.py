"""Incidents at fixed points of a run: killed workers, poison records, rotated secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random

import httpx

from local import simulators
from local.chaos.workers import Workers
from local.process import Progress
from local.stack import Stack

_KILLS, _POISON = 12, 3


class Incidents:
    """Runs each incident when it is due. ``poison`` are the ids of stream records that no code can read."""

    def __init__(self, stack: Stack, workers: Workers, *, total: int, seed: int, progress: Progress) -> None:
        self._stack, self._workers, self._total, self._progress = stack, workers, total, progress
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
            self._progress("  the providers now sign with their next secrets")
        if done == total * 3 // 4:
            self._rotation.finish()
        if done % max(1, total // 10) == 0:
            self._progress(f"  {done} of {total} sent")

    def _poison_the_stream(self) -> None:
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


class Rotation:
    """Rotates the providers' secrets in the three steps of the operators' guide, each run once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        found = {name: simulators.load(name).signing for name in stack.simulator_urls}
        self._signings = {name: signing for name, signing in found.items() if signing}

    def announce(self) -> None:
        """The service accepts the next secret too."""
        for provider, signing in self._signings.items():
            self._change(provider, {f"next_{signing.entry}": signing.successor})

    def rotate(self) -> None:
        """The providers sign with it."""
        for provider, signing in self._signings.items():
            url = self._stack.simulator_urls[provider]
            httpx.put(f"{url}/_control/settings", json=dict(signing.rotated)).raise_for_status()

    def finish(self) -> None:
        """The service no longer accepts the old secret."""
        for provider, signing in self._signings.items():
            self._change(provider, {signing.entry: signing.successor, f"next_{signing.entry}": ""})

    def _change(self, provider: str, changes: Mapping[str, str]) -> None:
        ssm, name = self._stack.clients.ssm, f"{self._stack.deployment.outputs['SettingsPrefix']}/secrets/{provider}"
        document = json.loads(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]) | dict(changes)
        kept = {entry: value for entry, value in document.items() if value}
        ssm.put_parameter(Name=name, Value=json.dumps(kept), Type="SecureString", Overwrite=True)
