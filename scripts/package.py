"""Package one function or layer for AWS: its code and the packages in its requirements.txt, stripped and compiled.

    python3.13 -I package.py SOURCE TARGET --mount /opt/python --platform manylinux2014_aarch64

It uses only the standard library, because `sam build` runs it with a bare interpreter.
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
    "*.dist-info",  # no package reads its own metadata: docs/adr/0014-packaging.md
    "**/*.pyi",
    "**/*.px[di]",  # Cython sources of compiled modules
    "**/*.pyx",
    "**/py.typed",
    "**/tests",
    "phonenumbers/carrierdata",  # carriers, places and time zones: 20 MB, loaded on demand, never used
    "phonenumbers/geodata",
    "phonenumbers/tzdata",
)


def package(source: Path, target: Path, *, mount: str, platforms: Sequence[str]) -> None:
    """Fill ``target``, which functions have at ``mount``; without ``platforms`` the packages are for this machine."""
    requirements = source / "requirements.txt"
    if requirements.exists():
        _install(requirements, target, platforms)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*_NOT_CODE), dirs_exist_ok=True)
    for pattern in _UNUSED:
        for path in target.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    _compile(target, mount)


def _install(requirements: Path, target: Path, platforms: Sequence[str]) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    wheels = ["--no-compile", "--no-deps", "--only-binary=:all:", *(f"--platform={each}" for each in platforms)]
    subprocess.run([*pip, *wheels, "--target", str(target), "-r", str(requirements)], check=True)


def _compile(target: Path, mount: str) -> None:
    """Compile bytecode without a check of the source: zips keep no times, and Lambda's folders are read-only."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(target, ddir=mount, quiet=1, force=True, invalidation_mode=unchecked):
        raise SystemExit(f"error: {target} does not compile")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--mount", required=True, help="path of TARGET for the functions, shown in tracebacks")
    parser.add_argument("--platform", action="append", default=[], help="a platform as in pip (default: this machine)")
    given = parser.parse_args(arguments)
    package(given.source, given.target, mount=given.mount, platforms=given.platform)


if __name__ == "__main__":
    main(sys.argv[1:])
