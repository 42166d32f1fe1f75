"""A visitor of the page: headless Chromium, what it complains of, and pictures of what it saw."""

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

from local.package import BUILD

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PICTURES = BUILD / "pictures"
PHONE, DESK = (390, 844), (1180, 900)
_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)
_PATIENCE = 60_000.0
_REFUSED = "Failed to load resource"
"""What Chromium itself writes of every answer from 400 on; the page can neither prevent nor hide it."""


def installed() -> str:
    """Where Chromium is; without one the test is skipped, and in CI it fails."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no Chromium: none of {', '.join(NAMES)} is on the PATH (Debian: apt-get install chromium)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """One browser, for the tests of a module."""
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed(), args=_ARGUMENTS.split())
        yield browser
        browser.close()


@dataclass
class Visit:
    """One tab with nothing remembered; ``complaints`` is all that may not happen in it."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(_PATIENCE)
        self.page.on("console", self._written)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._stopped)
        self.page.on("request", lambda request: self._asked(request.url))

    def _written(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self.complaints.append(f"console: {message.text}")

    def _stopped(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, address: str) -> None:
        elsewhere = urlsplit(address).scheme != "data" and not address.startswith(f"{self.url}/")
        if elsewhere or "smst_" in address:  # nor may a key be in one
            self.complaints.append(f"request: {address}")

    def arrive(self, fragment: str = "") -> None:
        self.page.goto(f"{self.url}/{fragment}")

    def unlock(self, key: str) -> None:
        """Give the key as a person does."""
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Open").click()

    def picture(self, name: str) -> None:
        """For people to look at; git does not keep it."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@contextmanager
def visit(browser: Browser, url: str, *, size: tuple[int, int] = DESK, dark: bool = False) -> Iterator[Visit]:
    """A visitor who must have nothing to complain of at the end."""
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
    assert visitor.complaints == []


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
