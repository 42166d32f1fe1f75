"""The page's files: how they are answered, and what no browser has to be asked to know of them."""

from __future__ import annotations

import re
from itertools import product

import pytest

from sms_tracker.domain.status import Outcome, Reason, Status
from sms_tracker.read.web_files import INDEX, Document, WebFiles
from sms_tracker.services.responses import ApiResponse
from tests.contrast import AA, colours, contrast
from tests.unit.template_stack import ROOT

FILES = {path.name: path.read_text("utf-8") for path in (ROOT / "functions" / "query" / "page").iterdir()}
PAGE = WebFiles(FILES)
_SCRIPTS = [name for name in FILES if name.endswith(".js")]


def document(name: str, known: str = "") -> Document:
    answer = PAGE.file(name, known)
    assert isinstance(answer, Document)
    return answer


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_answered_as_it_is_and_may_run_and_ask_nothing_but_its_own_host(name: str) -> None:
    answer = document(name)
    policy = {rule.split()[0]: rule.split()[1:] for rule in answer.headers["content-security-policy"].split("; ")}
    kind = {"html": "text/html", "css": "text/css", "js": "text/javascript"}[name.rpartition(".")[2]]

    assert (answer.status, answer.body) == (200, FILES[name])
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    nowhere = ("default-src", "base-uri", "form-action", "frame-ancestors")
    assert [policy[rule] for rule in nowhere] == [["'none'"]] * 4
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert "unsafe" not in str(policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_what_a_browser_has_already_is_not_sent_again() -> None:
    tag = document(INDEX).headers["etag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        assert (document(INDEX, known).status, document(INDEX, known).body) == (304, "")
    for unknown in ("", '"other"', tag.strip('"')[:-1], document("page.css").headers["etag"]):
        assert document(INDEX, unknown).status == 200


@pytest.mark.parametrize("name", ["", "other.js", "../app.py", "app.py", "page", "INDEX.HTML"])
def test_no_other_file_is_there(name: str) -> None:
    answer = PAGE.file(name)
    assert isinstance(answer, ApiResponse)
    assert answer.status == 404


def test_the_page_names_files_that_are_there_and_nothing_elsewhere() -> None:
    named = re.findall(r'(?:src|href)="/page/([^"]+)"', FILES[INDEX])
    imported = [name for script in _SCRIPTS for name in re.findall(r'"\./([\w.]+)"', FILES[script])]

    assert {"page.css", "page.js"} <= set(named)
    assert {*named, *imported} == FILES.keys() - {INDEX}
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", "".join(FILES.values())))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a format, not a place


def test_nothing_is_inline_and_no_text_can_become_html_or_code() -> None:
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", FILES[INDEX])
    for name in _SCRIPTS:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|srcdoc", FILES[name]
        )


def test_the_first_view_is_small_and_the_whole_page_too() -> None:
    first = {INDEX, "page.css", "page.js", *re.findall(r'from "\./([\w.]+)"', FILES["page.js"] + FILES["search.js"])}
    assert sum(len(FILES[name].encode()) for name in first) < 43_000
    assert sum(len(content.encode()) for content in FILES.values()) < 76_000
    assert all(content.count("\n") < 250 for content in FILES.values())


def test_the_page_knows_every_status_outcome_and_reason() -> None:
    script = FILES["statuses.js"]
    assert re.findall(r"^  (\w+): \[", script, re.MULTILINE) == [str(status) for status in Status]
    assert set(re.findall(r"(\w+): \"", script.split("OUTCOMES = {")[1].split("}")[0])) == {str(one) for one in Outcome}
    assert re.findall(r'"(\w+)"', script.split("REASONS = [")[1].split("]")[0]) == [str(reason) for reason in Reason]


WRITTEN = [
    *product(("text", "quiet", "accent", "success", "failure", "unknown", "open"), ("ground", "surface")),
    *((kind, f"{kind}-ground") for kind in ("success", "failure", "unknown", "open")),
    *product(("text", "accent"), ("success-ground", "failure-ground", "unknown-ground", "open-ground")),
    ("on-accent", "accent"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_written_can_be_read_and_a_control_s_edge_be_seen(scheme: str) -> None:
    named = colours(FILES["page.css"], scheme)
    faint = [(ink, ground) for ink, ground in WRITTEN if contrast(named[ink], named[ground]) < AA]

    assert faint == []
    assert min(contrast(named["edge"], named[ground]) for ground in ("surface", "ground")) >= 3
