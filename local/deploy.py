"""Package and deploy the template into the emulator, as `sam build` and `sam deploy` do for AWS."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from local import api
from local.clients import REGION, Clients
from local.emulator import PYTHON
from local.process import ROOT, Progress, StackError
from local.template import Template, parse

BUILD = ROOT / ".build"
_PACKAGE = ROOT / "scripts" / "package.py"
_BUCKET = "artifacts"
_TEMPLATE = "template.json"
_TIMEOUT_SECONDS = 60
_POLL_SECONDS = 0.05
_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


@dataclass(frozen=True, slots=True)
class Deployment:
    """A created stack."""

    name: str
    api_id: str
    """Empty for a template without an HTTP API."""
    physical: Mapping[str, str]
    """The resources' names by logical id."""
    outputs: Mapping[str, str]


def deploy(
    clients: Clients,
    template: Template,
    *,
    root: Path,
    name: str,
    parameters: Mapping[str, str],
    progress: Progress,
) -> Deployment:
    """Upload the code under ``root``, create the stack ``name``, configure its API; raises ``StackError``."""
    progress("packaging the functions and the layers")
    packaged = _upload(clients, template, root=root, progress=progress)
    progress(f"deploying the template as stack {name}")
    _create(clients, packaged, name=name, parameters=parameters)
    (described,) = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    processed = _read(clients.cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"])
    physical = _physical(clients, name)
    api_id = api.create_routes(clients, template=processed, physical=physical, arns=_function_arns(clients, physical))
    return Deployment(name=name, api_id=api_id, physical=physical, outputs=outputs)


def _upload(clients: Clients, template: Template, *, root: Path, progress: Progress) -> Template:
    """Upload every code folder and return the template with its S3 locations, as `sam package` does."""
    with suppress(clients.s3.exceptions.BucketAlreadyOwnedByYou):  # one for every stack
        clients.s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    resources = dict(template["Resources"])
    for logical_id, resource in resources.items():
        if uri := _CODE.get(resource["Type"]):
            folder = root / resource["Properties"][uri]
            content = _function_zip(folder) if uri == "CodeUri" else _layer_zip(folder, progress)
            key = f"{logical_id}-{hashlib.sha256(content).hexdigest()[:16]}.zip"
            clients.s3.put_object(Bucket=_BUCKET, Key=key, Body=content)
            properties = {**resource["Properties"], uri: f"s3://{_BUCKET}/{key}"}
            resources[logical_id] = {**resource, "Properties": properties}
    return {**template, "Resources": resources}


def _create(clients: Clients, template: Template, *, name: str, parameters: Mapping[str, str]) -> None:
    clients.s3.put_object(Bucket=_BUCKET, Key=_TEMPLATE, Body=json.dumps(template).encode())
    try:
        clients.cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"{clients.endpoint}/{_BUCKET}/{_TEMPLATE}",  # too long for an argument
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as refusal:
        raise StackError(f"the template was refused: {refusal.response['Error']['Message']}") from refusal
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while (status := _status(clients, name)) != "CREATE_COMPLETE":
        if not status.endswith("IN_PROGRESS") or status.startswith("ROLLBACK"):
            raise StackError(f"the deployment failed: {_failure(clients, name)}")
        if time.monotonic() > deadline:
            raise StackError(f"the deployment did not end within {_TIMEOUT_SECONDS} s")
        time.sleep(_POLL_SECONDS)  # CloudFormation has no notifications here


def _status(clients: Clients, name: str) -> str:
    (described,) = clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    return described["StackStatus"]


def _failure(clients: Clients, name: str) -> str:
    """The first failed resource with its reason; later ones were only canceled."""
    pages = clients.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    events = (event for page in pages for event in page["StackEvents"])
    failures = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    if not failures:
        return "no reason was given"
    first = min(failures, key=lambda event: event["Timestamp"])
    return f"{first.get('LogicalResourceId')} ({first.get('ResourceType')}): {first.get('ResourceStatusReason')}"


def _read(body: object) -> Template:
    """A template from botocore, which returns decoded JSON, or text in other formats."""
    return parse(body if isinstance(body, str) else json.dumps(body))


def _physical(clients: Clients, name: str) -> dict[str, str]:
    pages = clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for page in pages
        for resource in page["StackResourceSummaries"]
    }


def _function_arns(clients: Clients, physical: Mapping[str, str]) -> dict[str, str]:
    pages = clients.functions.get_paginator("list_functions").paginate()
    arns = {function["FunctionName"]: function["FunctionArn"] for page in pages for function in page["Functions"]}
    return {logical_id: arns[name] for logical_id, name in physical.items() if name in arns}


def _function_zip(folder: Path) -> bytes:
    """A zip of a function's own code; other imports come from its layers."""
    if not (folder / "app.py").exists():
        raise StackError(f"{folder} has no app.py")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return _zip({str(path.relative_to(folder)): path.read_bytes() for path in files})


def _layer_zip(source: Path, progress: Progress) -> bytes:
    """The layer ``source`` as a zip that points to its packaged content.

    The emulator unpacks a layer for every worker: a thousand files, more than half a second. So this zip holds one .pth
    file that puts the packaged folder first on the path, in place of /opt/python on AWS.
    """
    line = f"import sys; sys.path.insert(0, {str(packaged(source, progress))!r})\n"
    return _zip({"python/lib/python3/site-packages/layer.pth": line.encode()})


def packaged(source: Path, progress: Progress) -> Path:
    """The folder with ``source`` packaged for the emulator's interpreter; built once for its content."""
    version = subprocess.run([PYTHON, "-VV"], capture_output=True, check=True).stdout
    files = [path for path in sorted(source.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    contents = [part for path in files for part in (str(path.relative_to(source)).encode(), path.read_bytes())]
    digest = hashlib.sha256(b"\0".join([version, _PACKAGE.read_bytes(), *contents])).hexdigest()[:16]
    target = BUILD / f"{source.name}-{digest}"
    if not target.exists():
        progress(f"packaging the layer {source.name} (once, until it changes)")
        BUILD.mkdir(exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=BUILD))
        try:
            _run_package(source, scratch, mount=target)
            _move(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _run_package(source: Path, target: Path, *, mount: Path) -> None:
    command = [str(PYTHON), "-I", str(_PACKAGE), str(source), str(target), "--mount", str(mount)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"cannot package {source}:\n{done.stderr.strip()}")


def _move(scratch: Path, target: Path) -> None:
    try:
        scratch.rename(target)
    except OSError:  # another stack built it at the same time
        if not target.exists():
            raise


def _zip(files: Mapping[str, bytes]) -> bytes:
    """A reproducible zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name.replace(os.sep, "/"))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
