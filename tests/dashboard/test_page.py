"""The page itself: what it shows, whom it asks, how it looks and how it is used."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ollama_simulator.conformance.balancers.ports import claimed
from ollama_simulator.control.dashboard.routes import HERE
from tests.acceptance.program import Program
from tests.acceptance.rawhttp import Connection, ask
from tests.dashboard.asking import chat, eventually, server
from tests.dashboard.browser import PATIENCE_MS, Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def tile(page: Page, name: str) -> str:
    """What one of the numbers at the top says."""
    return str(page.inner_text(f"#tile-{name}"))


@contextlib.contextmanager
def busy(program: Program, *names: str) -> Iterator[None]:
    """Ask servers, again and again, until the block ends."""
    over = threading.Event()

    def asking(name: str) -> None:
        while not over.is_set():
            chat(program, name)

    threads = [threading.Thread(target=asking, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_it_asks_nobody_but_its_own_host(fleet: Program, visit: Visit) -> None:
    """Whatever is opened; and the browser would let it ask nobody else."""
    page = visit.page
    chat(fleet, "s1")
    page.locator("#requests .row[data-mood=good]").first.click()
    page.get_by_role("button", name="Break s1", exact=True).click()
    page.wait_for_selector("#fault:enabled")
    assert len(visit.asked) > 20
    assert [url for url in visit.asked if not url.startswith(visit.origin + "/")] == []
    elsewhere = f"http://localhost:{fleet.control_port}/health"
    refused = "fetch(url).then(() => 'asked', () => 'refused')"
    assert page.evaluate(f"(url) => {refused}", elsewhere) == "refused"
    assert any("Content Security Policy" in words for words in visit.said)
    visit.said.clear()


def test_the_numbers_are_those_of_the_fleet(fleet: Program, page: Page) -> None:
    assert tile(page, "servers") == "3"
    with busy(fleet, "s1", "s2"):
        eventually(lambda: page.locator(".card[data-state=busy]").count() > 0, True)
        eventually(lambda: tile(page, "requests") != "0" and tile(page, "tokens") != "0", True)
    eventually(lambda: tile(page, "active"), "0")
    assert tile(page, "ttft").endswith("s")
    fleet.control("POST", "/servers/s3/rules", {"fault": {"type": "Hang"}})
    eventually(lambda: (tile(page, "servers"), tile(page, "rules")), ("3, 1 broken", "1"))
    shown = page.locator(".card[data-server=s1]")
    info = server(fleet, "s1")
    assert f":{info['port']}" in shown.inner_text()
    assert [model["name"] for model in info["loaded"]] == [shown.locator(".models").inner_text()]
    assert shown.locator(".slot").count() == len(info["slots"]) == 2


def test_a_request_is_a_row_with_its_phases(fleet: Program, page: Page) -> None:
    chat(fleet, "s1", options={"num_predict": 30})
    row = page.locator("#requests .row:not(.head):visible").first
    row.locator(".end", has_text="200").wait_for()
    page.select_option("#align", "start")
    assert row.locator(".of").inner_text() == "s1"
    assert row.locator(".what").inner_text() == "POST /api/chat"
    assert row.locator(".tokens").inner_text() == "30"

    def ends(phase: str) -> tuple[float, float]:
        box = row.locator(f".line .{phase}").bounding_box()
        assert box is not None, phase
        return box["x"], box["x"] + box["width"]

    load, prompt, decode, base = map(ends, ("load", "prompt", "decode", "base"))
    assert base[0] <= load[0] < load[1] <= prompt[0] + 2
    assert prompt[1] <= decode[0] + 2
    assert decode[1] <= base[1] + 2


def test_how_a_request_ended_is_told(fleet: Program, page: Page) -> None:
    """Cut by a fault, refused, left by its client; and each can be picked out."""
    rows = page.locator("#requests-space .row:visible")

    def ends(which: str, newest: int) -> list[str]:
        page.select_option("#outcome", which)
        return list(rows.locator(".end").all_inner_texts()[:newest])

    good, struck = ends("good", 9), "⚡ FailMidStream → 200, RST"
    fault = {"type": "FailMidStream", "tokens_before_fail": 3}
    fleet.control("POST", "/servers/s1/rules", {"fault": fault, "limit": 1})
    page.select_option("#outcome", "all")
    chat(fleet, "s1")
    chat(fleet, "s2", model="nobody-has-this")
    with contextlib.closing(Connection(server(fleet, "s3")["port"])) as connection:
        slow = {"model": "test-model", "prompt": "Hi.", "options": {"num_predict": 100_000}}
        connection.ask("POST", "/api/generate", slow)
        eventually(lambda: page.locator(".row[data-mood=running]:visible").count(), 1)
    eventually(lambda: ends("left", 1), ["client left"])
    assert rows.first.locator(".gone:not([hidden])").count() == 1
    eventually(lambda: ends("struck", 1), [struck])
    assert rows.first.locator(".mark:not([hidden])").count() == 1
    assert ends("failed", 2) == ["404", struck]
    assert ends("good", 9) == good
    assert ends("running", 9) == []
    assert ends("all", 3) == ["client left", "404", struck]
    page.select_option("#of-server", "s2")
    assert ends("all", 1) == ["404"]


def test_the_records_of_a_request_are_a_click_away(fleet: Program, page: Page) -> None:
    """Or a key."""
    chat(fleet, "s2")
    page.locator("#requests .row[data-mood=good]").first.wait_for()
    page.keyboard.press("l")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    kinds = page.locator(".records tbody td:nth-child(2)")
    kinds.filter(has_text="Finished").wait_for()
    told = kinds.all_inner_texts()
    assert told[0] == "Asked"
    assert {"Received", "Admitted", "FirstToken", "Generated", "Finished"} <= set(told)


def test_the_list_stands_still_for_who_looks_closer(fleet: Program, page: Page) -> None:
    chat(fleet, "s1")
    first = page.locator("#requests-space .row:visible .id").first
    first.wait_for()
    number, known = first.inner_text(), int(page.inner_text("#request-count").split()[0])
    page.keyboard.press("p")
    chat(fleet, "s1")
    chat(fleet, "s2")
    page.wait_for_timeout(1500)
    assert page.locator("#requests-space .row:visible .id").all_inner_texts()[0] == number
    page.keyboard.press("p")
    eventually(lambda: page.inner_text("#request-count"), f"{known + 2} requests")


def test_charts_are_drawn_of_the_fleet_and_of_a_server(fleet: Program, page: Page) -> None:
    """What is drawn is a picture, so its newest values stand beside it, and something is drawn."""

    def drawn(colour: str) -> int:
        return int(
            page.evaluate(
                """(name) => {
                  const copy = document.createElement("canvas");
                  const probe = copy.getContext("2d", { willReadFrequently: true });
                  const style = getComputedStyle(document.documentElement);
                  probe.fillStyle = style.getPropertyValue(name);
                  probe.fillRect(0, 0, 1, 1);
                  const wanted = probe.getImageData(0, 0, 1, 1).data;
                  const canvas = document.querySelector(".chart canvas");
                  const { width, height } = canvas;
                  Object.assign(copy, { width, height });
                  probe.drawImage(canvas, 0, 0);
                  const { data } = probe.getImageData(0, 0, width, height);
                  let found = 0;
                  for (let at = 0; at < data.length; at += 4) {
                    const near = (part) => Math.abs(data[at + part] - wanted[part]) < 30;
                    found += [0, 1, 2].every(near) && data[at + 3] > 200;
                  }
                  return found;
                }""",
                colour,
            )
        )

    page.select_option("#chart-span", "60")
    with busy(fleet, "s1"):
        page.wait_for_timeout(4000)
    values = page.locator(".chart .value").all_inner_texts()
    assert len(values) == 8
    assert float(page.locator(".chart .value").first.inner_text().replace(",", "")) > 0
    line = drawn("--blue")
    assert line > 20
    page.select_option("#chart-of", "s3")
    eventually(lambda: page.locator(".chart .value").first.inner_text(), "0")
    assert drawn("--blue") != line


def test_a_single_request_is_seen_in_the_charts(fleet: Program, page: Page) -> None:
    """Its time to the first token is a point, and it was active, though nobody looked then."""
    drawn = """(title) => {
      const charts = [...document.querySelectorAll(".chart")];
      const chart = charts.find((each) => each.querySelector(".title").textContent === title);
      const colour = getComputedStyle(document.documentElement).getPropertyValue(
        title === "Requests" ? "--green" : "--violet");
      const copy = document.createElement("canvas");
      const probe = copy.getContext("2d", { willReadFrequently: true });
      probe.fillStyle = colour;
      probe.fillRect(0, 0, 1, 1);
      const wanted = probe.getImageData(0, 0, 1, 1).data;
      const canvas = chart.querySelector("canvas");
      Object.assign(copy, { width: canvas.width, height: canvas.height });
      probe.drawImage(canvas, 0, 0);
      // The lowest rows are those of the axis, and of a line at nothing.
      const { data } = probe.getImageData(0, 0, canvas.width, canvas.height - 30);
      let found = 0;
      for (let at = 0; at < data.length; at += 4) {
        const near = (part) => Math.abs(data[at + part] - wanted[part]) < 30;
        found += [0, 1, 2].every(near) && data[at + 3] > 200;
      }
      return found;
    }"""
    page.select_option("#chart-span", "60")
    page.select_option("#chart-of", "s3")
    page.wait_for_timeout(1500)
    # Whoever healed a server left green marks.
    marks = page.evaluate(drawn, "Requests")
    ask(fleet.ports[2], "GET", "/api/tags")
    page.wait_for_timeout(2500)
    assert page.evaluate(drawn, "Requests") > marks + 20
    assert page.evaluate(drawn, "First token") == 0
    chat(fleet, "s3")
    page.wait_for_timeout(2500)
    assert page.evaluate(drawn, "First token") > 3


def background(page: Page) -> str:
    """The colour of the page."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_it_is_dark_or_light_as_the_system_or_as_chosen(fleet: Program, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    light = background(page)
    page.emulate_media(color_scheme="dark")
    dark = background(page)
    assert (light, dark) == ("rgb(243, 245, 248)", "rgb(14, 18, 23)")
    page.emulate_media(color_scheme="light")
    page.keyboard.press("t")
    assert (background(page), page.inner_text("#theme-button")) == (dark, "Theme: dark")
    page.reload()
    page.wait_for_selector(".card")
    assert background(page) == dark, "the choice is kept"
    page.emulate_media(color_scheme="dark")
    page.click("#theme-button")
    assert (background(page), page.inner_text("#theme-button")) == (light, "Theme: light")
    page.click("#theme-button")
    assert (background(page), page.inner_text("#theme-button")) == (dark, "Theme: auto")


@pytest.mark.timeout(400)  # axe-core takes its time, on a machine that has little
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 700)])
def test_nothing_is_wrong_by_the_rules_of_accessibility(
    browser: Browser, fleet: Program, scheme: Any, width: int
) -> None:
    """Those of WCAG 2.2, levels A and AA, as far as axe-core can tell: names, roles, contrast.
    With the panel closed, with the form that breaks, and with a server in it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    fleet.control("POST", "/servers/s2/rules", {"fault": {"type": "HttpError", "status_code": 503,
                                                         "message": "no"}})  # fmt: skip
    fleet.control("POST", "/servers/s3/rules", {"fault": {"type": "ConnectionRefused"}})
    chat(fleet, "s1")
    chat(fleet, "s2")
    look: dict[str, Any] = {
        "color_scheme": scheme,
        "viewport": {"width": width, "height": 900},
        "reduced_motion": "reduce",
    }
    with visiting(browser, fleet.control_port, **look) as visit:
        page = visit.page
        page.locator(".row[data-mood=bad]").first.wait_for()

        def judge() -> None:
            found = axe.run(page, options=rules).response["violations"]
            told = [
                (each["id"], each["help"], [node["html"][:120] for node in each["nodes"]])
                for each in found
            ]
            assert told == []

        judge()
        page.get_by_role("button", name="Break s1", exact=True).click()
        page.wait_for_selector("#fault:enabled")
        page.get_by_text("Where and when").click()
        judge()
        page.keyboard.press("Escape")
        page.locator(".card[data-server=s2] .name").click()
        page.locator("#panel .facts dd").first.wait_for()
        judge()
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        judge()


def test_the_tabulator_stops_at_one_card_only(page: Page) -> None:
    """Whoever has 200 servers gets past them."""
    stops = page.locator("#servers").locator("button:visible, input:visible")
    assert stops.evaluate_all("all => all.filter((each) => each.tabIndex === 0).length") <= 4
    page.focus("#fleet-button")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.card').dataset.server") == "s1"
    for key, wanted in (("ArrowRight", "s2"), ("End", "s3"), ("Home", "s1")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.textContent") == wanted
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#servers')") is None
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "one sees where the focus is"


def test_keys_are_listed_and_can_be_switched_off(page: Page) -> None:
    page.keyboard.press("?")
    listed = page.locator("#keys kbd").all_inner_texts()
    assert {"?", "/", "s", "l", "a", "b", "h", "n", "f", "p", "t", "Esc"} <= set(listed)
    page.uncheck("#shortcuts-on")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    assert page.locator("#panel").is_hidden()
    page.locator("#help-button").click()
    page.check("#shortcuts-on")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "filter"
    page.keyboard.type("b")
    assert page.locator("#panel").is_hidden(), "it is what somebody writes"


@pytest.mark.parametrize("width", [360, 768])
def test_it_fits_on_a_narrow_screen(browser: Browser, fleet: Program, width: int) -> None:
    with visiting(browser, fleet.control_port, viewport={"width": width, "height": 800}) as visit:
        page = visit.page
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= width
        page.get_by_role("button", name="Break s1", exact=True).click()
        page.wait_for_selector("#fault:enabled")
        assert page.evaluate(wide) <= width
        page.select_option("#fault", "Hang")
        page.get_by_role("button", name="Break", exact=True).click()
        page.wait_for_selector("#did[data-fine=yes]")


def test_it_says_that_the_simulator_is_gone_and_comes_back_with_another(
    browser: Browser, tmp_path: Path
) -> None:
    """What is on the same port then is another fleet: nothing is left of the one before."""
    with contextlib.ExitStack() as stack:
        (port,) = stack.enter_context(claimed())
        options = ("--control-port", str(port), "--server-ports")
        first = stack.enter_context(Program(*options, "0,0,0"))
        visit = stack.enter_context(visiting(browser, port))
        page = visit.page
        chat(first, "s1")
        page.locator(".row[data-mood=good]").first.wait_for()
        first.stop()
        page.locator("#lost").get_by_text("doesn't answer").wait_for()
        assert page.inner_text("#connection") == "gone"
        assert page.locator(".card").count() == 3, "what was known last is still shown"
        second = stack.enter_context(Program(*options, "0"))
        page.locator("#connection[data-state=live]").wait_for(timeout=PATIENCE_MS)
        assert page.locator("#lost").is_hidden()
        eventually(lambda: page.locator(".card").count(), 1)
        eventually(lambda: page.locator("#requests-space .row:visible").count(), 0)
        chat(second, "s1")
        page.locator(".row[data-mood=good]").first.wait_for()
        # The browser itself complains of each connection that is refused, whatever the page does.
        visit.said[:] = [words for words in visit.said if "net::ERR_" not in words]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_what_the_simulator_itself_lacks_is_told_as_long_as_it_does(browser: Browser) -> None:
    """Also to who comes when it has begun long ago; and a page can be had just then."""
    with (
        Program("--control-port", "0", "--server-ports", "0", files=100) as program,
        contextlib.ExitStack() as stack,
    ):
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", program.ports[0]), 20))
            for _ in range(150)
        ]
        eventually(lambda: len(program.accepted("GET", "/fleet")["lacking"]), 1)
        (lacks,) = program.accepted("GET", "/fleet")["lacking"]
        page = stack.enter_context(visiting(browser, program.control_port)).page
        page.locator("#lacks:visible").wait_for()
        assert page.inner_text("#lacks") == f"The simulator lacks descriptors: {lacks['detail']}."
        for client in clients:
            client.close()
        page.locator("#lacks").wait_for(state="hidden")
        assert program.accepted("GET", "/fleet")["lacking"] == []
        program.process.terminate()  # it has said something, so it is not ended as others are
        assert program.wait() == 0


def test_two_hundred_servers(browser: Browser) -> None:
    """They are there, can be sorted and filtered, and a page of which nothing changes is left as it
    is: not one element of it is touched."""
    ports = ",".join(["0"] * 200)
    with (
        Program("--control-port", "0", "--server-ports", ports) as program,
        visiting(browser, program.control_port) as visit,
    ):
        page = visit.page
        assert page.locator(".card").count() == 200
        assert page.get_attribute("#servers", "data-density") == "compact"
        page.wait_for_timeout(2500)
        touched = page.evaluate(
            """async () => {
              let touched = 0;
              const watch = new MutationObserver((all) => { touched += all.length; });
              const all = { subtree: true, childList: true, attributes: true, characterData: true };
              watch.observe(document.getElementById("servers"), all);
              await new Promise((then) => setTimeout(then, 3500));
              watch.disconnect();
              return touched;
            }"""
        )
        assert touched == 0
        program.control("POST", "/servers/s77,s150/rules", {"fault": {"type": "Hang"}})
        page.select_option("#order", "rules")
        first = page.locator(".card .name").first
        eventually(lambda: first.text_content(), "s77")
        page.select_option("#which", "broken")
        assert page.locator(".card").count() == 2
        assert page.inner_text("#picked") == "2 of 200 servers"
        page.get_by_role("button", name="Heal 2 shown").click()
        eventually(lambda: page.locator(".card").count(), 0)
        page.select_option("#which", "all")
        page.fill("#filter", "s19")
        assert page.locator(".card .name").all_text_contents() == [
            "s19",
            *(f"s{n}" for n in range(190, 200)),
        ]


def test_no_file_names_another_host() -> None:
    """Apart from a namespace, and where the chart library says where it comes from."""
    known = {"http://www.w3.org/2000/svg", "https://github.com/leeoniya/uPlot"}
    for path in HERE.rglob("*"):
        if path.suffix in {".js", ".css", ".html", ".svg"}:
            text = path.read_text(encoding="utf-8")
            for word in known:
                text = text.replace(word, "")
            assert "http://" not in text, path
            assert "https://" not in text, path
