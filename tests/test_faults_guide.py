"""What the guide to faults says is true: its snippets run, and every fault stands there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import End, How, Idle
from ollama_simulator.faults import fault
from ollama_simulator.faults.laid import Ending
from ollama_simulator.faults.no_terminator import NoTerminator
from ollama_simulator.simulation import wishes
from tests.acceptance.program import Program
from tests.acceptance.rawhttp import ask
from tests.faults.acting import STREAM, bent

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS: dict[str, list[str]] = {
    cells[1]: cells[2:-1]
    for cells in ([cell.strip() for cell in line.split("|")] for line in GUIDE.splitlines())
    if len(cells) > 1 and re.fullmatch(r"`[A-Z]\w+`", cells[1])
}
"""The cells of each fault's row, by its name in backquotes."""
WORDS: dict[str, Any] = {
    "none": (msgspec.UNSET, {}),
    "for ever": (msgspec.UNSET,),
    "any number": (msgspec.UNSET,),
    "false": (False,),
}
"""How defaults are told that are no number."""


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    found = re.findall(r"```(\w*)\n(.*?)```", GUIDE, re.DOTALL)
    return [text for name, text in found if name == language]


def test_every_fault_has_its_row() -> None:
    """And there is no other, and none twice."""
    assert sorted(row.strip("`") for row in ROWS) == list(fault.known())
    assert len(re.findall(r"^\| `[A-Z]\w+` \|", GUIDE, re.MULTILINE)) == len(ROWS)
    assert all(len(cells) == 3 for cells in ROWS.values())


@pytest.mark.parametrize(("name", "kind"), fault.known().items())
def test_fields_and_defaults_are_those_that_there_are(name: str, kind: Any) -> None:
    """In their order; a field without a default has none in the table."""
    cell = ROWS[f"`{name}`"][0]
    told = re.findall(r"`(\w+)`((?: \([^)]*\))?)(?:, |$)", cell)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    assert [field for field, _ in told] == list(fields), cell
    for field, words in told:
        if not words:
            assert fields[field].required or field == "message", f"{field} has a default"
            continue
        assert not fields[field].required, f"{field} has no default"
        default = fields[field].default
        if default is msgspec.NODEFAULT:
            default = fields[field].default_factory()
        word = re.match(r" \(`?([^`;:)]+)", words)
        assert word, words
        if re.fullmatch(r"[0-9]+", word[1]):
            assert default in (int(word[1]), msgspec.UNSET), field
        elif word[1] in WORDS:
            assert default in WORDS[word[1]], field
        elif isinstance(default, fault.Fault):
            assert type(default).__name__ == word[1].partition("`")[0], field
        elif isinstance(default, Enum):
            values = re.findall(r"`(\w+)`", words)
            assert default.value == values[0], field
            assert {each.value for each in type(default)} == set(values), field


def test_rates_that_are_left_out_are_those_of_the_seed() -> None:
    """The table tells the default machine's."""
    from ollama_simulator import hardware

    pace = hardware.named(hardware.DEFAULT).pace
    assert f"`tokens_per_sec` ({pace.decode_tps:g})" in ROWS["`Normal`"][0]
    assert f"`prompt_eval_tokens_per_sec` ({pace.prefill_tps:g})" in ROWS["`Normal`"][0]


def test_the_program_prints_what_it_says() -> None:
    code, _ = blocks("python")
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"},
    )
    assert run.stdout == blocks("")[0]


def test_words_are_taken_in_python_too() -> None:
    """The guide's example of a field that is one of a few words."""
    assert '`NoTerminator(ending="hold")`' in GUIDE
    given: Any = "hold"
    taken = wishes.rule(NoTerminator(ending=given), {}).fault
    assert taken == NoTerminator(Ending.HOLD)
    assert taken.ending is Ending.HOLD


HEADER = """
from collections.abc import AsyncGenerator
from ollama_simulator.acts import Act, End, How, Idle
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds
"""


def test_the_fault_of_ones_own_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is known, and does what it says."""
    monkeypatch.setattr(fault, "_FAULTS", dict(fault.known()))
    names: dict[str, Any] = {"__name__": __name__}
    exec(HEADER + blocks("python")[1], names)
    assert fault.known()["ResetBehind"] is names["ResetBehind"]
    assert bent(names["ResetBehind"](), STREAM) == [*STREAM[:-1], End(Idle(How.RST, 0.1))]


def test_every_fault_is_taken() -> None:
    """By a running program: each line of the guide, and each fault there is by its example."""
    with Program("--control-port", "0", "--server-ports", "0") as program:

        def behave(body: Any) -> None:
            answer = program.control("POST", "/behavior", body)
            assert answer.status == 200, answer.body

        lines = [line for line in "".join(blocks("bash")).splitlines() if line.startswith("curl")]
        for line in lines:
            _, _, method, url, *body = shlex.split(line)
            data = json.loads(body[-1]) if body else None
            if data and isinstance(data.get("port"), int):
                data["port"] = program.ports[0]
            answer = program.control(method, url.partition(":11500")[2], data)
            assert answer.status in (200, 201), answer.body
        assert len(lines) == 7
        for name, kind in fault.known().items():
            behavior = {"type": name, **{f: REQUIRED[f] for f in required(kind)}}
            behave({"port": program.ports[0], "behavior": behavior})
            (server,) = program.servers()
            assert server["behavior"] == name


def test_a_request_may_ask_for_one() -> None:
    """As printed, where that is allowed."""
    lines = [line for line in "".join(blocks("")).splitlines() if line.startswith("curl")]
    statuses = []
    with Program("--control-port", "0", "--server-ports", "0", "--fault-header") as program:
        for line in lines:
            _, url, _, header = shlex.split(line)
            name, _, value = header.partition(": ")
            path = url.partition(":11501")[2]
            answer = ask(program.ports[0], "GET", path, headers={name: value})
            statuses.append(answer.status)
    assert statuses == [503, 502]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (
        {"type": "NoTerminator", "ending": "x"},
        "Invalid enum value 'x' - at `$.behavior.ending`; "
        "$.behavior.ending must be one of fin, rst, hold",
        "#/fault/ending",
    ),
    (
        {"type": "Jitter", "min_ms": 99},
        "max_ms (50) is less than min_ms (99) - at `$.behavior`",
        "#/fault",
    ),
    (
        {"type": "Liar", "fault": {"type": "Crash"}},
        "fault: Crash works before there is a request, so it can't be in here - at `$.behavior`",
        "#/fault/fault",
    ),
    (
        {"type": "Liar", "fault": {"type": "Stall", "after_tokens": -1}},
        "Expected `int` >= 0 - at `$.behavior.fault.after_tokens`",
        "#/fault/fault/after_tokens",
    ),
]


def test_what_is_wrong_is_told_with_its_place() -> None:
    """As a behaviour and as a rule, and no more words than help."""
    with Program("--control-port", "0", "--server-ports", "0") as program:
        for fault_, words, pointer in WRONG:
            body = {"port": program.ports[0], "behavior": fault_}
            answer = program.control("POST", "/behavior", body)
            assert (answer.status, answer.json()) == (400, {"error": words})
            answer = program.control("POST", "/servers/s1/rules", {"fault": fault_})
            (error,) = answer.json()["errors"]
            assert (answer.status, error["pointer"]) == (400, pointer)
        (server,) = program.servers()
        assert server["behavior"] == "Normal"


REQUIRED: dict[str, Any] = {
    "tokens_per_sec": 50.0,
    "num_tokens": 5,
    "tokens_before_fail": 3,
    "bytes_before_close": 100,
    "status_code": 503,
    "message": "no",
    "model_name": "lost",
    "response_body": "{}",
    "content_type": "application/json",
    "delay_ms": 1,
}
"""Values of fields that have to be given."""


def required(kind: Any) -> list[str]:
    """The fields that have to be given."""
    return [field.name for field in msgspec.structs.fields(kind) if field.required]
