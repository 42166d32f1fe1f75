"""Headless Chromium for the page: visits, their problems, and with SCREENSHOTS=1 screenshots."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect, sync_playwright

from local.deploy import BUILD

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PICTURES = BUILD / "pictures"
PHONE, DESK = (390, 844), (1180, 900)
_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)
_TIMEOUT_MS = 60_000.0
_REFUSED = "Failed to load resource"
"""Chromium's own message for every answer from 400 on, which a page cannot prevent."""


def installed() -> str:
    """The path of Chromium; without it the test is skipped, or fails in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no Chromium: none of {', '.join(NAMES)} is on the PATH (Debian: apt-get install chromium)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """A running browser."""
    expect.set_options(timeout=_TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=_ARGUMENTS.split())
        yield browser
        browser.close()


@dataclass
class Visit:
    """One tab in a new context; ``problems`` collects errors, dialogs and foreign requests."""

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(_TIMEOUT_MS)
        self.page.on("console", self._written)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("dialog", self._stopped)
        self.page.on("request", lambda request: self._asked(request.url))

    def _written(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self.problems.append(f"console: {message.text}")

    def _stopped(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, address: str) -> None:
        elsewhere = urlsplit(address).scheme != "data" and not address.startswith(f"{self.url}/")
        if elsewhere or "smst_" in address:  # nor may a URL contain a key
            self.problems.append(f"request: {address}")

    def arrive(self, fragment: str = "") -> None:
        self.page.goto(f"{self.url}/{fragment}")

    def unlock(self, key: str) -> None:
        """Enter the key as a person does."""
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Open").click()

    def picture(self, name: str) -> None:
        """Save a screenshot, which git ignores, if SCREENSHOTS is set: it takes as long as the rest of a test."""
        if not os.environ.get("SCREENSHOTS"):
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@contextmanager
def visit(browser: Browser, url: str, *, size: tuple[int, int] = DESK, dark: bool = False) -> Iterator[Visit]:
    """A visit that must end without problems."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        timezone_id="Europe/Amsterdam",
    )
    visitor = Visit(context.new_page(), url)
    try:
        yield visitor
    finally:
        context.close()
    assert visitor.problems == []


def send(api: httpx.Client, to: str, by: str, reference: str | None = None) -> str:
    message = {"to": to, "body": "Hello", "provider": by, "reference": reference or f"page {to}"}
    return str(api.post("/messages", json=message).raise_for_status().json()["message_id"])


def opened(visitor: Visit, key: str, fragment: str = "") -> Page:
    visitor.arrive(fragment)
    visitor.unlock(key)
    return visitor.page


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Search").click()


def heading(record: dict[str, Any]) -> str:
    return f"Message to {record['to']}"
