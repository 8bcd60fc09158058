"""How a command becomes a program, and a program gets sub-commands.

Rules of this folder:

1. Options are read and checked here; what they mean is done elsewhere.
2. Exit status: 0 for success, 1 for a bad result, 2 for wrong options or an environment in which
   the program can't run. Errors go to standard error and name the culprit.
3. Ctrl-C and SIGTERM end a program in order, without a traceback: what `terminal.run` runs is told
   of them, and before and after that they just end it.
4. A sub-command is a function in a file of its own, and an entry in the `SUB_COMMANDS` of its
   program; its name is that of the function. What is slow to import is imported in functions, as
   each start of a program imports the files of all its sub-commands.

It must not import the commands.
"""

import inspect
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ollama_simulator import __version__
from ollama_simulator.cli.plain import read_plainly
from ollama_simulator.terminal import say, wrong

Command = Callable[..., Any]

INTERRUPTED = 130
"""The exit status of what Ctrl-C ended: 128 and the signal's number."""


Examples = Sequence[tuple[str, str]]
"""What one may want, and the command for it. No command is longer than 78 columns: a terminal
would cut it, and it could not be copied."""


def start(command: Command, sub_commands: Iterable[Command] = (), examples: Examples = ()) -> None:
    """Run a program with the options that it was given. Its help ends with the examples.

    One with sub-commands takes a context, and first asks whether it is `alone` in it.
    """
    _prepare()
    application(command, sub_commands, examples, completion=True)()


def _prepare() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A balancer may answer what the terminal can't show.
        sys.stdout.reconfigure(errors="backslashreplace")


def start_flat(
    command: Command, sub_commands_of: Iterable[Command], examples: Examples = ()
) -> None:
    """Run a program whose own options may stand among other words, so that a word is a
    sub-command only if it comes first."""
    below = list(sub_commands_of)
    first = _words()[1:2]
    if first and first[0] in {each.__name__ for each in below}:
        _prepare()
        sub_commands(below)()
        return
    names = ", ".join(each.__name__ for each in below)
    command.__doc__ = f"{command.__doc__}\n\nSub-commands, each with --help: {names}."
    start(command, examples=examples)


def _words() -> list[str]:
    """The command line, or that which a shell asks to have completed."""
    asked = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS")
    return sys.argv if asked is None else asked.split()


def sub_commands(below: Iterable[Command]) -> typer.Typer:
    """What reads the options of sub-commands, and of nothing else."""

    def nothing() -> None:
        """Sub-commands."""

    return application(nothing, below, completion=True)


def application(
    command: Command,
    sub_commands: Iterable[Command] = (),
    examples: Examples = (),
    *,
    completion: bool = False,
) -> typer.Typer:
    """What reads the options of a program. With `completion` it has those, too, by which a shell
    learns to complete them."""
    app = typer.Typer(
        add_completion=completion, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    end = _shown(examples)
    names: dict[str, Any] = {"help_option_names": ["--help", "-h"]}
    below = list(sub_commands)
    for each in below:
        app.command(cls=_Command, context_settings=names, help=_flowing(each))(each)
    words = _flowing(command)
    if below:
        app.callback(
            cls=_Group,
            invoke_without_command=True,
            context_settings=names,
            help=words,
            epilog=end,
        )(command)
    else:
        app.command(cls=_Command, context_settings=names, help=words, epilog=end)(command)
    return app


class _Command(TyperCommand):
    """A command that reads plain values itself, and whose help says nothing of a value where an
    option has none."""

    def get_params(self, ctx: Any) -> list[Any]:
        return read_plainly(self.callback, _without_bool(super().get_params(ctx)))


class _Group(TyperGroup):
    """The same for one with sub-commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        return read_plainly(self.callback, _without_bool(super().get_params(ctx)))


def _without_bool(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return parameters


def _flowing(command: Command) -> str:
    """What a command does, in paragraphs that are broken where the terminal ends."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _shown(examples: Examples) -> str | None:
    lines = [f"[dim]# {words}[/dim]\n{command}" for words, command in examples]
    return "\n".join(["[bold]Examples[/bold]", *lines]) if examples else None


def among(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What completes a word that must be one of some names. They are asked for when it is."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


def _version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


VERSION = typer.Option(
    "--version", callback=_version, is_eager=True, help="Print the version, and end."
)
"""The option of every program."""


def alone(context: typer.Context) -> bool:
    """Whether no sub-command was named. If one was, the program's own options are refused."""
    if context.invoked_subcommand is None:
        return True
    for parameter in context.command.params:
        if given(context, parameter.name or ""):
            wrong(f"{parameter.opts[0]} is no option of {context.invoked_subcommand}")
    return False


def given(context: typer.Context, option: str) -> bool:
    """Whether the command line has this option, by the name of its parameter."""
    return getattr(context.get_parameter_source(option), "name", "") == "COMMANDLINE"
