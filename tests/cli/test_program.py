"""Programs with sub-commands, and without."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from ollama_simulator.cli.program import alone, application, given


def machine(context: typer.Context, *, ports: Annotated[int, typer.Option()] = 1) -> None:
    """Start a machine."""
    if alone(context):
        typer.echo(f"{ports} ports, {given(context, 'ports')}")


def look_at(url: str, *, depth: Annotated[int, typer.Option()] = 2) -> None:
    """Look at something."""
    typer.echo(f"{url} to {depth}")


def run(*words: str, below: bool = True) -> Result:
    """What the program says to these words."""
    return CliRunner().invoke(application(machine, [look_at] if below else []), words)


@pytest.mark.parametrize("below", [True, False])
def test_without_a_sub_command_the_program_runs(below: bool) -> None:
    """With its options, and it knows which of them were given."""
    assert run(below=below).stdout == "1 ports, False\n"
    assert run("--ports", "1", below=below).stdout == "1 ports, True\n"


def test_a_sub_command_runs_instead() -> None:
    """Under the name of its function, with its own arguments and options."""
    done = run("look-at", "http://a", "--depth", "3")
    assert (done.exit_code, done.stdout) == (0, "http://a to 3\n")


def test_options_of_the_program_are_none_of_a_sub_command() -> None:
    """They would have no effect there, so they are refused."""
    done = run("--ports", "1", "look-at", "http://a")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "error: --ports is no option of look-at\n"


@pytest.mark.parametrize("words", [["look"], ["look-at"], ["--port-s", "1"]])
def test_words_that_are_not_understood(words: list[str]) -> None:
    """Status 2, and the word that is wrong or missing."""
    done = run(*words)
    assert done.exit_code == 2
    assert re.search(r"No such command 'look'|Missing argument|--port-s", done.stderr)


@pytest.mark.parametrize("name", ["-h", "--help"])
def test_help_names_the_sub_commands(name: str) -> None:
    """And each has its own."""
    assert re.search(r"look-at +Look at something", run(name).stdout)
    assert "--depth" in run("look-at", name).stdout
    assert "look-at" not in run(name, below=False).stdout
