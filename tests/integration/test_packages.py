"""What is shipped: compiled, stripped, and for each function all that it imports and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from local.deploy import packaged
from local.emulator import PYTHON
from tests.configs import VARIABLES
from tests.unit.template_stack import ROOT, environment, source

RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")
"""What Lambda brings by itself."""
UNCHECKED = 0b01
"""A .pyc's flags: found by the source's hash, which is not checked."""
_IMPORT = """
import sys
sys.path[:0] = sys.argv[1:]
import app
print(*(getattr(module, "__file__", None) for module in sys.modules.values()))
"""
LAYERS = sorted(name for name, one in source()["Resources"].items() if one["Type"] == "AWS::Serverless::LayerVersion")


@pytest.fixture(scope="module")
def layers() -> Mapping[str, Path]:
    """Each layer, packaged for this machine."""
    return {name: packaged(ROOT / source()["Resources"][name]["Properties"]["ContentUri"], print) for name in LAYERS}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only what the Lambda runtime brings: the emulator's own environment holds more."""
    folder = tmp_path_factory.mktemp("runtime")
    find = "import boto3, pathlib; print(pathlib.Path(boto3.__file__).parents[1])"
    there = Path(subprocess.run([PYTHON, "-c", find], capture_output=True, check=True, text=True).stdout.strip())
    for name in RUNTIME:
        (folder / name).symlink_to(there / name)
    return folder


def listed(function: str) -> Sequence[str]:
    """The layers that the template gives a function."""
    resource = source()["Resources"][f"{function.title()}Function"]
    return [reference["Ref"] for reference in resource["Properties"]["Layers"]]


@pytest.mark.parametrize("function", sorted(VARIABLES))
def test_a_function_imports_what_its_layers_hold_and_has_no_layer_in_vain(
    function: str, layers: Mapping[str, Path], runtime: Path
) -> None:
    folders = [layers[name] for name in listed(function)]

    done = subprocess.run(
        [PYTHON, "-I", "-S", "-B", "-c", _IMPORT, ROOT / "functions" / function, *folders, runtime],
        env=environment(function) | {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [folder.name for folder in folders if f"{folder}/" not in done.stdout] == []


@pytest.mark.parametrize("function", ["webhook", "processor"])
def test_the_path_of_a_report_carries_httptools_and_no_other_library(function: str, layers: Mapping[str, Path]) -> None:
    carried = {path.name for name in listed(function) for path in layers[name].iterdir()}

    assert carried == {"sms_tracker", "httptools"}


@pytest.mark.parametrize("name", LAYERS)
def test_every_module_is_shipped_with_bytecode_that_is_used_as_it_is_and_nothing_that_no_function_reads(
    name: str, layers: Mapping[str, Path]
) -> None:
    modules, compiled = list(layers[name].rglob("*.py")), list(layers[name].rglob("*.pyc"))
    unread = (".pyi", ".pyx", ".pxd", ".dist-info", ".txt", ".in")

    assert modules
    assert len({path.name.split(".")[-2] for path in compiled}) == 1  # of one interpreter
    assert {path.parents[1] / f"{path.name.split('.')[0]}.py" for path in compiled} == set(modules)
    assert {path.read_bytes()[4] for path in compiled} == {UNCHECKED}
    assert [each for each in layers[name].rglob("*") if each.name.endswith(unread) or each.name == "tests"] == []


def package(folder: Path, target: Path) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "package.py"
    command = [PYTHON, "-I", script, folder, target, "--mount", "/var/task"]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


def test_a_layer_is_the_same_whenever_and_wherever_it_is_packaged(tmp_path: Path) -> None:
    targets = [tmp_path / "here", tmp_path / "there"]
    for target in targets:
        package(ROOT / "layers" / "core", target)

    here, there = (
        {path.relative_to(target): path.read_bytes() for path in target.rglob("*.py*")} for target in targets
    )
    assert len(here) > 1
    assert here == there


def test_code_that_does_not_compile_is_not_shipped(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "app.py").write_text("def handler(:\n")

    done = package(tmp_path / "broken", tmp_path / "target")

    assert done.returncode
    assert "does not compile" in done.stderr
