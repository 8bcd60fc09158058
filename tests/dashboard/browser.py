"""A real browser, on a page of a running simulator.

Rules of this file:

1. A browser that is installed is used; none is ever downloaded.
2. What a page says in its console, and whom it asks, is kept for the test to judge.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE_MS = 30_000


def installed() -> str:
    """The browser: that of the variable CHROMIUM, or the first on the path. Skips without one."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip(
        "the dashboard was not clicked through, as no Chromium was found: install one "
        "(on Debian `apt-get install chromium`), or name it in the variable CHROMIUM"
    )


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window. Skips where there can't be one."""
    path = installed()
    api = pytest.importorskip(
        "playwright.sync_api",
        reason="the dashboard was not clicked through, as Playwright is missing: "
        "`pip install playwright`; it comes with the extra `test`",
    )
    with api.sync_playwright() as playwright:
        # Chromium can't shut itself in where it is run by root, as in most containers.
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        arguments = ["--no-sandbox"] if root else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One page, and what it said and asked."""

    def __init__(self, page: Page, port: int) -> None:
        self.page = page
        self.origin = f"http://127.0.0.1:{port}"
        self.said: list[str] = []
        """Errors and warnings of the console, and exceptions that nobody caught."""
        self.asked: list[str] = []
        """The addresses of all that it asked for."""
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.said.append(f"{error}\n{error.stack}"))
        page.on("request", lambda request: self.asked.append(request.url))

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text}")

    def begin(self) -> Page:
        """Go to the dashboard, and wait until it shows a server."""
        self.page.goto(f"{self.origin}/")
        self.page.wait_for_selector(".card")
        return self.page


@contextlib.contextmanager
def visiting(browser: Browser, port: int, **how: Any) -> Iterator[Visit]:
    """A page that nothing is remembered of; at its end it must have had no complaint."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **how})
    try:
        visit = Visit(context.new_page(), port)
        visit.begin()
        yield visit
        assert visit.said == []
    finally:
        context.close()
