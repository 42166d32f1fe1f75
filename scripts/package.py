"""Package one function or layer as it is shipped: its code and what its requirements.txt pins, stripped and compiled.

    python3.13 -I package.py SOURCE TARGET --mount /opt/python --platform manylinux2014_aarch64

Standard library alone, for `sam build` runs it with a bare interpreter; the local stack runs it with its own.
"""

from __future__ import annotations

import argparse
import compileall
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_NOT_CODE = ("requirements.*", "__pycache__", "*.pyc")
_UNUSED = (
    "bin",
    "*.dist-info",  # nothing here asks for its own version; docs/adr/0014-packaging.md says what does without
    "**/*.pyi",
    "**/*.px[di]",  # Cython's sources of compiled modules
    "**/*.pyx",
    "**/py.typed",
    "**/tests",
    "phonenumbers/carrierdata",  # names of carriers, places and time zones: 20 MB, loaded on demand and never asked for
    "phonenumbers/geodata",
    "phonenumbers/tzdata",
)


def package(source: Path, target: Path, *, mount: str, platforms: Sequence[str]) -> None:
    """Fill ``target``, which the functions will see at ``mount``; without ``platforms`` for this machine."""
    requirements = source / "requirements.txt"
    if requirements.exists():
        _install(requirements, target, platforms)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*_NOT_CODE), dirs_exist_ok=True)
    for pattern in _UNUSED:
        for path in target.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    _compile(target, mount)


def _install(requirements: Path, target: Path, platforms: Sequence[str]) -> None:
    elsewhere = [option for platform in platforms for option in ("--platform", platform)]
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-compile",
        "--no-deps",
        "--only-binary=:all:",
    ]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        *options,
        *elsewhere,
        "--target",
        str(target),
        "-r",
        str(requirements),
    ]
    subprocess.run(command, check=True)


def _compile(target: Path, mount: str) -> None:
    """Bytecode that is used as it is: zips carry no times to compare with, and Lambda's folders are read-only."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(target, ddir=mount, quiet=1, force=True, invalidation_mode=unchecked):
        raise SystemExit(f"error: {target} does not compile")


def main(arguments: Sequence[str]) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--mount", required=True, help="where the functions will see TARGET; tracebacks name it")
    parser.add_argument("--platform", action="append", default=[], help="as pip takes it; default: this machine's")
    given = parser.parse_args(arguments)
    package(given.source, given.target, mount=given.mount, platforms=given.platform)


if __name__ == "__main__":
    main(sys.argv[1:])
