"""Values of options are read as typer reads them, plain ones or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from ollama_simulator.cli.program import application


def reads(
    word: Annotated[str, typer.Option()] = "a word",
    number: Annotated[int, typer.Option()] = 7,
    bounded: Annotated[int, typer.Option(min=1, max=50)] = 5,
    share: Annotated[float, typer.Option()] = 0.5,
    path: Annotated[Path | None, typer.Option()] = None,
    maybe: Annotated[int | None, typer.Option()] = None,
    names: Annotated[list[str] | None, typer.Option()] = None,
    wanted: Annotated[bool, typer.Option("--wanted")] = False,
    others: Annotated[list[Path] | None, typer.Argument()] = None,
) -> None:
    """Tell what was read."""
    print([word, number, bounded, share, path, maybe, names, wanted, others])


def said(app: typer.Typer, words: list[str]) -> tuple[int, Any]:
    """What is read of a command line."""
    done = CliRunner().invoke(app, words, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})
    return done.exit_code, done.output


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        "",
        "--word 7",
        "--word= --wanted",
        *(
            f"--{option}={value}"
            for option in ("number", "bounded", "maybe", "share")
            for value in (
                "7",
                "007",
                "51",
                "0",
                "-7",
                "+7",
                "7.5",
                "1e3",
                "1_0",
                "9" * 18,
                "9" * 400,
                "9" * 5000,
                "\u0667",
                "",
                "x",
                " 7",
            )
        ),
        "--share nan",
        f"--path {Path(__file__).parent}",
        "--path /nowhere/at/all",
        "--path=",
        "--names a --names b one two",
        "--number",
    ],
)
def test_a_value_is_what_typer_makes_of_it(words: str, below: bool) -> None:
    """So is what is said of one that can't be meant."""
    plain = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")
    plain.command(context_settings={"help_option_names": ["--help", "-h"]})(reads)
    given = words.split(" ") if words else []
    if below:  # a program that has sub-commands takes no words of its own
        ours, given = application(lambda: None, [reads]), ["reads", *given]
        plain.callback()(lambda: None)
    else:
        ours = application(reads)
    code, output = said(ours, given)
    expected = said(plain, given)
    assert (code, output) == expected
