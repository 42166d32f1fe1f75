"""Sizes of what is deployed: each function and layer, zipped and unpacked."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from bench.case import Outcome, Plan
from bench.code import Code, functions, layer_folders, layers_of
from bench.sampling import Progress
from bench.table import Table
from local.process import ROOT

_BUILT = ROOT / ".aws-sam" / "build"
_MB = 1024 * 1024


def packages(_: Plan, progress: Progress) -> Outcome:
    """From `sam build`'s output where there is one, else as packaged for this machine."""
    progress("measuring packages")
    if (_BUILT / "template.yaml").exists():
        found = {path.name: path for path in sorted(_BUILT.iterdir()) if path.is_dir()}
        source = "sam build"
        sizes = {name: _sizes(path) for name, path in found.items()}
    else:
        code, source = Code(progress), "scripts/package.py for this machine"
        folders = [*(f"functions/{name}" for name in functions()), *layer_folders()]
        sizes = {name: _sizes(code.package(name)) for name in folders}
    rows: list[list[str | float | int]] = [[name, files, *sizes_of] for name, (files, *sizes_of) in sizes.items()]
    columns, note = ("package", "files", "unpacked", "zip"), f"From {source}."
    table = Table(title="Packages, MB", columns=columns, rows=rows, note=note)
    tables = [table] if source == "sam build" else [table, _together(sizes)]
    return Outcome(tuple(tables), {f"package.{name}.zip": zipped for name, (_files, _size, zipped) in sizes.items()})


def _together(sizes: dict[str, tuple[int, float, float]]) -> Table:
    """What one environment of each function unpacks: the function with its layers."""
    rows: list[list[str | float | int]] = []
    for name in functions():
        parts = [sizes[f"functions/{name}"], *(sizes[layer] for layer in layers_of(name))]
        rows.append([name, *(sum(part[place] for part in parts) for place in range(3))])
    return Table(title="A function with its layers, MB", columns=("function", "files", "unpacked", "zip"), rows=rows)


def _sizes(folder: Path) -> tuple[int, float, float]:
    """Files, MB unpacked, MB zipped."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder))), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return len(files), sum(path.stat().st_size for path in files) / _MB, len(buffer.getvalue()) / _MB
