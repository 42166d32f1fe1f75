"""The whole service on this machine: emulator, simulated providers, the deployed template, and a URL.

with Stack(port=8080, progress=print) as stack:
    key = stack.create_key("demo", {"send", "read"})
    httpx.post(f"{stack.api_url}/messages", headers={"Authorization": f"Bearer {key}"}, json=…)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from local import deploy, emulator, observe, simulation, simulators
from local.clients import Clients
from local.deploy import BUILD
from local.gateway import Gateway
from local.process import LOCALHOST, ROOT, Process, Progress, StackError, free_port
from local.simulators.base import Destination
from local.template import Template, load, set_schedule, supported, widen_resources
from ops.api_keys import new_key

NAME = "sms-tracker"
SERVICE_KEY = b"the local stack's own key, 32 bytes"
"""Made up, and the same at each start, so that tests and examples can make tokens."""
_LOCAL = {
    "AllowedCountries": "*,+1500555",  # +1500555…: real providers' test numbers
    "Alarms": "all",
    "Dashboard": "on",
    "ArchiveDays": "0",  # the emulator's CloudFormation has no archives
}
_DIGEST_SECONDS = 1
_PROCESSORS = 2  # concurrent; more only cost memory on two cores


def count_every_minute(template: Template) -> Template:
    """The template of an interactive stack, which updates its statistics every minute."""
    set_schedule(template, "Statistics", State="ENABLED", ScheduleExpression="rate(1 minute)")
    return template


class Stack:
    """A context manager that starts the stack and ends it; a failed start raises ``StackError``."""

    api_url: str
    """Base URL of the API: plain HTTP on the loopback."""
    clients: Clients
    """The emulator's AWS services, as root."""
    deployment: deploy.Deployment

    def __init__(  # noqa: PLR0913 - each argument is an independent option
        self,
        *,
        port: int = 0,
        auth: bool = False,
        parameters: Mapping[str, str] | None = None,
        secrets: simulation.Secrets | None = None,
        public_base_url: str | None = None,
        transform: Callable[[Template], Template] | None = None,
        root: Path = ROOT,
        log_dir: Path = BUILD / "logs",
        progress: Progress = lambda _: None,
    ) -> None:
        """Describe a stack without starting it.

        Args:
            port: The API's port; 0 for any free one.
            auth: Whether the emulator enforces the functions' IAM policies.
            parameters: The template's parameters, in addition to those of the local stack.
            secrets: Real accounts' credentials, by provider; without them the simulators are used.
            public_base_url: The public address of a tunnel to ``port``; callbacks use it instead of the local one.
            transform: Changes the template before the deployment.
            root: The folder of template.yaml and the code.
            log_dir: The folder of emulator.log and simulators.log.
            progress: Called with a line for each step.
        """
        self._port, self._auth, self._root, self._log_dir = port, auth, root, log_dir
        self._public_base_url, self._transform, self._progress = public_base_url, transform, progress
        self._secrets = secrets
        self._ports = {} if secrets else {name: free_port() for name in simulators.names()}
        self._parameters = {**_LOCAL, **({} if secrets else simulation.parameters()), **(parameters or {})}
        self._processes: list[Process] = []
        self._exit = ExitStack()

    @property
    def simulator_urls(self) -> Mapping[str, str]:
        """Each simulator's base URL, by provider; empty with real providers."""
        return {name: simulation.url(port) for name, port in self._ports.items()}

    def __enter__(self) -> Self:
        try:
            self._start()
        except (BotoCoreError, ClientError) as problem:
            with self._exit:
                self.check()
                raise StackError(f"the AWS emulator refused: {problem}") from problem
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress("stopping the local stack")
        self._exit.close()

    @property
    def emulator_pid(self) -> int:
        """The supervisor of the AWS emulator, which is the parent of the functions' workers."""
        return self._processes[0].pid

    def check(self) -> None:
        """Raise ``StackError`` with the last lines of its log if the emulator or the simulators have ended."""
        for process in self._processes:
            process.check()

    def create_key(self, client: str, scopes: Iterable[str]) -> str:
        key, item = new_key(client, scopes)
        self.clients.dynamodb.put_item(TableName=self.deployment.outputs["StateTableName"], Item=item)
        return key

    def warm_up(self, key: str) -> None:
        """Start one worker for each function behind the API, and cache ``key`` in the authorizer.

        Otherwise a first burst of requests starts many workers at once, which takes seconds each on two cores.
        """
        bearer = {"authorization": f"Bearer {key}"}
        with httpx.Client(base_url=self.api_url, timeout=60, trust_env=False) as api, ThreadPoolExecutor(3) as pool:
            requests = (
                pool.submit(api.get, "/health"),
                pool.submit(api.post, "/webhooks/nobody"),
                pool.submit(api.post, "/messages", json={}, headers=bearer),
            )
            for request in requests:
                request.result()

    def observe_events(
        self, *, name: str = "observed-events", kinds: Iterable[str] = ("SMS Status Changed",)
    ) -> observe.Queue:
        """Collect every event of these detail types."""
        pattern: dict[str, object] = {"source": ["sms-tracker"], "detail-type": [*kinds]}
        return observe.events(self.clients, bus=self.deployment.outputs["BusName"], pattern=pattern, name=name)

    def observe_digests(self, *, name: str = "observed-digests") -> observe.Queue:
        """Collect every notification of the alerts topic."""
        return observe.notifications(self.clients, topic_arn=self.deployment.outputs["AlertsTopicArn"], name=name)

    def logs(self, function: str) -> list[str]:
        """The log lines of ``function`` ("send", "webhook"…)."""
        return observe.function_logs(self.clients, f"{NAME}-{function}")

    def paused(self, function: str) -> AbstractContextManager[None]:
        """Pause the consumption of ``function`` ("processor", "digest"…), and resume it at the end."""
        return observe.paused(self.clients, f"{NAME}-{function}")

    def _start(self) -> None:
        gateway = Gateway(self._port)
        self._exit.callback(gateway.close)
        aws_port = free_port()
        self._progress("starting the AWS emulator" + (" with IAM enforced" if self._auth else ""))
        aws = self._supervise(emulator.start(aws_port, auth=self._auth, log=self._log_dir / "emulator.log"))
        if self._ports:
            self._progress("starting the provider simulators")
            self._supervise(simulation.start(self._ports, log=self._log_dir / "simulators.log"))
        aws.wait_until(lambda: emulator.ready(aws_port))
        self.clients = Clients(f"http://{LOCALHOST}:{aws_port}")
        self._exit.callback(self.clients.close)
        self.deployment = self._deploy()
        self.api_url = gateway.url
        self._configure()
        gateway.open(emulator_port=aws_port, api_id=self.deployment.api_id)
        self._processes[-1].wait_until(lambda: simulation.ready(self._ports))
        base_url = self._public_base_url or self.api_url
        simulation.register_stack(Destination(base_url, self.clients.endpoint, self.deployment.outputs), self._ports)
        self._progress(f"ready at {self.api_url}")

    def _supervise(self, process: Process) -> Process:
        self._exit.callback(process.stop)
        self._processes.append(process)
        return process

    def _deploy(self) -> deploy.Deployment:
        template = supported(load(self._root / "template.yaml"))
        failures = template["Resources"]["DigestFunction"]["Properties"]["Events"]["Failures"]["Properties"]
        failures["MaximumBatchingWindowInSeconds"] = _DIGEST_SECONDS
        for schedule in ("Schedule", "Statistics"):
            set_schedule(template, schedule, State="DISABLED")  # tests start the runs that they need
        if self._transform:
            template = self._transform(template)
        if self._auth:
            widen_resources(template)
        return deploy.deploy(
            self.clients,
            template,
            root=self._root,
            name=NAME,
            parameters=self._parameters,
            progress=self._progress,
        )

    def _configure(self) -> None:
        """Write the secrets, as `make secrets` does, and our addresses in place of API Gateway's."""
        self._progress("writing secrets and public addresses")
        service = {"hmac_key": base64.b64encode(SERVICE_KEY).decode()}
        documents = {**(self._secrets or simulation.secrets(self._ports)), "service": service}
        for owner, document in documents.items():
            self._put_parameter(f"secrets/{owner}", json.dumps(document), secret=True)
        addresses = [address for address in (self._public_base_url, self.api_url) if address]
        self._put_parameter("public-base-urls", ",".join(addresses))
        observe.limit_concurrency(self.clients, f"{NAME}-processor", _PROCESSORS)

    def _put_parameter(self, path: str, value: str, *, secret: bool = False) -> None:
        self.clients.ssm.put_parameter(
            Name=f"/{NAME}/{path}", Value=value, Type="SecureString" if secret else "String", Overwrite=True
        )
