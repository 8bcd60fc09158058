"""The dashboard of a simulator that wants a token: asked for once, or in the address; shown
nowhere."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.program import Program
from tests.dashboard.browser import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def locked(browser: Browser) -> Iterator[Program]:
    """A simulator that wants one."""
    options = ("--control-port", "0", "--server-ports", "0,0", "--control-token", TOKEN)
    with Program(*options) as program:
        yield program


@pytest.fixture
def visit(browser: Browser, locked: Program) -> Iterator[Visit]:
    """A page that is still nowhere. A browser tells by itself of requests that were refused; beside
    that there must be no complaint."""
    context = browser.new_context()
    try:
        visit = Visit(context.new_page(), locked.control_port)
        yield visit
        assert [each for each in visit.said if "status of 401" not in each] == []
    finally:
        context.close()


def breaks_and_shows(visit: Visit) -> None:
    """Break a server, and see that it is told, by the servers and by the stream."""
    page = visit.page
    page.locator("[data-server=s1] .quick").first.click()
    page.select_option("#fault", "Hang")
    assert "$OLLAMA_SIMULATOR_CONTROL_TOKEN" in page.inner_text("aside .curl")
    page.click("aside button[type=submit]")
    page.wait_for_selector("[data-server=s1][data-state=broken]")
    command = page.inner_text("#did-curl")
    assert re.search(r'-H "Authorization: Bearer \$OLLAMA_SIMULATOR_CONTROL_TOKEN"', command)
    assert TOKEN not in page.content()


def test_it_is_asked_for(visit: Visit, locked: Program) -> None:
    """A wrong one is told; the right one is kept for the tab, and for no other."""
    page = visit.page
    page.goto(f"{visit.origin}/")
    page.wait_for_selector("#token-dialog[open]")
    assert page.inner_text("#connection") == "locked"
    for wrong, words in (("not this one at all", "A token has"), (TOKEN + "x", "not its token")):
        page.fill("#token", wrong)
        page.click("#token-form button")
        page.wait_for_function(
            "words => document.getElementById('token-wrong').textContent.includes(words)", arg=words
        )
    page.fill("#token", TOKEN)
    page.press("#token", "Enter")
    page.wait_for_selector("#token-dialog", state="hidden")
    page.wait_for_selector(".card")
    breaks_and_shows(visit)
    page.reload()
    page.wait_for_selector(".card")
    assert not page.is_visible("#token-dialog")
    with page.context.expect_page() as opened:
        page.evaluate("() => window.open('/', '_blank', 'noopener')")
    opened.value.wait_for_selector("#token-dialog[open]")
    locked.control("POST", "/reset", headers=BEARER)


def test_it_is_taken_from_the_address(visit: Visit, locked: Program) -> None:
    """And out of it; requests have it in no address."""
    page = visit.page
    page.goto(f"{visit.origin}/#token={TOKEN}")
    page.wait_for_selector(".card")
    assert page.url == f"{visit.origin}/"
    breaks_and_shows(visit)
    assert not [each for each in visit.asked if TOKEN in each and "#token=" not in each]
    assert page.evaluate("() => Object.values(localStorage)").count(TOKEN) == 0
    locked.control("POST", "/reset", headers=BEARER)


def test_requests_are_shown_as_they_come(visit: Visit, locked: Program) -> None:
    """The stream of the journal is read with the token, too."""
    page = visit.page
    page.goto(f"{visit.origin}/#token={TOKEN}")
    page.wait_for_selector(".card")
    page.wait_for_function("() => document.getElementById('connection').textContent === 'live'")
    before = page.locator("#requests .row:not(.head)").count()
    urllib.request.urlopen(f"http://127.0.0.1:{locked.ports[0]}/api/version", timeout=10).close()
    page.wait_for_function(
        "n => document.querySelectorAll('#requests .row:not(.head)').length > n", arg=before
    )
