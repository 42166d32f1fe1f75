"""Functions packaged and configured as for AWS, each started as Lambda starts it in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from bench import answers
from bench.endpoint import Endpoint, serving
from bench.report import progress
from local.deploy import packaged
from local.emulator import PYTHON
from local.process import ROOT, StackError
from tests.unit.template_stack import environment, source, stack

FUNCTIONS = ("send", "webhook", "processor", "publisher", "authorizer", "digest", "query", "reconciler", "inbound")
BASELINES = {"sqs": "webhook", "client": "webhook", "webhook": "webhook", "processor": "processor", "send": "send"}
"""The folders in bench/baseline, and the function that each is compared with."""
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_PARAMETERS = {"TwilioFrom": "+15551234567", "MessageBirdOriginator": "SmsTracker"}
_RUNTIME = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "A" * 20,
    "AWS_SECRET_ACCESS_KEY": "s" * 40,
    "AWS_SESSION_TOKEN": "t" * 800,  # the length of a role's token
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/function",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/31/[$LATEST]0",
}
"""Variables that Lambda sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """``path`` are the folders of its modules, its own folder first; ``like`` is the function that takes its events."""

    name: str
    like: str
    path: tuple[Path, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running endpoint, and the functions packaged for this machine as scripts/package.py packages them."""

    endpoint: Endpoint
    parameters: Mapping[str, str]

    def ours(self, name: str) -> Function:
        """A function of the project, named as its folder."""
        declared = [source()["Globals"]["Function"], _properties(f"{name.title()}Function")]
        layers = [layer["Ref"] for each in declared for layer in each.get("Layers", [])]
        path = _packages(f"functions/{name}", *(str(_properties(layer)["ContentUri"]) for layer in layers))
        return Function(name=name, like=name, path=path, environment=self._environment(name))

    def baseline(self, name: str) -> Function:
        """A baseline with every layer and the variables of the function that it is compared with."""
        like = BASELINES[name]
        baselines, *layers = _packages("bench/baseline", *map(str, sorted((ROOT / "layers").iterdir())))
        path = (baselines / name, baselines, *layers)
        return Function(name=f"baseline {name}", like=like, path=path, environment=self._environment(like))

    def _environment(self, name: str) -> dict[str, str]:
        declared = stack(**self.parameters).properties(f"{name.title()}Function")
        variables = {key: self._located(value) for key, value in environment(name, **self.parameters).items()}
        return {
            **_RUNTIME,
            **variables,
            "AWS_LAMBDA_FUNCTION_NAME": f"stack-{name}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(declared["MemorySize"]),
            "AWS_ENDPOINT_URL": self.endpoint.url,
            "AWS_CA_BUNDLE": str(self.endpoint.authorities),  # as many authorities as without these two
            "SSL_CERT_FILE": str(self.endpoint.authorities),
        }

    def _located(self, value: str) -> str:
        """A queue's URL for its logical id; other values unchanged."""
        queues = stack(**self.parameters).of("AWS::SQS::Queue")
        return f"{self.endpoint.url}/123456789012/{value}" if value in queues else value


@contextmanager
def deployed(**parameters: str) -> Iterator[Deployment]:
    """A deployment with a running endpoint and these parameters of the template."""
    stored: dict[str, str] = {}
    with serving(answers.responder(stored)) as endpoint:
        stored.update(answers.parameters("/stack", endpoint.url))
        yield Deployment(endpoint, {**_PARAMETERS, **parameters})


def _properties(resource: str) -> Mapping[str, Any]:
    return dict(source()["Resources"][resource]["Properties"])


def _packages(*folders: str) -> tuple[Path, ...]:
    return tuple(packaged(ROOT / folder, progress) for folder in folders)


@cache
def _boto3() -> str:
    """The folder with boto3, compiled; it is last on the path, as in Lambda's runtime."""
    command = [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    folder = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", "-j", "0", folder], capture_output=True, check=True)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """CPU seconds of all threads, the number of imported modules, the handler's last answer."""

    cpu: float
    modules: int
    answer: Any = None


class Sandbox:
    """A running function; ``init`` is its import. A step that fails raises ``StackError`` with its traceback."""

    def __init__(self, name: str, commands: IO[str], steps: IO[str], log: IO[bytes]) -> None:
        self._name, self._commands, self._steps, self._log = name, commands, steps, log
        self.init = self._step()

    def call(self, event: Mapping[str, Any], *, calls: int = 1) -> Step:
        """Invoke the function ``calls`` times with the same event."""
        self._commands.write(json.dumps({"event": event, "calls": calls}) + "\n")
        self._commands.flush()
        return self._step()

    @property
    def logged(self) -> str:
        """The output so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode()

    def _step(self) -> Step:
        line = self._steps.readline()
        step = json.loads(line) if line else {"error": f"ended: {self.logged[-2000:]}"}
        if "error" in step:
            raise StackError(f"{self._name}: {step['error']}")
        return Step(**step)


@contextmanager
def sandbox(function: Function, *, bare: bool = False) -> Iterator[Sandbox]:
    """Start a function. ``bare`` keeps the process's own imports minimal, to count the function's modules."""
    reader, writer = os.pipe()
    # -I -S -B: no user settings, no site-packages, no writing of .pyc files
    command = [str(PYTHON), "-I", "-S", "-B", str(_BOOTSTRAP), str(writer), *(["--bare"] if bare else [])]
    path = json.dumps([*map(str, function.path), _boto3()])
    with (
        os.fdopen(reader, encoding="utf-8") as steps,
        tempfile.TemporaryFile() as log,  # a full pipe would block the function
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**function.environment, "BENCH_PATH": path},
            pass_fds=[writer],
            text=True,
        ) as process,  # its end closes the input and waits
    ):
        os.close(writer)
        assert process.stdin is not None  # noqa: S101  # for the type checker
        yield Sandbox(function.name, process.stdin, steps, log)
