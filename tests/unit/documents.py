"""The documentation as data: its links, headings, code, and the paths and commands that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "core" / "sms_tracker"
_FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)+/?|[\w-]*\.?[\w-]+\.(md|toml|yaml|in|txt|py)")


@cache
def documents() -> tuple[Path, ...]:
    """Every Markdown file of the project."""
    folders = (ROOT / name for name in ("bench", "docs", "events"))
    return tuple(sorted([*ROOT.glob("*.md"), *(path for folder in folders for path in folder.rglob("*.md"))]))


def prose(document: Path) -> str:
    """The text without its code blocks."""
    return _FENCE.sub("", document.read_text())


def code(document: Path) -> Iterator[str]:
    """Code blocks and code in lines."""
    text = document.read_text()
    yield from (block.group() for block in _FENCE.finditer(text))
    yield from spans(document)


def spans(document: Path) -> list[str]:
    """Code in lines."""
    return _SPAN.findall(prose(document))


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Links to other files of the project or within this one: the file and the anchor, which may be empty."""
    for target in _LINK.findall(prose(document)):
        path, _, anchor = target.partition("#")
        if "://" not in path and not path.startswith("mailto:"):
            yield ((document.parent / path).resolve() if path else document), anchor


def list_below(document: Path, heading: str) -> dict[str, list[str]]:
    """The list under ``heading`` (third level): the values after the colon by each name before it, no back-ticks.

    A name stands once. A line that is indented continues the one above.
    """
    section = document.read_text(encoding="utf-8").split(f"\n### {heading}\n", 1)[1].split("\n#", 1)[0]
    items = re.findall(r"^- (.+?): (.+)$", re.sub(r"\n +", " ", section), re.MULTILINE)
    rows = [(name.strip(" `"), re.split("[,;] ", values)) for names, values in items for name in names.split(",")]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def anchors(document: Path) -> set[str]:
    """Its headings as GitHub makes them into anchors."""
    headings = re.findall(r"^#+ (.*)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", _LINK.sub("", heading).lower()).strip().replace(" ", "-") for heading in headings}


def paths(document: Path) -> Iterator[str]:
    """What code in lines names as a file or folder of the project, what it builds left out; may hold ``*``."""
    tops = {path.name for path in (*ROOT.iterdir(), *filter(Path.is_dir, PACKAGE.iterdir()))} - {".build"}
    for span in spans(document):
        if _PATH.fullmatch(span) and ("/" not in span or span.split("/")[0] in tops):
            yield span


def exists(path: str, document: Path) -> bool:
    """Whether ``path`` is there: from the project's root, from the package's or beside the document.

    A bare name may be anywhere.
    """
    if "/" not in path and path in file_names():
        return True
    return any(any(root.glob(path.rstrip("/"))) for root in (ROOT, PACKAGE, document.parent))


@cache
def file_names() -> frozenset[str]:
    """The name of every file in the project's own folders."""
    folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return frozenset(path.name for folder in folders for path in folder.rglob("*") if path.is_file())


@cache
def make_targets() -> frozenset[str]:
    """Every target of the Makefile that has a name of words."""
    lines = re.findall(r"^([a-z][a-z0-9 -]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    return frozenset(name for line in lines for name in line.split())
