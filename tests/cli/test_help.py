"""What the help of both programs says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ollama_simulator import __version__
from ollama_simulator.cli import simulator, suite
from ollama_simulator.cli.program import Command, Examples, application
from tests.acceptance.program import environment

ROOT = Path(__file__).parent.parent.parent

PROGRAMS: dict[str, tuple[Command, Iterable[Command], Examples]] = {
    "ollama_simulator": (simulator.simulator, simulator.SUB_COMMANDS, simulator.EXAMPLES),
    "load_balancer_test": (suite.suite, (), suite.EXAMPLES),
}
each_program = pytest.mark.parametrize("name", list(PROGRAMS))


def ask(name: str, *words: str, width: int = 80) -> str:
    """What a program prints."""
    command, below, examples = PROGRAMS[name]
    app = application(command, below, examples, completion=True)
    done = CliRunner().invoke(app, words, env={"COLUMNS": str(width), "TERMINAL_WIDTH": str(width)})
    assert done.exit_code == 0, done.output
    return done.stdout


def options(app: typer.Typer) -> list[typer.core.TyperOption]:
    """Every option of a program and of its sub-commands."""
    root = typer.main.get_command(app)
    commands = [root, *getattr(root, "commands", {}).values()]
    return [
        each
        for command in commands
        for each in command.params
        if isinstance(each, typer.core.TyperOption)
    ]


@each_program
def test_every_option_is_explained(name: str) -> None:
    """In a sentence."""
    command, below, examples = PROGRAMS[name]
    for option in options(application(command, below, examples)):
        assert option.help, option.opts
        assert re.search(r"[.;]", option.help), option.opts


@each_program
def test_every_option_stands_in_the_help(name: str) -> None:
    """And says nothing of a value where it has none."""
    command, _, examples = PROGRAMS[name]
    helped = ask(name, "--help", width=120)
    for option in options(application(command, (), examples)):
        assert f" {option.opts[0]} " in helped, option.opts
    assert "<bool>" not in helped


@each_program
def test_it_ends_with_examples_that_can_be_copied(name: str) -> None:
    """Each on a line of its own on a terminal of 80 columns, and of options that there are."""
    _, _, examples = PROGRAMS[name]
    lines = [line.strip() for line in ask(name, "--help").splitlines()]
    end = lines[lines.index("Examples") :]
    for words, command in examples:
        assert end[end.index(f"# {words}") + 1] == command
        for word in shlex.split(command):
            if word.startswith("--"):
                assert any(line.startswith(f"│ {word} ") for line in lines), word


@each_program
def test_version(name: str) -> None:
    assert ask(name, "--version") == f"{__version__}\n"


@pytest.mark.parametrize("command", [*simulator.SUB_COMMANDS, *suite.SUB_COMMANDS])
def test_every_sub_command_has_a_help(command: Callable[..., None]) -> None:
    """With every option of it."""
    app = application(command)
    done = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert done.exit_code == 0
    for option in options(app):
        assert option.opts[0] in done.stdout


def test_help_loads_nothing_that_answers() -> None:
    """Neither the engine nor the control API: help and completion are there at once."""
    code = (
        "import sys, ollama_simulator.cli.simulator\n"
        "heavy = ('starlette', 'uvicorn', 'jinja2', 'jsonschema', 'ollama_simulator.engine',\n"
        "    'ollama_simulator.wire', 'ollama_simulator.conformance', 'ollama_simulator.control')\n"
        "print([name for name in sys.modules if name in heavy])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"
