"""The page under its worst data, and without mouse or eyes: nothing runs, all has a name, the keyboard suffices."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e import watch
from tests.e2e.browser import Visit, heading, opened, search, send
from tests.e2e.provider import Simulator, number

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>'\"]]>&lt;b&gt;\u202e" + "W" * 60
TIMES = {"created_at", "updated_at", "status_at", "occurred_at", "received_at"}


def test_hostile_text_of_clients_and_providers_is_shown_and_not_run(
    visitor: Visit, api: httpx.Client, api_key: str, simulators: dict[str, Simulator]
) -> None:
    to = number("00")
    word = "<svg/onload=alert(3)>"
    simulators["twilio"].script(
        to, {"reports": [word, "undelivered:30003"], "fields": {"ErrorMessage": HOSTILE, "RawDlrDoneDate": HOSTILE}}
    )
    record = watch.final(api, send(api, to, "twilio", HOSTILE[:128]))

    page = opened(visitor, api_key)
    search(page, HOSTILE[:128])
    expect(page.get_by_role("cell", name=HOSTILE[:128], exact=True)).to_be_visible()
    page.get_by_role("table").get_by_role("link").click()
    expect(page.get_by_role("heading", name=heading(record))).to_be_visible()
    expect(page.get_by_role("cell", name=word, exact=True)).to_be_visible()
    visitor.picture("message-hostile")
    assert page.locator("script").count() == 1
    assert page.locator("#view img").count() == 0


def hostile(value: Any, name: str = "") -> Any:
    """The same answer with every text in it replaced; ``client`` and the like, but also names of fields."""
    if isinstance(value, dict):
        changed = {key: hostile(each, key) for key, each in value.items()}
        return {**changed, HOSTILE: HOSTILE} if name == "fields" else changed
    if isinstance(value, list):
        return [hostile(each, name) for each in value]
    return HOSTILE if isinstance(value, str) or value is None else value


@pytest.mark.parametrize("kept", [frozenset(), frozenset({*TIMES, "message_id", "status", "outcome"})])
def test_no_field_of_an_answer_can_run_anything(
    visitor: Visit, api_key: str, sent: dict[str, dict[str, Any]], kept: frozenset[str]
) -> None:
    record = sent["undelivered"]
    evil = {**hostile(record), **{name: record[name] for name in kept & record.keys()}}
    evil["failure"] = {**evil["failure"], "docs_url": "javascript:alert(4)"}

    def answer(route: Route) -> None:
        listed = {"messages": [evil, evil], "cursor": HOSTILE}
        route.fulfill(json=evil if "/messages/" in route.request.url else listed)

    visitor.page.route(re.compile("/messages"), answer)
    page = opened(visitor, api_key)
    expect(page.get_by_role("table")).to_be_visible()
    visitor.arrive(f"#/message/{record['message_id']}")
    expect(page.get_by_role("heading", name="Message to <img src=x")).to_be_visible()
    expect(page.get_by_role("heading", name="Record")).to_be_visible()
    page.locator("#view summary").first.click()
    visitor.picture(f"hostile-{len(kept)}")
    assert page.locator("script").count() == 1
    assert page.locator("#view img, #view a[href^=javascript]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_browser_itself_refuses_to_run_what_was_slipped_in(visitor: Visit) -> None:
    visitor.arrive()
    refused = """() => { try { document.body.innerHTML = "<img src=x onerror=alert(5)>"; return "taken"; }
                         catch (error) { return error.name; } }"""

    assert visitor.page.evaluate(refused) == "TypeError"
    assert all("TrustedHTML" in problem for problem in visitor.problems)
    visitor.problems.clear()


def controls(page: Page) -> list[str]:
    """The accessibility tree's lines of everything that one can use."""
    tree = page.locator("body").aria_snapshot()
    used = r"\s*- (button|link|textbox|searchbox|combobox|region|img|navigation|table)\b.*"
    return [line.strip() for line in tree.splitlines() if re.fullmatch(used, line)]


def tabbed(page: Page) -> int:
    """How many elements the tabulator key reaches, from the first of the page until it leaves it."""
    where = "() => [...document.body.querySelectorAll('*')].indexOf(document.activeElement)"
    page.get_by_role("button", name="Skip to content").focus()
    reached = [page.evaluate(where)]
    page.keyboard.press("Tab")
    while (here := page.evaluate(where)) >= 0 and (here == reached[-1] or here not in reached):
        reached.append(here)
        page.keyboard.press("Tab")
    return len(set(reached))  # a field for a time has several stops


@pytest.mark.parametrize("view", ["#/", "#/message/{message_id}"])
def test_everything_has_a_name_and_can_be_reached_by_the_keyboard_alone(
    visitor: Visit, api_key: str, sent: dict[str, dict[str, Any]], view: str
) -> None:
    page = opened(visitor, api_key, view.format(**sent["undelivered"]))
    expect(page.get_by_role("table")).to_be_visible()

    unnamed = [line for line in controls(page) if '"' not in line and not line.startswith("- search")]
    assert unnamed == []
    usable = page.locator(
        "a[href]:visible, button:visible, input:visible, select:visible, summary:visible, [tabindex='0']"
    )
    assert tabbed(page) == usable.count()
    for each in ("banner", "main"):
        assert page.get_by_role(each).count() == 1


def test_who_types_while_a_list_is_loading_goes_on_typing(visitor: Visit, api_key: str) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page = visitor.page
    page.route("**/messages?**", hold)
    opened(visitor, api_key)
    expect(page.get_by_text("Looking …")).to_be_visible()
    field = page.get_by_role("searchbox")
    field.focus()
    page.keyboard.type("order")
    held.pop().continue_()

    expect(page.get_by_text("Looking …")).to_have_count(0)
    expect(field).to_be_focused()
    page.keyboard.type("-42")
    expect(field).to_have_value("order-42")


def test_a_message_is_found_without_a_mouse(visitor: Visit, api_key: str, sent: dict[str, dict[str, Any]]) -> None:
    visitor.arrive()
    page = visitor.page
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(api_key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Latest messages")).to_be_visible()
    page.get_by_role("searchbox").focus()
    page.keyboard.type(sent["delivered"]["message_id"])
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name=heading(sent["delivered"]))).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="Latest messages")).to_be_visible()
