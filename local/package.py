"""Package the functions and the layers for the emulator, as `sam build` does for AWS: by scripts/package.py."""

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
_SCRIPT = ROOT / "scripts" / "package.py"


def function_zip(folder: Path) -> bytes:
    """A zip of a function's own code; other imports come from its layers."""
    if not (folder / "app.py").exists():
        raise StackError(f"{folder} has no app.py")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return _zip({str(path.relative_to(folder)): path.read_bytes() for path in files})


def layer_zip(source: Path, progress: Progress) -> bytes:
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
    digest = hashlib.sha256(b"\0".join([version, _SCRIPT.read_bytes(), *contents])).hexdigest()[:16]
    target = BUILD / f"{source.name}-{digest}"
    if not target.exists():
        progress(f"packaging the layer {source.name} (once, until it changes)")
        BUILD.mkdir(exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=BUILD))
        try:
            _package(source, scratch, mount=target)
            _move(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _package(source: Path, target: Path, *, mount: Path) -> None:
    command = [str(PYTHON), "-I", str(_SCRIPT), str(source), str(target), "--mount", str(mount)]
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
