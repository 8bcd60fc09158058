"""What the guide to Python says is true: its programs run and print what it shows."""

from __future__ import annotations

import contextlib
import gc
import inspect
import io
import re
import warnings
from pathlib import Path

import msgspec
import pytest

import ollama_simulator
from ollama_simulator.faults.rule import Rule
from ollama_simulator.simulation.blocking_fleet import Fleet
from ollama_simulator.simulation.blocking_journal import Journal
from ollama_simulator.simulation.blocking_server import Injected, Server
from ollama_simulator.simulation.pattern import KINDS
from ollama_simulator.simulation.simulate import simulate

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```(?:\n\n```\n(.*?)```)?", GUIDE, re.DOTALL)
CONTROL = "http://127.0.0.1:11500"


def lasting(printed: str) -> str:
    """What is printed, without the numbers that differ from run to run: times, ports, and sizes of
    what tells times."""
    printed = re.sub(r" *\d+\.\d{3}\b", " #.###", printed)
    printed = re.sub(r"\b\d+ (records|bytes)", r"# \1", printed)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:#", printed)


@pytest.mark.parametrize(("code", "shown"), PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_prints_what_it_says(code: str, shown: str) -> None:
    """As printed, but for the URL of a simulator that runs already."""
    run(code, shown)


def run(code: str, shown: str) -> None:
    """Run a program and compare what it prints."""
    printed = io.StringIO()
    with contextlib.ExitStack() as stack:
        if CONTROL in code:
            running = stack.enter_context(simulate(servers=3, control=True))
            code = code.replace(CONTROL, str(running.control_url))
            shown = "1 ['s1', 's2', 's3']\n"
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", ResourceWarning)
        exec(compile(code, "docs/python.md", "exec"), {"__name__": "__main__"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # The clients of `ollama` leave their connections open.
    assert lasting(printed.getvalue()) == lasting(shown)


def test_the_program_of_the_readme_prints_what_happened() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = [
        code
        for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
        if "simulate(" in code
    ]
    run(code, "busy (status code: 503)\n")


@pytest.mark.parametrize("kind", [Fleet, Server, Injected, Journal])
def test_every_method_stands_there(kind: type) -> None:
    for name in vars(kind):
        if not name.startswith("_"):
            assert re.search(rf"\b{name}\b", GUIDE), name


def test_every_argument_and_condition_stands_there() -> None:
    for name in inspect.signature(simulate).parameters:
        assert name == "settings" or f"| `{name}` |" in GUIDE, name
    for name in Rule.__struct_fields__:
        assert name == "fault" or f"`{name}`" in GUIDE, name


def test_every_record_and_its_fields_stand_there() -> None:
    """In the order of the source."""
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (.*?) \| ", GUIDE, re.MULTILINE)
    found = {name: re.findall(r"`(\w+)`", fields) for name, fields in rows if name in KINDS}
    common = msgspec.structs.fields(ollama_simulator.records.Record)
    told = {each.name for each in common}
    assert found == {
        name: [field for field in kind.__struct_fields__ if field not in told]
        for name, kind in KINDS.items()
    }


def test_every_error_stands_there() -> None:
    """With what it is one of."""
    for name, base in re.findall(r"^\| `(\w+)` \| an? `(\w+)`", GUIDE, re.MULTILINE):
        error = getattr(ollama_simulator, name)
        assert base in [each.__name__ for each in error.__mro__], name
