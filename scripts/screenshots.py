#!/usr/bin/env python3
"""Makes the pictures of `docs/images` of a real fleet under load, some of whose servers are broken.

    python scripts/screenshots.py

It needs Chromium (on the path, or named by the variable CHROMIUM) and Playwright, which is in the
extra `test`. Nothing is downloaded, and only the loopback is used.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.acceptance.program import Program  # noqa: E402
from tests.dashboard.browser import browsing  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 300_000
WIDE = {"width": 1440, "height": 960}
DEFAULTS = """
seed = 7
control_port = 0
[defaults]
engine = "current"
profile = "rtx-4090-llama3-8b"
num_parallel = 4
"""


def fleet_file(folder: str, servers: int) -> str:
    """A file that describes so many servers."""
    path = Path(folder) / "fleet.toml"
    path.write_text(DEFAULTS + "[[servers]]\n" * servers, encoding="utf-8")
    return str(path)


def chat(port: int, draw: random.Random) -> None:
    """Ask for an answer; one client in ten leaves early. What comes of it is the picture's."""
    body = {
        "model": "test-model",
        "messages": [{"role": "user", "content": "word " * draw.randint(20, 1500)}],
        "options": {"num_predict": draw.randint(30, 250)},
    }
    url = f"http://127.0.0.1:{port}/api/chat"
    request = urllib.request.Request(url, json.dumps(body).encode())
    with (
        contextlib.suppress(OSError, ValueError),
        urllib.request.urlopen(request, timeout=30) as answer,
    ):
        answer.read(2_000 if draw.random() < 0.1 else -1)


@contextlib.contextmanager
def load(ports: Sequence[int], users: int, think_s: float) -> Iterator[None]:
    """So many users who ask, wait, and ask again, until the block ends."""
    over = threading.Event()

    def user(seed: int) -> None:
        draw = random.Random(f"screenshots/{seed}")
        while not over.wait(draw.expovariate(1 / think_s)):
            chat(draw.choice(ports), draw)

    threads = [threading.Thread(target=user, args=(seed,), daemon=True) for seed in range(users)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(5)


def rule(program: Program, servers: str, fault: dict[str, Any], **where: Any) -> None:
    """Break servers."""
    answer = program.control("POST", f"/servers/{servers}/rules", {"fault": fault, **where})
    assert answer.status == 201, answer.body


@contextlib.contextmanager
def page(browser: Browser, program: Program, scheme: Any, **size: Any) -> Iterator[Page]:
    """The dashboard in a scheme."""
    context = browser.new_context(color_scheme=scheme, viewport=size or WIDE)
    shown = context.new_page()
    shown.set_default_timeout(120_000)
    shown.goto(f"http://127.0.0.1:{program.control_port}/")
    shown.wait_for_selector(".card")
    shown.select_option("#chart-span", "60")
    yield shown
    context.close()


def picture(shown: Page, name: str) -> None:
    """Keep what a page shows."""
    path = IMAGES / f"{name}.png"
    shown.screenshot(path=path)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size // 1000} kB")
    assert size <= MOST_BYTES, f"{name} is too large for the repository"


def small(browser: Browser) -> None:
    """Four servers: everything in sight, the form, a server's details, a request."""
    with TemporaryDirectory() as folder, Program("--config", fleet_file(folder, 4)) as program:
        flaky = {"type": "FailMidStream", "tokens_before_fail": 40}
        with page(browser, program, "dark") as dark, load(program.ports, 14, 0.5):
            dark.wait_for_timeout(30_000)
            rule(program, "s3", flaky, name="flaky", probability=0.5, ttl=600)
            dark.wait_for_timeout(8_000)
            rule(program, "s4", {"type": "ConnectionRefused"}, ttl=300)
            dark.wait_for_timeout(6_000)
            picture(dark, "dashboard-dark")
            dark.select_option("#outcome", "struck")
            dark.wait_for_timeout(500)
            dark.locator(".row[data-mood=bad]:visible .id").first.dispatch_event("click")
            dark.wait_for_timeout(1_500)
            picture(dark, "dashboard-request-dark")
        with page(browser, program, "light") as light, load(program.ports, 14, 0.5):
            light.wait_for_timeout(9_000)
            light.locator(".card[data-server=s2] [aria-label='Break s2']").dispatch_event("click")
            light.wait_for_selector("#fault:enabled")
            light.select_option("#fault", "HttpError")
            light.locator(".conditions summary").dispatch_event("click")
            light.fill("[name=limit]", "3")
            light.fill("[name=ttl]", "60")
            light.wait_for_timeout(500)
            light.evaluate("window.scrollTo(0, 0)")
            light.evaluate("document.querySelector('#panel').scrollTo(0, 0)")
            picture(light, "dashboard-light")
            light.locator("#panel [type=submit]").dispatch_event("click")
            light.wait_for_selector("#did[data-fine=yes]")
            light.wait_for_timeout(4_000)
            light.evaluate("window.scrollTo(0, 0)")
            picture(light, "dashboard-server-light")


def large(browser: Browser) -> None:
    """Two hundred servers."""
    with TemporaryDirectory() as folder, Program("--config", fleet_file(folder, 200)) as program:
        rule(program, "s17,s50,s122", {"type": "Hang"}, probability=0.5)
        rule(program, "s7,s30,s31", {"type": "ConnectionRefused"})
        with page(browser, program, "light") as shown, load(program.ports, 60, 1.0):
            shown.wait_for_timeout(20_000)
            picture(shown, "dashboard-200")


def main() -> None:
    """Make all of them."""
    IMAGES.mkdir(exist_ok=True)
    with browsing() as browser:
        small(browser)
        large(browser)


if __name__ == "__main__":
    main()
