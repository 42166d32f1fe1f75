"""Package the functions and the layer for the emulator, as `sam build` does for AWS."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from local.emulator import PYTHON
from local.process import ROOT, Progress, StackError

BUILD = ROOT / ".build"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def function_zip(folder: Path) -> bytes:
    """A function's own code; what it imports beyond that comes from the layer."""
    if not (folder / "app.py").exists():
        raise StackError(f"{folder} has no app.py")
    if _listed(folder / "requirements.txt"):
        raise StackError(f"{folder}/requirements.txt lists packages: they belong into the layer's")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return _zip({str(path.relative_to(folder)): path.read_bytes() for path in files})


def layer_zip(source: Path, destination: Path, progress: Progress) -> bytes:
    """The layer ``source`` as a zip that points to its unpacked content; ``destination`` gets its own code.

    The emulator unpacks a layer once for every worker: 37 MB, 1,300 files and more than half a second each time.
    So this zip holds one .pth file that puts the unpacked folders first on the path, where /opt/python is on AWS.
    """
    shutil.copytree(source, destination, ignore=_IGNORED)
    folders = [str(_dependencies(source / "requirements.txt", progress)), str(destination)]
    lines = [f"import sys; sys.path.insert(0, {folder!r})\n" for folder in folders]
    return _zip({"python/lib/python3/site-packages/layer.pth": "".join(lines).encode()})


def _dependencies(requirements: Path, progress: Progress) -> Path:
    """The folder with what ``requirements`` pins, for the emulator's interpreter; built once per content."""
    version = subprocess.run([PYTHON, "-VV"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(requirements.read_bytes() + version).hexdigest()[:16]
    target = BUILD / f"layer-{digest}"
    if not target.exists():
        progress("building the layer (once, until its requirements change)")
        BUILD.mkdir(exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=BUILD))
        try:
            _install(requirements, scratch)
            _move(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _install(requirements: Path, target: Path) -> None:
    options = ["--quiet", "--target", str(target), "-r", str(requirements)]
    uv = [str(PYTHON.with_name("uv")), "pip", "install", "--python", str(PYTHON), "--compile-bytecode", *options]
    # pip knows index settings that uv does not read.
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *options]
    problems = []
    for command in (uv, pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        problems.append(done.stderr.strip().splitlines()[-1:])
    raise StackError(f"cannot install {requirements}: uv says {problems[0]}, pip says {problems[1]}")


def _move(scratch: Path, target: Path) -> None:
    try:
        scratch.rename(target)
    except OSError:  # another stack built the same at the same time
        if not target.exists():
            raise


def _listed(requirements: Path) -> bool:
    if not requirements.exists():
        return False
    lines = (line.split("#")[0].strip() for line in requirements.read_text().splitlines())
    return any(lines)


def _zip(files: Mapping[str, bytes]) -> bytes:
    """A zip that is the same for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name.replace(os.sep, "/"))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
