"""One run of the chaos suite: a spoiled stack, its clients, a quiet phase in which all must settle, the evidence."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlsplit

import httpx

from local import ledger, simulators
from local.chaos.faults import Faults
from local.chaos.plan import Message, plan
from local.chaos.proxy import Proxy
from local.chaos.senders import Senders
from local.chaos.stream import StreamMapping, published, wait_for
from local.chaos.verdict import Evidence
from local.chaos.workers import Workers
from local.package import BUILD
from local.process import StackError
from local.stack import NAME, Stack
from local.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How long things take; everything else is the deployed template's. Seconds."""

    hangs: bool
    claim: int
    visibility: int
    reconcile_after: int
    unknown_after: int
    reconcile_every: float
    at_once: int


FULL = Scale(
    hangs=True, claim=33, visibility=25, reconcile_after=20, unknown_after=100, reconcile_every=8.0, at_once=12
)
SHORT = Scale(hangs=False, claim=10, visibility=10, reconcile_after=4, unknown_after=22, reconcile_every=3.0, at_once=8)
"""Without hanging sends a claim need not cover them, and all that waits for an age waits less."""

_NEXT = {"twilio": ("auth_token", "f" * 32), "messagebird": ("signing_key", "the next signing key, 32 bytes or more")}
"""The secret that signs each provider's reports, and what it is rotated to."""
_QUEUES = ("ReportsDlqUrl", "UnmatchedQueueUrl", "PublishFailedQueueUrl", "FailuresDlqUrl", "FailureRuleDlqUrl")
_KILLS, _POISON = 12, 3
_PAGE = 100
_RECONCILER_SECONDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run found, and what it did to the service, by kind."""

    evidence: Evidence
    injected: Mapping[str, Mapping[str, int]]


def run(count: int, seed: int, scale: Scale, say: Callable[[str], None]) -> Outcome:
    """Send ``count`` messages through chaos and collect the evidence; raises ``StackError`` where it cannot."""
    with ExitStack() as exit_stack:
        chaos = _Chaos(count, seed, scale, say)
        exit_stack.callback(chaos.proxy.close)
        stack = exit_stack.enter_context(
            Stack(
                parameters={
                    "ReconcileAfterSeconds": str(scale.reconcile_after),
                    "UnknownAfterSeconds": str(scale.unknown_after),
                    "LookupsPerSecond": "50",
                },
                transform=chaos.transform,
                log_dir=BUILD / "logs-chaos",
                progress=say,
            )
        )
        return chaos.go(stack)


class _Chaos:
    """The parts of one run."""

    def __init__(self, count: int, seed: int, scale: Scale, say: Callable[[str], None]) -> None:
        self._scale, self._say, self._seed = scale, say, seed
        self._plan = plan(count, seed, hangs=scale.hangs)
        self._random = Random(f"run {seed}")  # noqa: S311 - repeatable
        self._workers = Workers()
        self._faults = Faults(seed)
        self.proxy = Proxy(self._faults, self._workers.kill_speaker)
        self._poison: list[str] = []
        self._reconciled: Counter[str] = Counter()

    def transform(self, template: Template) -> Template:
        """The functions reach AWS through the proxy, the stream is read by us, and waiting is shorter."""
        resources = template["Resources"]
        template["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = self.proxy.url
        resources["PublisherFunction"]["Properties"]["Events"]["Changes"]["Properties"]["Enabled"] = False
        resources["ReportsQueue"]["Properties"]["VisibilityTimeout"] = self._scale.visibility
        reconciler = resources["ReconcilerFunction"]["Properties"]
        reconciler["Timeout"] = _RECONCILER_SECONDS
        reconciler["Environment"]["Variables"]["RUN_SECONDS"] = str(_RECONCILER_SECONDS // 2)
        for name in ("ReconcileAfterSeconds", "UnknownAfterSeconds"):
            del template["Parameters"][name]["MinValue"]
        for name in ("SendFunction", "ReconcilerFunction"):
            resources[name]["Properties"]["Environment"]["Variables"]["CLAIM_SECONDS"] = str(self._scale.claim)
        return template

    def go(self, stack: Stack) -> Outcome:
        """Everything, in its order."""
        self._stack = stack
        self.proxy.open(urlsplit(stack.clients.endpoint).port or 0)
        self._workers.below(stack.emulator_pid)
        self._announce_rotation()
        self._script()
        events = stack.observe_events()
        table = stack.deployment.outputs["MessagesTableName"]
        self._mapping = StreamMapping(stack.clients, table=table, function=f"{NAME}-publisher")
        self._mapping.start()
        key = stack.create_key("chaos", {"send", "read"})
        stack.warm_up(key)
        senders = Senders(
            stack.api_url, key, seed=self._seed, at_once=self._scale.at_once, progress=self._progress
        )
        try:
            self._stormy(senders)
            self._quiet(senders)
            return self._outcome(senders, key, self._received(events))
        finally:
            self._mapping.stop()
            senders.close()

    def _stormy(self, senders: Senders) -> None:
        self._say(f"sending {len(self._plan)} messages through chaos (seed {self._seed})")
        self._faults.active = True
        with self._reconciling():
            senders.send(self._plan)
        self._faults.active = False

    def _quiet(self, senders: Senders) -> None:
        """No more faults: what is open must be closed by what the service does by itself."""
        self._say("quiet: clients ask again, reports come in, the reconciler closes what is open")
        began = time.monotonic()
        patience = self._scale.claim + self._scale.unknown_after + 60.0
        insisting = threading.Thread(target=senders.insist, args=(self._plan, patience), daemon=True)
        insisting.start()
        told = 0.0
        while time.monotonic() < began + patience:
            self._reconcile()
            for url in self._stack.simulator_urls.values():
                httpx.get(f"{url}/_control/idle", params={"timeout": 10}, timeout=20)
            open_ids = self._open()
            if not open_ids and not insisting.is_alive() and self._drained() and self._mapping.settled(5):
                return
            if time.monotonic() > told + 10:  # noqa: PLR2004 - a line now and then
                self._say(f"  {len(open_ids)} open after {time.monotonic() - began:.0f} s of quiet")
                told = time.monotonic()
            insisting.join(1)
            if not insisting.is_alive():
                time.sleep(1)  # what is open waits for an age, which nobody announces
        self._say("  not everything came to rest")

    def _open(self) -> list[str]:
        """What has no final status; nobody asks again for what is released, and that it was not sent takes longer."""
        return [
            image.message_id
            for image in list(self._mapping.latest.values())
            if not image.final and image.send != "released" and image.message_id not in self._poison
        ]

    def _drained(self) -> bool:
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        url = self._stack.deployment.outputs["ReportsQueueUrl"]
        answer = self._stack.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)  # type: ignore[arg-type]  # made of known names
        return not any(int(value) for value in answer["Attributes"].values())

    def _progress(self, done: int) -> None:
        """Called after each message: what is to happen at a point of the run happens here."""
        total = len(self._plan)
        if done % max(1, total // _KILLS) == 0:
            self._kill_one()
        if done % max(1, total // _POISON) == total // (2 * _POISON):
            self._poison_the_stream()
        if done == total // 2:
            self._rotate()
        if done == total * 3 // 4:
            self._forget_old_secrets()
        if done % max(1, total // 10) == 0:
            self._say(f"  {done} of {total} sent")

    def _kill_one(self) -> None:
        """A worker of any function, busy or not; the proxy kills others in the middle of a call."""
        by_function = defaultdict(list)
        for pid, function in self._workers.all().items():
            by_function[function].append(pid)
        if by_function:
            self._workers.kill(self._random.choice(by_function[self._random.choice(sorted(by_function))]))

    def _poison_the_stream(self) -> None:
        """A record that no code can read is written, and changed."""
        name = f"poison-{len(self._poison)}"
        self._poison.append(name)
        table, dynamodb = self._stack.deployment.outputs["MessagesTableName"], self._stack.clients.dynamodb
        dynamodb.put_item(TableName=table, Item={"message_id": {"S": name}, "version": {"S": "one"}})
        dynamodb.update_item(
            TableName=table,
            Key={"message_id": {"S": name}},
            UpdateExpression="SET version = :two",
            ExpressionAttributeValues={":two": {"S": "two"}},
        )

    def _script(self) -> None:
        for provider, url in self._stack.simulator_urls.items():
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as simulator:
                for message in self._plan:
                    if message.provider == provider:
                        script = {"to": message.to, "script": dict(message.script)}
                        simulator.put("/_control/scenario", json=script).raise_for_status()

    def _announce_rotation(self) -> None:
        """As operators do: first the next secret is accepted, then the provider begins to use it."""
        for provider, (entry, new) in _NEXT.items():
            self._secret(provider, {f"next_{entry}": new})

    def _rotate(self) -> None:
        old = {"secondary_auth_token": simulators.TWILIO_AUTH_TOKEN}  # still good to log in with
        for provider, (entry, new) in _NEXT.items():
            changes = {entry: new} | (old if provider == "twilio" else {})
            url = self._stack.simulator_urls[provider]
            httpx.put(f"{url}/_control/settings", json=changes).raise_for_status()
        self._say("  both providers sign with their next secrets from here on")

    def _forget_old_secrets(self) -> None:
        for provider, (entry, new) in _NEXT.items():
            self._secret(provider, {entry: new, f"next_{entry}": ""})

    def _secret(self, provider: str, changes: Mapping[str, str]) -> None:
        ssm, name = self._stack.clients.ssm, f"{self._stack.deployment.outputs['SettingsPrefix']}/secrets/{provider}"
        document = json.loads(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]) | dict(changes)
        kept = {entry: value for entry, value in document.items() if value}
        ssm.put_parameter(Name=name, Value=json.dumps(kept), Type="SecureString", Overwrite=True)

    @contextmanager
    def _reconciling(self) -> Iterator[None]:
        """The reconciler's schedule, faster."""
        ended = threading.Event()

        def repeat() -> None:
            while not ended.wait(self._scale.reconcile_every):
                self._reconcile()

        schedule = threading.Thread(target=repeat, name="reconciler", daemon=True)
        schedule.start()
        yield
        ended.set()
        schedule.join()

    def _reconcile(self) -> None:
        answer = self._stack.clients.functions.invoke(FunctionName=f"{NAME}-reconciler")
        result = json.loads(answer["Payload"].read() or b"null")
        self._reconciled["runs"] += 1
        if answer.get("FunctionError"):
            self._reconciled["runs that failed"] += 1
        elif isinstance(result, dict):
            self._reconciled.update(result)

    def _received(self, queue: Any) -> list[dict[str, Any]]:
        """Every event on the bus, once what must be there has come or patience ends."""
        wanted = {
            (change.new.message_id, change.new.version)
            for change in self._mapping.history
            if published(change) and change.new.message_id not in self._poison
        }
        received: list[dict[str, Any]] = []

        def complete() -> bool:
            received.extend(json.loads(body)["detail"] for body in queue.drain(wait_seconds=1))
            return wanted <= {(event["message_id"], event["version"]) for event in received}

        wait_for(complete, 15)
        return received

    def _outcome(self, senders: Senders, key: str, events: Sequence[Mapping[str, Any]]) -> Outcome:
        books = {name: ledger.books(url) for name, url in self._stack.simulator_urls.items()}
        self._say("comparing the providers' books, our records, the table's history and the events")
        evidence = Evidence(
            plan=self._plan,
            promises=senders.promises,
            records=self._records(key),
            books=books,
            history=self._mapping.history,
            events=events,
            queues={name: self._taken_from(name) for name in _QUEUES},
            poison=frozenset(self._poison),
        )
        calls = Counter({f"{operation}: {fault}": n for (operation, fault), n in self._faults.injected.items()})
        callbacks = Counter(
            f"answered {callback['status'] or callback['error'] or 'never'}"
            for book in books.values()
            for entry in book["messages"]
            for callback in entry["callbacks"]
        )
        return Outcome(
            evidence=evidence,
            injected={
                "providers": Counter(message.way for message in self._plan),
                "clients": Counter(message.client for message in self._plan),
                f"AWS calls, of {self._faults.calls}": calls,
                "workers killed": self._workers.killed,
                "stream": self._mapping.met + Counter({"poison records": len(self._poison)}),
                "answers to clients": senders.met,
                "callbacks": callbacks,
                "reconciler": self._reconciled,
            },
        )

    def _records(self, key: str) -> dict[str, list[dict[str, Any]]]:
        """Every record as its client sees it, by recipient."""
        found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        query: dict[str, str | int] = {"limit": _PAGE}
        headers = {"authorization": f"Bearer {key}"}
        with httpx.Client(base_url=self._stack.api_url, headers=headers, timeout=40, trust_env=False) as api:
            while True:
                page = api.get("/messages", params=query).raise_for_status().json()
                for record in page["messages"]:
                    found[record["to"]].append(record)
                if page["cursor"] is None:
                    return dict(found)
                query["cursor"] = page["cursor"]

    def _taken_from(self, name: str) -> list[str]:
        sqs, url = self._stack.clients.sqs, self._stack.deployment.outputs.get(name)
        if url is None:
            raise StackError(f"the template has no output {name}")
        bodies: list[str] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", []):
            bodies += [message["Body"] for message in messages]
        return bodies
