"""The deployed stack as its functions see it: their variables from the template, AWS and the providers on endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import answers
from bench.code import Code
from bench.endpoint import Endpoint, serving
from bench.sandbox import Function
from tests.unit.template_stack import environment, stack

_PREFIX = "/stack"
_PARAMETERS = {"TwilioFrom": "+15551234567", "MessageBirdOriginator": "SmsTracker"}
_RUNTIME = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "A" * 20,
    "AWS_SECRET_ACCESS_KEY": "s" * 40,
    "AWS_SESSION_TOKEN": "t" * 800,  # as long as a role's
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/function",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/31/[$LATEST]0",
}
"""What Lambda itself sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where everything is; ``code`` is what is started."""

    code: Code
    aws: Endpoint
    provider: Endpoint
    authorities: Path

    def ours(self, name: str) -> Function:
        """A function of the project, named as its folder."""
        return Function(name=name, path=self.code.of(name), environment=self._environment(name))

    def baseline(self, name: str, like: str) -> Function:
        """A baseline, started with the variables of the function that it stands beside."""
        path = self.code.baseline(name)
        return Function(name=f"baseline {name}", path=path, environment=self._environment(like))

    def _environment(self, name: str) -> dict[str, str]:
        declared = stack(**_PARAMETERS).properties(f"{name.title()}Function")
        variables = {key: self._located(value) for key, value in environment(name, **_PARAMETERS).items()}
        return {
            **_RUNTIME,
            **variables,
            "AWS_LAMBDA_FUNCTION_NAME": f"stack-{name}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(declared["MemorySize"]),
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_CA_BUNDLE": str(self.authorities),  # as many as without this and the next
            "SSL_CERT_FILE": str(self.authorities),
        }

    def _located(self, value: str) -> str:
        """A queue's name as its URL; what only names a resource stays a name."""
        resources = stack(**_PARAMETERS).resources
        if value in resources and resources[value].type == "AWS::SQS::Queue":
            return f"{self.aws.url}/123456789012/{value}"
        return value


@contextmanager
def deployed(code: Code) -> Iterator[Deployment]:
    """The endpoints of a deployment, for as long as they are wanted."""
    stored: dict[str, str] = {}
    with serving(answers.aws(stored), answers.provider) as ((aws, provider), authorities):
        stored.update(answers.parameters(_PREFIX, provider.url))
        yield Deployment(code=code, aws=aws, provider=provider, authorities=authorities)
