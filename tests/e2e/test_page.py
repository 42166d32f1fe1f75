"""The page in headless Chromium on the local stack: a message is found, followed, explained; what is wrong is said."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from local.stack import Stack
from tests.e2e import browser as chromium
from tests.e2e import watch
from tests.e2e.browser import PHONE, Visit, heading, opened, search, send
from tests.e2e.provider import Simulator, number


@pytest.fixture(scope="module")
def counted(stack: Stack, api: httpx.Client, sent: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What the statistics say of the messages sent, by provider."""
    assert sent
    watch.counted(stack)
    groups = api.get("/stats").raise_for_status().json()["groups"]
    # Other tests send from the same client, perhaps by other providers.
    assert {group["provider"] for group in groups} >= {record["provider"] for record in sent.values()}
    return list(groups)


def hide(page: Page, *, hidden: bool) -> None:
    """Another tab comes to the front, or this one again; headless Chromium has no front."""
    given = f"Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {str(hidden).lower()} }})"
    page.evaluate(f"() => {{ {given}; document.dispatchEvent(new Event('visibilitychange')); }}")


@pytest.mark.parametrize(
    ("field", "kind"),
    [("provider_message_id", "Provider’s id"), ("to", "Phone number"), ("reference", "Reference")],
)
def test_a_message_is_found_by_what_one_has_of_it(
    visitor: Visit, api_key: str, sent: dict[str, dict[str, Any]], field: str, kind: str
) -> None:
    page = opened(visitor, api_key)
    search(page, sent["delivered"][field])

    expect(page.get_by_label("Search by")).to_have_value(re.compile(field))
    expect(page.get_by_text(f"Recognised as {kind.lower()}")).to_be_visible()
    expect(page.get_by_role("cell", name=sent["delivered"]["to"], exact=True)).to_be_visible()
    page.get_by_role("table").get_by_role("link").click()
    expect(page.get_by_role("heading", name=heading(sent["delivered"]))).to_be_focused()


def test_a_message_is_found_by_its_id_and_its_address_can_be_shared_without_the_key(
    visitor: Visit, api_key: str, sent: dict[str, dict[str, Any]]
) -> None:
    page = opened(visitor, api_key)
    search(page, sent["delivered"]["message_id"].upper())

    expect(page.get_by_role("heading", name=heading(sent["delivered"]))).to_be_visible()
    expect(page).to_have_url(f"{visitor.url}/#/message/{sent['delivered']['message_id']}")
    expect(page.get_by_role("img", name=re.compile("delivered after .*which gives the status"))).to_be_visible()
    visitor.picture("message-delivered")


def test_what_is_typed_can_be_taken_for_something_else_by_hand(visitor: Visit, api_key: str, api: httpx.Client) -> None:
    reference = "0" * 32
    record = watch.final(api, send(api, number("00"), "twilio", reference))
    page = opened(visitor, api_key)
    page.get_by_role("searchbox").fill(reference)
    expect(page.get_by_label("Search by")).to_have_value("provider_message_id")

    page.get_by_label("Search by").select_option("Reference")
    page.get_by_role("button", name="Search").click()

    expect(page.get_by_role("cell", name=record["to"], exact=True)).to_be_visible()


def test_a_message_is_followed_until_it_is_final(
    visitor: Visit, stack: Stack, api: httpx.Client, api_key: str, simulators: dict[str, Simulator]
) -> None:
    with stack.paused("processor"):
        message_id = send(api, number("00"), "twilio")
        simulators["twilio"].idle()
        page = opened(visitor, api_key, f"#/message/{message_id}")
        expect(page.get_by_text("Followed live")).to_be_visible()
        expect(page.locator(".state .badge")).to_have_text("accepted")
        visitor.picture("message-under-way")

    expect(page.locator(".state .badge")).to_have_text("delivered")
    expect(page.locator("#live")).to_have_text("Status: delivered. Final.")
    expect(page.get_by_text("Final: nothing more is expected")).to_be_visible()
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(4)


def test_following_can_be_stopped_and_taken_up_again(
    visitor: Visit, stack: Stack, api: httpx.Client, api_key: str
) -> None:
    with stack.paused("processor"):
        page = opened(visitor, api_key, f"#/message/{send(api, number('00'), 'messagebird')}")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("Not followed.")).to_be_visible()
        page.get_by_role("button", name="Follow live").click()
        hide(page, hidden=True)
        expect(page.get_by_text("Paused while this tab is hidden.")).to_be_visible()

    hide(page, hidden=False)

    expect(page.locator(".state .badge")).to_have_text("delivered")


def test_a_failure_is_explained_with_what_to_do_and_the_providers_own_page(
    visitor: Visit, api_key: str, sent: dict[str, dict[str, Any]]
) -> None:
    failure = sent["undelivered"]["failure"]
    page = opened(visitor, api_key, f"#/message/{sent['undelivered']['message_id']}")
    box = page.get_by_role("region", name="Why it did not arrive: unreachable")

    expect(box).to_contain_text(failure["meaning"])
    expect(box).to_contain_text(re.compile(failure["retry_advice"], re.IGNORECASE))
    expect(box).to_contain_text("twilio says 30003")
    expect(box.get_by_role("link")).to_have_attribute("href", failure["docs_url"])
    visitor.picture("message-undelivered")


def test_a_record_without_its_recipient_says_that_the_number_is_forgotten(
    visitor: Visit, api_key: str, api: httpx.Client, sent: dict[str, dict[str, Any]]
) -> None:
    record = api.get(f"/messages/{sent['delivered']['message_id']}").raise_for_status().json() | {"to": None}
    visitor.page.route("**/messages/*", lambda route: route.fulfill(json=record))
    page = opened(visitor, api_key, f"#/message/{record['message_id']}")

    expect(page.get_by_role("heading", name="Message to a forgotten number")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("null")


def test_a_report_that_changed_nothing_is_told_apart(
    visitor: Visit, api_key: str, api: httpx.Client, sent: dict[str, dict[str, Any]]
) -> None:
    # Read anew: a late report may have come since the status was final.
    record = api.get(f"/messages/{sent['corrected']['message_id']}").raise_for_status().json()
    idle = [report for report in record["reports"] if not report["applied"]]
    page = opened(visitor, api_key, f"#/message/{record['message_id']}")

    expect(page.locator(".picture .mark")).to_have_count(len(record["reports"]) + 1)
    expect(page.locator(".picture .mark.idle")).to_have_count(len(idle))
    expect(page.locator(".picture .ring")).to_have_count(1)
    for report in idle:
        expect(page.get_by_role("cell", name=f"none: {report['not_applied_reason']}").first).to_be_visible()
    visitor.picture("message-corrected")


def test_statistics_show_for_each_provider_what_was_counted(
    visitor: Visit, api_key: str, counted: list[dict[str, Any]]
) -> None:
    page = opened(visitor, api_key)
    page.get_by_role("link", name="Statistics").click()

    for group in counted:
        of = page.get_by_role("region", name=group["provider"], exact=True)
        reasons = of.get_by_role("table", name=f"Failures of {group['provider']} by reason")
        expect(of).to_contain_text(f"{group['delivery_rate']:.1%}".replace("%", " %"))
        expect(of.get_by_role("table", name=f"Outcomes of {group['provider']}").get_by_role("row")).to_have_count(5)
        for reason, count in group["reasons"].items():
            row = reasons.get_by_role("row", name=reason.replace("_", " "))
            expect(row.get_by_role("cell").first).to_have_text(str(count))
        expect(of.get_by_role("group", name="by time to delivery")).to_be_visible()
    visitor.picture("statistics")


def test_an_admin_looks_at_all_clients_or_at_one(
    visitor: Visit, stack: Stack, api_key: str, sent: dict[str, dict[str, Any]]
) -> None:
    headers = {"authorization": f"Bearer {stack.create_key('other', {'send', 'read'})}"}
    with httpx.Client(base_url=stack.api_url, headers=headers, trust_env=False) as other:
        watch.final(other, send(other, number("00"), "twilio"))
    page = opened(visitor, stack.create_key("support", {"admin"}))
    client = page.get_by_role("combobox", name="Client")
    expect(page.get_by_role("columnheader", name="Client")).to_be_visible()

    client.fill("e2e")
    search(page, sent["delivered"]["reference"])
    expect(page.get_by_role("cell", name=sent["delivered"]["to"], exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"#/search\?reference=.*&client=e2e$"))
    page.reload()
    expect(client).to_have_value("e2e")
    client.fill("other")
    search(page, "")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(2)
    visitor.picture("list-of-one-client")

    watch.counted(stack)
    page.get_by_role("link", name="Statistics").click()
    expect(page.get_by_text("Messages of all clients")).to_be_visible()
    client.fill("other")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Messages of other")).to_be_visible()
    expect(page.get_by_role("table", name="Outcomes of twilio").get_by_role("cell", name="100.0 %")).to_be_visible()
    visitor.picture("statistics-of-one-client")
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(re.compile(r"#/statistics\?days=7&client=other$"))
    expect(page.get_by_text("Messages of other")).to_be_visible()

    page.get_by_role("button", name="Forget key").click()
    visitor.arrive()
    visitor.unlock(api_key)
    expect(page.get_by_role("table")).to_be_visible()
    expect(client).to_be_hidden()


def test_an_unknown_key_is_asked_for_again_and_not_kept(visitor: Visit, stack: Stack) -> None:
    page = opened(visitor, "smst_guessed")

    expect(page.get_by_role("alert")).to_contain_text("This key is not accepted.")
    expect(page.get_by_label("API key")).to_be_focused()
    assert page.evaluate("sessionStorage.length + localStorage.length + document.cookie.length") == 0
    visitor.picture("key-refused")
    visitor.unlock("no key at all: \u202e")
    expect(page.get_by_role("alert")).to_contain_text("This key is not accepted.")
    visitor.unlock(stack.create_key("e2e", {"send"}))
    expect(page.get_by_role("alert")).to_contain_text("This key lacks the scope read.")


def test_a_key_is_gone_once_it_is_forgotten_and_unknown_to_other_tabs(visitor: Visit, api_key: str) -> None:
    page = opened(visitor, api_key)
    expect(page.get_by_role("heading", name="Latest messages")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Latest messages")).to_be_visible()
    other = page.context.new_page()
    other.goto(visitor.url)
    expect(other.get_by_label("API key")).to_be_visible()

    page.get_by_role("button", name="Forget key").click()

    expect(page.get_by_label("API key")).to_be_focused()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "There is no such message."),
        (429, "Too many requests at the moment."),
        (503, "The service has a problem at the moment."),
        (None, "The service cannot be reached."),
    ],
)
def test_what_goes_wrong_is_said_in_words_and_can_be_tried_again(
    visitor: Visit, api_key: str, sent: dict[str, dict[str, Any]], status: int | None, said: str
) -> None:
    def refuse(route: Route) -> None:
        route.abort() if status is None else route.fulfill(status=status, body='{"message": "no"}')

    absent = "00000000-0000-4000-8000-000000000000"
    page = visitor.page
    if status != 404:
        page.route("**/messages/*", refuse)
    opened(visitor, api_key, f"#/message/{absent if status == 404 else sent['delivered']['message_id']}")

    expect(page.get_by_role("alert")).to_contain_text(said)
    if status != 404:
        page.unroute("**/messages/*")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", name=heading(sent["delivered"]))).to_be_visible()


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, chromium.DESK], ids=["phone", "desk"])
def test_every_view_fits_its_screen(
    browser: Browser,
    stack: Stack,
    api_key: str,
    sent: dict[str, dict[str, Any]],
    size: tuple[int, int],
    dark: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    with chromium.visit(browser, stack.api_url, size=size, dark=dark) as visitor:
        page = opened(visitor, api_key)
        corrected = f"#/message/{sent['corrected']['message_id']}"
        views = {
            "list": ("#/", "Latest messages"),
            "message": (corrected, heading(sent["corrected"])),
            "statistics": ("#/statistics?days=31", "Statistics"),
        }
        for name, (fragment, title) in views.items():
            visitor.arrive(fragment)
            expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
            expect(page.get_by_role("table").first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            visitor.picture(f"{name}-{'phone' if size == PHONE else 'desk'}-{'dark' if dark else 'light'}")


def test_the_page_is_asked_for_again_and_not_sent_again(stack: Stack) -> None:
    with httpx.Client(base_url=stack.api_url, trust_env=False) as visitor:
        first = visitor.get("/")
        again = visitor.get("/", headers={"if-none-match": first.headers["etag"]})
        absent = visitor.get("/page/other.js")

    assert (first.status_code, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (again.status_code, again.content) == (304, b"")
    assert absent.status_code == 404
    assert json.loads(absent.text)["type"] == "urn:sms-tracker:problem:no-such-file"
