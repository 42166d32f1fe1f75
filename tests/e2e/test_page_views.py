"""The page's views on made-up data, without a stack: figures lead to messages, axe-core finds nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from subprocess import CalledProcessError, TimeoutExpired
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from local.process import ROOT
from sms_tracker.domain.opt_out import Kind
from sms_tracker.domain.record import Record
from sms_tracker.domain.report import timestamp
from sms_tracker.domain.settings import ScopeMode
from tests.e2e import browser as chromium
from tests.e2e import npm
from tests.e2e.browser import PHONE, Visit, search
from tests.e2e.made_up import NOW, URL, MadeUp, picture
from tests.fakes import START

_AXE = "axe-core@4.14.1"
TABLET, DESK = (768, 1024), (1280, 900)
ZOOMED = (320, 256)
"""1280 x 1024 at 400 %, which WCAG 2.2 asks for (1.4.10, Reflow)."""
SCREENS = [(ZOOMED, False), *product((PHONE, TABLET, DESK), (False, True))]
_SETTLED = "document.fonts.ready.then(() => new Promise(requestAnimationFrame))"


@pytest.fixture(scope="module")
def service() -> MadeUp:
    return MadeUp()


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core; skips where npm cannot install it."""
    try:
        return (npm.packages(_AXE) / "axe-core" / "axe.min.js").read_text("utf-8")
    except (CalledProcessError, TimeoutExpired) as error:
        pytest.skip(f"npm could not install {_AXE}: {type(error).__name__}")


@pytest.fixture
def visitor(browser: Browser, service: MadeUp) -> Iterator[Visit]:
    with chromium.visit(browser, URL, size=DESK) as arrived:
        service.serve(arrived.page)
        yield arrived


@pytest.fixture
def phone(browser: Browser, service: MadeUp) -> Iterator[Visit]:
    with chromium.visit(browser, URL, size=PHONE) as arrived:
        service.serve(arrived.page)
        yield arrived


def loaded(visitor: Visit, fragment: str = "", key: str = "smst_admin") -> Page:
    """The view of ``fragment``, complete."""
    page = visitor.page
    visitor.arrive(fragment)
    if page.get_by_label("API key").is_visible():
        visitor.unlock(key)
    expect(page.locator("#view h1, #view [role=alert]").first).to_be_visible()
    expect(page.locator("#view[aria-busy]")).to_have_count(0)
    page.evaluate(_SETTLED)
    return page


def found(page: Page) -> int:
    """Open every page of the list; the number of its messages."""
    expect(page.get_by_role("heading", name="Messages found")).to_be_visible()
    while True:
        expect(page.locator("#view > .end")).not_to_contain_text("Looking")
        button = page.locator("#view > .end").get_by_role("button")
        if not button.count():
            return page.get_by_role("table").locator("tbody tr").count()
        button.click()


_CLIPPED = "(all) => all.filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.innerText)"


@pytest.mark.parametrize(("size", "dark"), SCREENS)
def test_axe_finds_nothing_and_every_view_fits(
    browser: Browser, service: MadeUp, axe: str, size: tuple[int, int], *, dark: bool
) -> None:
    views = {
        "key": ("", None),
        "list": ("#/search?outcome=failure", "smst_admin"),
        "message": (f"#/message/{service.of('undelivered').message_id}", "smst_admin"),
        "opted-out": (f"#/message/{opted_out(service).message_id}", "smst_admin"),
        "statistics": ("#/statistics", "smst_admin"),
        "statistics-of-days": ("#/statistics?days=7&client=shop", "smst_admin"),
        "refused": ("#/search?to=123", "smst_admin"),
    }
    with chromium.visit(browser, URL, size=size, dark=dark) as visitor:
        service.serve(visitor.page)
        for name, (fragment, key) in views.items():
            page = loaded(visitor, fragment, key) if key else visitor.page
            if not key:
                visitor.arrive()
                expect(page.get_by_label("API key")).to_be_visible()
            visitor.picture(f"made-up-{name}-{size[0]}-{'dark' if dark else 'light'}")
            assert checked(page, axe) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            assert page.locator(".badge, .messages :is(th, td)").evaluate_all(_CLIPPED) == [], name
        page.goto(f"{URL}/docs")
        visitor.picture(f"made-up-docs-{size[0]}-{'dark' if dark else 'light'}")
        assert checked(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_lines_of_a_text_are_shown_as_they_were_sent(visitor: Visit, service: MadeUp) -> None:
    message, text = service.of("sent"), "Dear Ms Jansen,\n\n  yours is here.\u202e"
    service.messages.records[message.message_id] = replace(message, body=text)

    record = loaded(visitor, f"#/message/{message.message_id}").locator(".record")
    assert text in record.inner_text()


def test_where_the_browser_blocks_a_sites_data_the_key_is_kept_until_the_page_is_left(visitor: Visit) -> None:
    # Found in angular/angular#44802, gsklee/ngStorage#210
    visitor.page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('', 'SecurityError'); } })"
    )
    page = loaded(visitor, "#/search?outcome=failure")

    page.get_by_role("link", name="Statistics").click()
    expect(page.get_by_role("heading", name="Statistics")).to_be_visible()
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_label("API key")).to_be_visible()


def opted_out(service: MadeUp) -> Record:
    """A delivered message whose recipient replied STOP since."""
    message = service.of("delivered")
    service.block(message, Kind.STOP)
    return message


def test_an_opt_out_is_shown_beside_the_message_with_its_scope_time_and_source(visitor: Visit, service: MadeUp) -> None:
    message = opted_out(service)
    page = loaded(visitor, f"#/message/{message.message_id}")
    note = page.get_by_role("region", name="Opted out: stop")

    expect(note).to_contain_text(f"From {message.sender} by {message.state.provider}")
    expect(note.locator("time")).to_have_attribute("datetime", timestamp(START))
    expect(note.locator("dd").last).to_have_text(message.state.provider)


def test_nothing_is_shown_of_who_did_not_opt_out(visitor: Visit, service: MadeUp) -> None:
    with visitor.page.expect_response("**/opt-outs?*") as asked:
        page = loaded(visitor, f"#/message/{service.of('undelivered').message_id}")

    assert asked.value.json()["opt_outs"][0]["blocked"] is False
    expect(page.locator(".optout")).to_be_empty()


@pytest.mark.parametrize(("key", "mode"), [("smst_shop", ScopeMode.SENDER), ("smst_admin", ScopeMode.OFF)])
def test_nothing_is_asked_where_the_key_does_not_see_opt_outs_or_they_are_off(
    browser: Browser, key: str, mode: ScopeMode
) -> None:
    service, asked = MadeUp(), list[str]()
    service.reader = replace(service.reader, mode=mode)
    with chromium.visit(browser, URL, size=DESK) as visitor:
        service.serve(visitor.page)
        visitor.page.on("request", lambda request: asked.append(request.url))
        page = loaded(visitor, f"#/message/{opted_out(service).message_id}", key)
        expect(page.locator(".optout")).to_be_empty()

    assert [url for url in asked if "opt-outs" in url] == []


def test_an_opt_out_that_cannot_be_read_does_not_hide_the_message(visitor: Visit, service: MadeUp) -> None:
    message = service.of("undelivered")
    visitor.page.route("**/opt-outs?*", lambda route: route.fulfill(status=503, json={}))
    page = loaded(visitor, f"#/message/{message.message_id}")

    expect(page.locator(".optout")).to_have_text("The opt-out could not be read.")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()


def checked(page: Page, axe: str) -> list[str]:
    """What axe-core finds by every rule of WCAG 2.2 A and AA and of good practice."""
    page.evaluate(axe)
    violations = page.evaluate("axe.run().then(({ violations }) => violations)")
    return [f"{page.url} {each['id']}: {node['html'][:120]}" for each in violations for node in each["nodes"]]


@pytest.mark.parametrize("days", [1, 7])
def test_every_figure_of_the_statistics_leads_to_its_messages(visitor: Visit, days: int) -> None:
    page = loaded(visitor, f"#/statistics?days={days}")
    for summary in page.locator("#view summary").all():
        summary.click()
    links = page.locator("#view a[href^='#/search']").evaluate_all(
        "(all) => all.map((a) => [a.textContent, a.getAttribute('href')])"
    )
    counts = {href: int(text) for text, href in links if re.fullmatch(r"\d+", text)}

    figures = page.locator("#view :is(td, .figure strong)").filter(has_text=re.compile(r"^[1-9]\d*$"))
    assert figures.count() == figures.filter(has=page.locator("a")).count()
    assert len(counts) > 30
    for href, count in [*counts.items()][::9]:
        page.goto(f"{URL}/{href}")
        assert found(page) == count, href


def test_the_columns_of_time_to_delivery_lead_to_their_messages(visitor: Visit) -> None:
    page = loaded(visitor, "#/statistics")
    column = page.get_by_role("region", name="twilio", exact=True).locator(".columns a").nth(1)
    count, href = column.locator("text").first.text_content(), column.get_attribute("href")

    page.goto(f"{URL}/{href}")

    assert found(page) == int(count or 0)
    expect(page.get_by_text("Only those delivered within 2 to 5 seconds.")).to_be_visible()


def test_the_trend_shows_when_messages_began_to_fail(visitor: Visit) -> None:
    page = loaded(visitor, "#/statistics")
    trend = page.get_by_role("img", name="Volume, delivery rate and time to delivery")

    expect(trend.locator(".slot")).to_have_count(24)
    worst = max(
        trend.locator(".slot title").all_text_contents(), key=lambda told: int(re.findall(r"(\d+) failed", told)[0])
    )
    assert NOW.strftime("%-d %b") in worst
    trend.locator(".slot").nth(23).click()
    expect(page).to_have_url(re.compile("#/search.*outcome=failure"))
    assert found(page) > 0


def test_statistics_of_one_provider_have_a_trend_of_its_own(visitor: Visit) -> None:
    page = loaded(visitor, "#/statistics")
    page.get_by_role("region", name="Providers").get_by_role("link", name="messagebird").click()

    expect(page.get_by_text("Messages of all clients through messagebird")).to_be_visible()
    expect(page.get_by_role("region", name="Failures across providers")).to_have_count(0)
    page.get_by_role("link", name="all providers").click()
    expect(page.get_by_role("region", name="Failures across providers")).to_be_visible()


def test_failures_are_compared_across_providers(visitor: Visit) -> None:
    page = loaded(visitor, "#/statistics")
    table = page.get_by_role("table", name="Failures by reason and provider")

    assert table.locator("thead th").all_inner_texts() == ["Reason", "twilio", "messagebird", "bird", "All"]
    first = [int(text) for text in table.locator("tbody tr").first.locator("td").all_inner_texts()]
    assert sum(first[:-1]) == first[-1]


@pytest.mark.parametrize(
    "fragment", ["#/statistics", "#/search?outcome=failure", "#/message/00000000-0000-4000-8000-000000000000"]
)
def test_a_view_shows_that_it_is_loading_before_the_next_frame(visitor: Visit, fragment: str) -> None:
    page, held = loaded(visitor, "#/search?status=read"), list[Route]()
    page.route(re.compile("/(messages|stats)"), lambda route: held.append(route))  # noqa: PLW0108  # playwright inspects it
    shown = page.evaluate(
        """(fragment) => new Promise((resolve) => {
             const shown = () => resolve(document.getElementById("view").innerText);
             addEventListener("hashchange", () => requestAnimationFrame(shown));
             location.hash = fragment;
           })""",
        fragment,
    )

    assert re.search("Loading …|Looking …", shown)


@pytest.mark.parametrize(
    "typed",
    [
        "06 12345678", "0612345678", "(06) 12 34 56 78", "06-12 34 56 78", "31612345678", "31 6 12345678",
        "0031612345678", "+31 (0)6 12345678", "tel:+31612345678", "\u202a+31\u00a06\u00a012345678\u202c",
        "+31\u20116\u201112345678", "＋31612345678",
        "٠٦١٢٣٤٥٦٧٨", "06.12.34.56.78", "06/12345678", "611 1234", "9123 4567", "(555) 123-4567",
    ],
)  # fmt: skip
def test_a_number_is_recognised_however_it_is_written(visitor: Visit, typed: str) -> None:
    page = loaded(visitor)

    page.get_by_role("searchbox").fill(typed)

    expect(page.get_by_label("Search by")).to_have_value("to")


@pytest.mark.parametrize(
    "typed",
    ["order-42", "42", "123456", "2026-01-31", "2026-01-31 12", "A1234567", "1234567 b", "12345678901234567890"],
)
def test_what_is_no_number_is_a_reference(visitor: Visit, typed: str) -> None:
    page = loaded(visitor)

    page.get_by_role("searchbox").fill(typed)

    expect(page.get_by_label("Search by")).to_have_value("reference")


def test_a_number_in_its_local_form_finds_the_message(visitor: Visit, service: MadeUp) -> None:
    number = service.of("delivered").to
    page = loaded(visitor)

    for typed in (f"0{number[3:7]} {number[7:]}", number[1:], f"+44 (0) {number[3:]}"):
        search(page, typed)
        expect(page.get_by_role("cell", name=number, exact=True).first).to_be_visible()
        page.get_by_role("link", name="Messages", exact=True).click()


@pytest.mark.parametrize("digits", ["0699999999", "9123 4567"])  # nobody's, and no number of this country
def test_digits_that_are_no_message_s_number_can_be_searched_as_a_reference(visitor: Visit, digits: str) -> None:
    page = loaded(visitor, key="smst_shop")
    search(page, digits)

    page.get_by_role("link", name="Search it as a reference").click()

    expect(page.get_by_label("Search by")).to_have_value("reference")
    expect(page.locator("#view")).to_contain_text("No message was found.")


def test_the_list_shows_the_reason_and_for_an_admin_the_client(visitor: Visit) -> None:
    page = loaded(visitor, "#/search?outcome=failure&client=billing")

    heads = page.get_by_role("table").locator("thead th").all_inner_texts()
    assert heads == ["Created", "To", "Status", "Reason", "Provider", "Reference", "Client"]
    assert set(page.locator("tbody td:nth-child(7)").all_inner_texts()) == {"billing"}
    expect(page.get_by_role("cell", name="unreachable").first).to_be_visible()
    page.get_by_role("button", name="Forget key").click()
    page = loaded(visitor, key="smst_shop")
    assert page.get_by_role("table").locator("thead th").all_inner_texts() == heads[:-1]
    expect(page.get_by_label("Client")).to_be_hidden()


def test_the_form_asks_for_what_it_shows(visitor: Visit) -> None:
    page = loaded(visitor)
    page.get_by_label("Status", exact=True).select_option("failed")
    page.get_by_label("Reason").select_option("content filtered")
    page.get_by_label("Provider", exact=True).select_option("twilio")
    page.get_by_label("Client").fill("shop")
    page.get_by_label("From").fill("2026-01-30T09:00:00")
    page.get_by_label("Until").fill("2026-01-31T13:00:00")
    page.get_by_role("button", name="Search").click()

    asked = {"outcome": "failure", "reason": "content_filtered", "provider": "twilio", "client": "shop",
             "since": "2026-01-30T08:00:00.000Z", "until": "2026-01-31T12:00:00.999Z"}  # fmt: skip
    expect(page.get_by_role("heading", name="Messages found")).to_be_visible()
    assert dict(parse_qsl(page.url.split("?")[1])) == asked
    page.reload()
    expect(page.get_by_label("Until")).to_have_value(re.compile("^2026-01-31T13:00"))
    expect(page.get_by_label("Reason")).to_have_value("content_filtered")


def test_an_address_may_name_several_statuses(visitor: Visit) -> None:
    page = loaded(visitor, "#/search?status=expired,undelivered")

    assert set(page.locator("tbody .badge").all_inner_texts()) == {"expired", "undelivered"}
    expect(page.get_by_label("Status", exact=True)).to_have_value("status=expired,undelivered")


def test_every_time_has_its_zone_and_one_style(visitor: Visit, service: MadeUp) -> None:
    style = re.compile(r"\d{1,2} \w{3} \d{4}, \d\d:\d\d:\d\d(\.\d)? (CET|CEST|GMT[+-]\d+)")
    times = list[str]()
    for fragment in ("", f"#/message/{service.of('undelivered').message_id}", "#/statistics"):
        times += loaded(visitor, fragment).locator("time, .timeline .end").all_text_contents()

    assert len(times) > 30
    assert [text for text in times if not style.fullmatch(text)] == []


def test_numbers_stay_on_one_line(phone: Visit, service: MadeUp) -> None:
    for fragment in ("", f"#/message/{service.of('undelivered').message_id}", "#/statistics"):
        page = loaded(phone, fragment)
        numbers = page.locator(".whole, .figure strong, .badge")
        assert numbers.count()
        assert set(
            numbers.evaluate_all(
                "(all) => all.map((each) => new Set([...each.getClientRects()].map((r) => r.top)).size)"
            )
        ) == {1}


def test_on_a_phone_the_form_folds_away_while_a_message_is_open(phone: Visit, service: MadeUp) -> None:
    page = loaded(phone, f"#/message/{service.of('undelivered').message_id}")
    expect(page.get_by_role("searchbox")).to_be_hidden()
    expect(page.get_by_role("heading", name="Message to")).to_be_in_viewport()

    page.locator("#finder > summary").click()
    expect(page.get_by_role("searchbox")).to_be_visible()
    page.get_by_role("link", name="Messages", exact=True).click()
    expect(page.get_by_role("searchbox")).to_be_visible()


def test_on_a_phone_rows_are_compact(phone: Visit) -> None:
    page = loaded(phone, key="smst_shop")

    heights = page.locator("tbody tr").evaluate_all("(rows) => rows.map((row) => row.offsetHeight)")
    assert max(heights) <= 110


def test_charts_say_that_they_scroll_only_where_they_do(visitor: Visit, phone: Visit) -> None:
    for each, scrolls in ((visitor, False), (phone, True)):
        page = loaded(each, "#/statistics")
        hints = page.get_by_text("Scroll sideways for the rest.")
        expect(hints.locator("visible=true")).to_have_count(hints.count() if scrolls else 0)


def test_the_readme_s_picture_can_be_drawn_again(browser: Browser, tmp_path: Path) -> None:
    picture(browser, tmp_path / "page.png")

    for drawn in (tmp_path / "page.png", ROOT / "docs" / "page.png"):
        assert 30_000 < drawn.stat().st_size < 150_000
