"""One run of the chaos suite: faults while clients send, a quiet phase until everything settles, the evidence."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from local import ledger
from local.chaos import collect
from local.chaos.collect import FOLDER, RunLog
from local.chaos.deployment import LIMITS, PARAMETERS, Scale, with_faults
from local.chaos.evidence import Evidence
from local.chaos.faults import Faults
from local.chaos.incidents import Incidents
from local.chaos.plan import plan
from local.chaos.proxy import Proxy
from local.chaos.replies import Replies, people
from local.chaos.reply_checks import identity
from local.chaos.senders import Senders
from local.chaos.stream import STATUS_CHANGED, StreamMapping, published, wait_for
from local.chaos.workers import Workers
from local.process import Progress
from local.stack import NAME, Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The evidence of a run, and its injected faults by kind."""

    evidence: Evidence
    injected: Mapping[str, Mapping[str, int]]


def run(count: int, seed: int, scale: Scale, progress: Progress) -> Outcome:
    """Send ``count`` messages under faults and collect the evidence; raises ``StackError`` if the stack fails."""
    with ExitStack() as exit_stack:
        chaos = _Chaos(count, seed, scale, progress)
        exit_stack.callback(chaos.proxy.close)
        stack = exit_stack.enter_context(
            Stack(
                parameters=PARAMETERS,
                transform=lambda template: with_faults(template, proxy=chaos.proxy.url, scale=scale),
                log_dir=FOLDER,
                progress=progress,
            )
        )
        return chaos.go(stack)


class _Chaos:
    """The parts of one run."""

    def __init__(self, count: int, seed: int, scale: Scale, progress: Progress) -> None:
        self._scale, self._progress, self._seed = scale, progress, seed
        self._plan = plan(count, seed, hangs=scale.hangs)
        self._people = people(count // 6, seed)
        self._run_log = RunLog()
        self._workers = Workers(self._run_log.note)
        self._faults = Faults(seed)
        self.proxy = Proxy(self._faults, self._workers.kill_by_port, self._run_log.note)
        self._reconciled: Counter[str] = Counter()

    def go(self, stack: Stack) -> Outcome:
        """Run every phase."""
        self._stack = stack
        self.proxy.open(urlsplit(stack.clients.endpoint).port or 0)
        self._workers.below(stack.emulator_pid)
        total, seed = len(self._plan), self._seed
        self._incidents = Incidents(stack, self._workers, total=total, seed=seed, progress=self._progress)
        self._script()
        events = stack.observe_events(kinds=(STATUS_CHANGED, "SMS Received", "SMS Opt-Out Changed"))
        table = stack.deployment.outputs["MessagesTableName"]
        self._mapping = StreamMapping(stack.clients, table=table, function=f"{NAME}-publisher")
        self._mapping.start()
        stack.clients.ssm.put_parameter(Name=f"/{NAME}/limits", Value=json.dumps(LIMITS), Type="String")
        key = stack.create_key("chaos", {"send", "read"})
        stack.warm_up(key)
        self._replies = Replies(stack.simulator_urls, stack.api_url, key, has_opted_out=self._has_opted_out)
        senders = Senders(stack.api_url, key, seed=seed, at_once=self._scale.at_once, progress=self._incidents.after)
        try:
            self._inject(senders)
            self._settle(senders)
            self._run_log.save_function_logs(stack)
            return self._outcome(senders, key, self._received(events))
        finally:
            self._mapping.stop()
            senders.close()

    def _inject(self, senders: Senders) -> None:
        self._progress(f"sending {len(self._plan)} messages under faults (seed {self._seed})")
        self._faults.active = True
        with self._reconciling(), ThreadPoolExecutor(1) as aside:
            replying = aside.submit(self._replies.play, self._people)
            senders.send(self._plan)
            replying.result()
        self._faults.active = False

    def _settle(self, senders: Senders) -> None:
        """Wait, without faults, until every message has its final status."""
        self._progress("quiet phase: clients retry, reports arrive, the reconciler closes open messages")
        began = time.monotonic()
        patience = self._scale.claim + self._scale.unknown_after + self._scale.look_again_after + 60.0
        retrying = threading.Thread(target=senders.retry_open, args=(self._plan, patience), daemon=True)
        retrying.start()
        shown_at = 0.0
        while time.monotonic() < began + patience:
            rested = self._mapping.seconds_unchanged() > self._scale.look_again_after + 1
            self._reconcile()
            for url in self._stack.simulator_urls.values():
                httpx.get(f"{url}/_control/idle", params={"timeout": 10}, timeout=20)
            open_ids = self._open()
            calm = not open_ids and not retrying.is_alive() and self._drained() and self._mapping.settled(5)
            if calm and rested and self._mapping.seconds_unchanged() > self._scale.look_again_after:
                return  # the last run rechecked every failure and changed nothing
            if time.monotonic() > shown_at + 10:
                self._progress(f"  {len(open_ids)} open after {time.monotonic() - began:.0f} s of the quiet phase")
                shown_at = time.monotonic()
            retrying.join(1)
            if not retrying.is_alive():
                time.sleep(1)  # open messages wait for an age, which has no event
        self._progress("  some messages did not settle")

    def _open(self) -> list[str]:
        """Messages without a final status, except released ones, which wait longer for theirs."""
        return [
            image.message_id
            for image in list(self._mapping.latest.values())
            if not image.final and image.send != "released" and image.message_id not in self._incidents.poison
        ]

    def _has_opted_out(self, number: str) -> bool:
        details = (each.detail for each in list(self._mapping.outbox) if each.kind == "SMS Opt-Out Changed")
        return any(detail["blocked"] for detail in details if detail["to"] == number)

    def _drained(self) -> bool:
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        for output in ("ReportsQueueUrl", "InboundQueueUrl"):
            url = self._stack.deployment.outputs[output]
            answer = self._stack.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)  # type: ignore[arg-type]  # valid names
            if any(int(value) for value in answer["Attributes"].values()):
                return False
        return True

    def _script(self) -> None:
        for provider, url in self._stack.simulator_urls.items():
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as simulator:
                for message in self._plan:
                    if message.provider == provider:
                        script = {"to": message.to, "script": dict(message.script)}
                        simulator.put("/_control/scenario", json=script).raise_for_status()

    @contextmanager
    def _reconciling(self) -> Iterator[None]:
        """Run the reconciler on a faster schedule."""
        ended = threading.Event()

        def repeat() -> None:
            while not ended.wait(self._scale.reconcile_every):
                self._reconcile()

        schedule = threading.Thread(target=repeat, name="reconciler", daemon=True)
        schedule.start()
        try:
            yield
        finally:
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
        """Every event on the bus, once all expected ones arrived or 15 seconds passed."""
        wanted = {
            (change.new.message_id, change.new.version)
            for change in self._mapping.history
            if published(change) and change.new.message_id not in self._incidents.poison
        }
        wanted_others = {identity(each.kind, each.detail) for each in self._mapping.outbox}
        received: list[dict[str, Any]] = []

        def complete() -> bool:
            received.extend(json.loads(body) for body in queue.drain(wait_seconds=1))
            details = [each["detail"] for each in received if each["detail-type"] == STATUS_CHANGED]
            others = {identity(each["detail-type"], each["detail"]) for each in received}
            return wanted_others <= others and wanted <= {(each["message_id"], each["version"]) for each in details}

        wait_for(complete, 15)
        return received

    def _outcome(self, senders: Senders, key: str, events: Sequence[Mapping[str, Any]]) -> Outcome:
        ledgers = {name: ledger.read_ledger(url) for name, url in self._stack.simulator_urls.items()}
        self._progress("comparing the providers' ledgers, our records, the table's history and the events")
        evidence = Evidence(
            plan=self._plan,
            promises=senders.promises,
            records=collect.records(self._stack.api_url, key),
            ledgers=ledgers,
            history=self._mapping.history,
            events=[each["detail"] for each in events if each["detail-type"] == STATUS_CHANGED],
            queues=collect.failure_queues(self._stack),
            poison=frozenset(self._incidents.poison),
            cut_short=frozenset(self.proxy.cut_short),
            senders_killed=(*self._workers.senders_killed, *self.proxy.senders_killed),
            people=self._people,
            outbox=self._mapping.outbox,
            others=[each for each in events if each["detail-type"] != STATUS_CHANGED],
            blocked=collect.blocked(
                self._stack.api_url, self._stack.create_key("support", {"read", "admin"}), self._people
            ),
            counted=collect.counted(self._stack),
            counts_left=self.proxy.counter_writes.left,
        )
        return Outcome(evidence=evidence, injected=self._injected(senders, evidence))

    def _injected(self, senders: Senders, evidence: Evidence) -> dict[str, Counter[str]]:
        taken = [entry for each in evidence.ledgers.values() for entry in each["messages"]]
        callbacks = (callback for entry in taken for callback in entry["callbacks"])
        ended = (callback["status"] or callback["error"] or "never" for callback in callbacks)
        calls = Counter({f"{operation}: {fault}": n for (operation, fault), n in self._faults.injected.items()})
        return {
            "providers": Counter(message.way for message in self._plan),
            "clients": Counter(message.client for message in self._plan),
            "replies": self._replies.counts,
            f"AWS calls, of {self._faults.calls}": calls,
            "workers killed": self._workers.killed,
            "stream": self._mapping.counts + Counter({"poison records": len(self._incidents.poison)}),
            "answers to clients": senders.counts,
            "callbacks": Counter(f"answered {each}" for each in ended),
            "reconciler": self._reconciled,
            "limits": Counter(counted=evidence.counted, left=evidence.counts_left, taken=len(taken)),
        }
