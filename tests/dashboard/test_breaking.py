"""Breaking and healing servers by clicks and by keys; the shown `curl` does the very same."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ollama_simulator.faults.rule import CONDITIONS, Rule
from tests.acceptance.program import Program
from tests.acceptance.rawhttp import Ended
from tests.dashboard.asking import (
    chat,
    eventually,
    journal,
    names,
    next_record,
    rules,
    server,
)
from tests.dashboard.browser import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

MID = {"type": "FailMidStream", "tokens_before_fail": 3}


def click(page: Page, name: str) -> None:
    """Click the button with exactly this name."""
    page.get_by_role("button", name=name, exact=True).click()


def shown_curl(page: Page, where: str) -> str:
    """The command that is shown there."""
    return str(page.locator(f"{where} .curl code").inner_text())


def run(command: str) -> None:
    """Run commands of a POSIX shell, each of which must succeed."""
    if shutil.which("curl") is None or shutil.which("sh") is None:
        pytest.skip("the shown commands were not run, as curl or sh is missing")
    for line in command.splitlines():
        silent = line.replace("curl ", "curl -sS --fail-with-body ", 1)
        done = subprocess.run(
            ["sh", "-c", silent], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)


def test_a_server_is_broken_and_healed_by_clicks(fleet: Program, page: Page) -> None:
    before = next_record(fleet)
    click(page, "Break s2")
    page.select_option("#fault", "FailMidStream")
    page.fill("[name=tokens_before_fail]", "3")
    page.get_by_text("Where and when").click()
    page.fill("[name=limit]", "1")
    click(page, "Break")
    page.wait_for_selector("#did[data-fine=yes]")
    assert rules(fleet, "s2") == [{"fault": MID, "limit": 1}]
    assert rules(fleet, "s1") == rules(fleet, "s3") == []
    assert [each["server"] for each in journal(fleet, "Injected", since=before)] == ["s2"]

    assert chat(fleet, "s2").ended is Ended.RESET
    assert chat(fleet, "s2").ended is Ended.COMPLETE
    (struck,) = journal(fleet, "Struck", since=before, server="s2")
    assert struck["fault"] == "FailMidStream"
    card = page.locator(".card[data-server=s2]")
    card.get_by_text("FailMidStream · struck 1 of 1 · used up").wait_for()

    click(page, "Heal rule " + str(server(fleet, "s2")["rules"][0]["id"]))
    eventually(lambda: rules(fleet, "s2"), [])
    (healed,) = journal(fleet, "Healed", since=before)
    assert (healed["server"], healed["why"]) == ("s2", "asked")
    page.locator(".card[data-server=s2]:not([data-rules])").wait_for()


def test_a_server_is_broken_and_healed_by_keys_alone(fleet: Program, page: Page) -> None:
    """The mouse is never used, and the focus is where one would look for it."""
    press = page.keyboard.press
    press("s")
    press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "s2"
    press("b")
    page.wait_for_selector("#fault:focus")
    page.keyboard.type("HttpE")
    assert page.input_value("#fault") == "HttpError"
    press("Tab")
    page.keyboard.type("502")
    press("Tab")
    press("Control+A")
    page.keyboard.type("gone")
    for _ in range(5):
        press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    press("Enter")
    press("Tab")
    page.keyboard.type("2")
    press("Enter")
    page.wait_for_selector("#did[data-fine=yes]")
    ((fault, limit),) = [(rule["fault"], rule["limit"]) for rule in rules(fleet, "s2")]
    assert (fault["type"], fault["status_code"], fault["message"], limit) == (
        "HttpError", 502, "gone", 2,
    )  # fmt: skip
    answer = chat(fleet, "s2")
    assert (answer.status, answer.json()) == (502, {"error": "gone"})

    press("Escape")
    assert page.locator("#panel").is_hidden()
    press("s")
    press("h")
    eventually(lambda: rules(fleet, "s2"), [])
    assert chat(fleet, "s2").status == 200


def test_several_are_broken_at_once(fleet: Program, page: Page) -> None:
    """By the boxes on their cards, and by the keys."""
    page.get_by_label("Select s1", exact=True).click()
    page.get_by_label("Select s3", exact=True).click()
    click(page, "Break 2 selected")
    page.select_option("#fault", "Hang")
    assert page.input_value("#targets") == "s1,s3"
    click(page, "Break")
    page.wait_for_selector("#did[data-fine=yes]")
    assert [rules(fleet, name) for name in ("s1", "s2", "s3")] == [
        [{"fault": {"type": "Hang"}}],
        [],
        [{"fault": {"type": "Hang"}}],
    ]
    click(page, "Heal 2 selected")
    eventually(lambda: rules(fleet, "s1") + rules(fleet, "s3"), [])
    page.keyboard.press("a")
    page.keyboard.press("b")
    page.wait_for_selector("#fault:focus")
    assert page.input_value("#targets") == "s1,s2,s3"


def test_a_door_is_shown_as_it_stands(fleet: Program, page: Page) -> None:
    click(page, "Break s3")
    page.select_option("#fault", "ConnectionRefused")
    page.get_by_text("Where and when").click()
    assert page.locator("[name=path]").count() == 0, "there is no request yet"
    page.fill("[name=ttl]", "600")
    click(page, "Break")
    page.locator(".card[data-server=s3][data-state=shut]").wait_for()
    assert chat(fleet, "s3").ended is Ended.REFUSED
    click(page, "Heal s3")
    page.locator(".card[data-server=s3][data-state=idle]").wait_for()


def test_what_is_missing_or_refused_is_said_at_its_field(fleet: Program, visit: Visit) -> None:
    page = visit.page
    click(page, "Break s1")
    page.select_option("#fault", "HttpError")
    page.fill("[name=status_code]", "teapot")
    click(page, "Break")
    assert page.locator("[name=status_code][aria-invalid]").count() == 1
    page.get_by_text("It must be a number.").wait_for()
    page.fill("[name=status_code]", "503")
    page.fill("#targets", "s1,s9")
    page.get_by_text("There is no server s9.").wait_for()
    assert page.locator("#panel .curl button").is_disabled()
    page.fill("#targets", "s1")
    page.get_by_text("Where and when").click()
    page.fill("[name=since]", "9")
    page.fill("[name=until]", "3")
    click(page, "Break")
    page.locator("[name=until][aria-invalid]").wait_for()
    (refused,) = visit.said
    assert "Failed to load resource" in refused, "the browser's own words"
    visit.said.clear()
    assert rules(fleet, "s1") == []


def test_every_field_of_a_rule_can_be_set(fleet: Program, page: Page) -> None:
    """All at once; what is sent is what was written."""
    click(page, "Break s1")
    page.select_option("#fault", "FailMidStream")
    page.fill("[name=tokens_before_fail]", "3")
    page.get_by_text("Where and when").click()
    written = {
        "name": "it's \"mine\"", "path": "/api/*", "method": "POST", "model": "test-*",
        "contains": "why", "probability": "0.5", "ramp": "20", "skip": "2", "limit": "7",
        "every": "3", "since": "1.5", "until": "90", "ttl": "600",
    }  # fmt: skip
    for name, text in written.items():
        page.fill(f".conditions [name={name}]", text)
    page.fill("[name=header]", "X-Client: load-*\nAccept: *")
    page.check("[name=shared]")
    offered = page.locator(".conditions [name]").evaluate_all("all => all.map((each) => each.name)")
    assert sorted(offered) == sorted(set(Rule.__struct_fields__) - {"fault"})
    command = shown_curl(page, "#panel")
    click(page, "Break")
    page.wait_for_selector("#did[data-fine=yes]")
    run(command)
    expected = {
        **written, "fault": MID, "probability": 0.5, "ramp": 20.0, "skip": 2, "limit": 7,
        "every": 3, "since": 1.5, "until": 90.0, "ttl": 600.0, "shared": True,
        "header": {"X-Client": "load-*", "Accept": "*"},
    }  # fmt: skip
    assert rules(fleet, "s1") == [expected, expected]


def test_a_fault_of_the_door_is_asked_what_it_can_be(page: Page) -> None:
    click(page, "Break s1")
    page.select_option("#fault", "ConnectionRefused")
    offered = page.locator(".conditions [name]").evaluate_all("all => all.map((each) => each.name)")
    asked = set(Rule.__struct_fields__) - {"fault", "shared", *CONDITIONS}
    assert sorted(offered) == sorted(asked)


def test_code_in_what_is_told_looks_like_code(page: Page) -> None:
    """Descriptions have it in backquotes; nobody sees those."""
    click(page, "Break s1")
    page.select_option("#fault", "HttpError")
    note = page.locator("#panel .field", has=page.locator("[name=headers]")).locator(".help")
    assert note.locator("code").inner_text() == "Retry-After"
    for name in ("HttpError", "RateLimited", "StreamError"):
        page.select_option("#fault", name)
        assert page.locator("#about-fault code").count() >= (name != "HttpError")
        assert "`" not in page.inner_text("#panel form")


def test_every_fault_can_be_set_as_the_form_is_filled_in(fleet: Program, page: Page) -> None:
    """With the examples that the simulator gives; each is taken."""
    faults = [each["name"] for each in fleet.accepted("GET", "/faults")["faults"]]
    click(page, "Break s1")
    page.wait_for_selector("#fault:enabled")
    offered = page.locator("#fault option").evaluate_all("all => all.map((each) => each.value)")
    assert sorted(offered) == sorted(faults)
    for name in faults:
        page.select_option("#fault", name)
        with page.expect_response("**/servers/s1/rules") as got:
            page.locator("#panel form").evaluate("form => form.requestSubmit()")
        # A system that has no such door says so.
        assert got.value.status in (201, 501), (name, got.value.text())
        page.keyboard.press("Escape")
        page.locator(".card[data-server=s1]").get_by_role("button", name="Break s1").click()
        page.wait_for_selector("#fault:enabled")
    taken = {rule["fault"]["type"] for rule in rules(fleet, "s1")}
    assert {"Hang", "HttpError", "FailMidStream", "Slow"} <= taken


DOINGS = ["Restart", "Set the loaded model", "Clear the KV cache", "Change a setting",
          "Remove the server"]  # fmt: skip


def standing(program: Program) -> dict[str, dict[str, object]]:
    """What each doing changes of a server."""
    return {
        each["name"]: {
            "down": each["down"],
            "loaded": [model["name"] for model in each["loaded"]],
            "cached": each["cached_tokens"],
            "settings": each["settings"],
        }
        for each in program.accepted("GET", "/servers")["servers"]
    }


def test_a_behaviour_is_told_beside_the_rules(fleet: Program, page: Page) -> None:
    """A broken server whose behaviour is Normal would be a riddle."""
    rule = {"fault": {"type": "Hang"}}
    assert fleet.control("POST", "/servers/s2/rules", rule).status == 201
    page.locator(".card[data-server=s2] .name").click()
    told = page.locator("#panel dd", has_text="Normal")
    eventually(lambda: told.inner_text().endswith("; its rules come first"), True)
    fleet.accepted("DELETE", "/servers/s2/rules")
    eventually(lambda: "rules" in told.inner_text(), False)


@pytest.mark.parametrize("doing", DOINGS)
def test_the_shown_command_does_what_the_button_does(
    fleet: Program, page: Page, doing: str
) -> None:
    """On the same fleet, once by the shell and once by a click."""

    def prepare() -> dict[str, dict[str, object]]:
        fleet.accepted("POST", "/reset")
        assert chat(fleet, "s2").status == 200
        return standing(fleet)

    before = prepare()
    page.locator(".card[data-server=s2] .name").click()
    page.locator("#panel summary", has_text=doing).click()
    form = page.locator("details.act[open]")
    if doing == "Restart":
        form.locator("[name=seconds]").fill("600")
    command = shown_curl(page, "details.act[open]")
    run(command)
    by_shell = standing(fleet)
    assert by_shell != before

    assert prepare() == before
    form.get_by_role("button", name=doing).click()
    page.wait_for_selector("#did[data-fine=yes]")
    assert page.locator("#did-curl").inner_text() == command
    eventually(lambda: standing(fleet), by_shell)


def test_the_fleet_grows_and_is_reset(fleet: Program, page: Page) -> None:
    page.get_by_role("button", name="Add …").click()
    page.fill("[name=num_parallel]", "3")
    page.fill("[name=more]", '{"speed": 0.5}')
    command = shown_curl(page, "#panel")
    page.locator("#panel").get_by_role("button", name="Add a server").click()
    page.locator("#panel h2", has_text="s").wait_for()
    run(command)
    added = [server(fleet, name)["settings"] for name in names(fleet)[3:]]
    assert added == [{"num_parallel": 3, "speed": 0.5}] * 2
    eventually(lambda: page.locator(".card").count(), 5)

    page.keyboard.press("Escape")
    page.get_by_role("button", name="Fleet …").click()
    page.locator("#panel").get_by_role("button", name="Reset the fleet").click()
    eventually(lambda: page.locator(".card").count(), 3)
    assert names(fleet) == ["s1", "s2", "s3"]


def test_what_was_done_stands_at_the_foot(fleet: Program, page: Page) -> None:
    """With its command, which can be copied."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    click(page, "Heal all")
    page.wait_for_selector("#did[data-fine=yes]")
    assert page.inner_text("#did") == "✓ Healed all servers"
    page.locator("#did-copy button").click()
    page.get_by_text("Copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == f"curl -X DELETE http://127.0.0.1:{fleet.control_port}/servers/all/rules"
    fleet.control("POST", "/servers/s1/rules", {"fault": MID})
    run(command)
    assert rules(fleet, "s1") == []
