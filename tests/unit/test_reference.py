"""The API's reference for people: whole, its own links intact, and nothing in it that could run."""

from __future__ import annotations

import re
from copy import deepcopy
from html.parser import HTMLParser
from itertools import product

import pytest

from ops.openapi.__main__ import FOLDER
from ops.openapi.document import document
from ops.openapi.operations import OPERATIONS
from ops.openapi.reference import page
from tests.contrast import AA, colours, contrast

DOCUMENT = document()
PAGE = page(DOCUMENT)
STYLE = (FOLDER / "docs.css").read_text("utf-8")
_VOID = {"meta", "link", "br"}


class Outline(HTMLParser):
    """The elements with their attributes; fails where one is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]


OUTLINE = Outline(PAGE)


def test_every_element_is_closed_and_the_content_comes_first_so_that_a_phone_begins_with_it() -> None:
    tags = [tag for tag, _ in OUTLINE.elements]
    assert OUTLINE.open == []
    assert tags.index("main") < tags.index("nav")


def test_every_operation_schema_and_problem_is_there() -> None:
    operations = {operation.name for operation in OPERATIONS}
    schemas = {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]}
    assert operations | schemas | {"problems", "schemas", "main", "contents", "said"} == set(OUTLINE.values("id"))
    assert len(OUTLINE.values("id")) == len(set(OUTLINE.values("id")))


def test_links_lead_to_parts_of_the_page_or_to_files_beside_it() -> None:
    anchors = {link.removeprefix("#") for link in OUTLINE.values("href") if link.startswith("#")}
    others = {link for link in OUTLINE.values("href") if not link.startswith("#")}
    assert anchors <= set(OUTLINE.values("id"))
    assert others == {"page/docs.css", "openapi.json", "data:,", "https://www.rfc-editor.org/rfc/rfc9457"}


def test_nothing_is_inline_and_nothing_is_fetched_but_its_style_and_script() -> None:
    scripts = [attributes for tag, attributes in OUTLINE.elements if tag == "script"]
    assert scripts == [{"type": "module", "src": "page/docs.js"}]
    assert {tag for tag, _ in OUTLINE.elements} & {"style", "img", "iframe", "object", "form"} == set()
    assert not [name for _, attributes in OUTLINE.elements for name in attributes if name.startswith(("on", "style"))]
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_a_hostile_text_of_the_document_stays_text() -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>[x](javascript:alert(3))`</code><b>`"
    changed = deepcopy(DOCUMENT)
    operation = changed["paths"]["/messages"]["post"]
    operation["summary"] = operation["description"] = operation["parameters"][0]["description"] = hostile
    operation["responses"]["202"]["description"] = hostile
    operation["responses"]["202"]["content"]["application/json"]["example"]["reference"] = hostile
    changed["components"]["schemas"]["Message"]["description"] = changed["info"]["description"] = hostile

    outline = Outline(page(changed))

    assert "".join(outline.words).count("alert(1)") >= 7
    assert {tag for tag, _ in outline.elements} == {tag for tag, _ in OUTLINE.elements}
    assert not [link for link in outline.values("href") if link.startswith("javascript")]
    assert outline.open == []


def test_headings_go_down_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag, _ in OUTLINE.elements if re.fullmatch("h[1-6]", tag)]
    first = levels.index(1)  # the headings before it are those of the contents
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels[first:], levels[first + 1 :], strict=False))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_its_ground(scheme: str) -> None:
    named = colours(STYLE, scheme)
    pairs = [*product(("text", "quiet", "accent", "failure"), ("ground", "surface"))]
    pairs += [(kind, f"{kind}-ground") for kind in ("success", "failure", "unknown", "open")]
    assert [pair for pair in pairs if contrast(named[pair[0]], named[pair[1]]) < AA] == []
