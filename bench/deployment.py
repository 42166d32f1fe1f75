"""A deployment for measurements: packaged functions, the template's variables, endpoints for AWS and the providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import answers
from bench.endpoint import Endpoint, serving
from bench.sandbox import Function
from local.package import packaged
from local.process import ROOT, Progress
from tests.unit.template_stack import environment, source, stack

FUNCTIONS = ("send", "webhook", "processor", "publisher", "authorizer", "digest", "query", "reconciler", "inbound")
_PREFIX = "/stack"
_LAYERS = sorted((ROOT / "layers").iterdir())
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
class Deployment:
    """Running endpoints, and the functions packaged for this machine as scripts/package.py packages them."""

    progress: Progress
    aws: Endpoint
    authorities: Path
    parameters: Mapping[str, str]

    def ours(self, name: str) -> Function:
        """A function of the project, named as its folder."""
        declared = [source()["Globals"]["Function"], _properties(f"{name.title()}Function")]
        layers = [layer["Ref"] for each in declared for layer in each.get("Layers", [])]
        path = self._packages(f"functions/{name}", *(str(_properties(layer)["ContentUri"]) for layer in layers))
        return Function(name=name, path=path, environment=self._environment(name))

    def baseline(self, name: str, like: str) -> Function:
        """A baseline with every layer and the variables of the function ``like``."""
        baselines, *layers = self._packages("bench/baseline", *(f"layers/{path.name}" for path in _LAYERS))
        path = (baselines / name, baselines, *layers)
        return Function(name=f"baseline {name}", path=path, environment=self._environment(like))

    def _packages(self, *folders: str) -> tuple[Path, ...]:
        return tuple(packaged(ROOT / folder, self.progress) for folder in folders)

    def _environment(self, name: str) -> dict[str, str]:
        declared = stack(**self.parameters).properties(f"{name.title()}Function")
        variables = {key: self._located(value) for key, value in environment(name, **self.parameters).items()}
        return {
            **_RUNTIME,
            **variables,
            "AWS_LAMBDA_FUNCTION_NAME": f"stack-{name}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(declared["MemorySize"]),
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_CA_BUNDLE": str(self.authorities),  # as many authorities as without these two
            "SSL_CERT_FILE": str(self.authorities),
        }

    def _located(self, value: str) -> str:
        """A queue's URL for its logical id; other values unchanged."""
        resources = stack(**self.parameters).resources
        if value in resources and resources[value].type == "AWS::SQS::Queue":
            return f"{self.aws.url}/123456789012/{value}"
        return value


def _properties(resource: str) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = source()["Resources"][resource]["Properties"]
    return properties


@contextmanager
def deployed(progress: Progress, **parameters: str) -> Iterator[Deployment]:
    """A deployment with running endpoints and these parameters of the template."""
    stored: dict[str, str] = {}
    with serving(answers.aws(stored), answers.provider) as ((aws, provider), authorities):
        stored.update(answers.parameters(_PREFIX, provider.url))
        given = {**_PARAMETERS, **parameters}
        yield Deployment(progress=progress, aws=aws, authorities=authorities, parameters=given)
