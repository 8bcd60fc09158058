"""How a command becomes a program, and a program gets sub-commands.

Rules of this folder:

1. Options are read and checked here; what they mean is done elsewhere.
2. Exit status: 0 for success, 1 for a bad result, 2 for wrong options or an environment in which
   the program can't run. Errors go to standard error and name the culprit.
3. Ctrl-C and SIGTERM end a program in order, without a traceback.
4. A sub-command is a function in a file of its own, and an entry in the `SUB_COMMANDS` of its
   program; its name is that of the function. What is slow to import is imported in functions, as
   each start of a program imports the files of all its sub-commands.

It must not import the commands.
"""

import io
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

import typer

from ollama_simulator.terminal import wrong

Command = Callable[..., Any]

INTERRUPTED = 130
"""The exit status of what Ctrl-C ended: 128 and the signal's number."""


def start(command: Command, sub_commands: Iterable[Command] = ()) -> None:
    """Run a program with the options that it was given.

    One with sub-commands takes a context, and first asks whether it is `alone` in it.
    """
    _prepare()
    application(command, sub_commands)()


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A balancer may answer what the terminal can't show.
        sys.stdout.reconfigure(errors="backslashreplace")


def start_flat(command: Command, sub_commands_of: Iterable[Command]) -> None:
    """Run a program whose own options may stand among other words, so that a word is a
    sub-command only if it comes first."""
    below = list(sub_commands_of)
    if sys.argv[1:2] and sys.argv[1] in {each.__name__ for each in below}:
        _prepare()
        sub_commands(below)()
        return
    names = ", ".join(each.__name__ for each in below)
    command.__doc__ = f"{command.__doc__}\n\nSub-commands, each with --help: {names}."
    start(command)


def sub_commands(below: Iterable[Command]) -> typer.Typer:
    """What reads the options of sub-commands, and of nothing else."""

    def nothing() -> None:
        """Sub-commands."""

    return application(nothing, below)


def application(command: Command, sub_commands: Iterable[Command] = ()) -> typer.Typer:
    """What reads the options of a program."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    names: dict[str, Any] = {"help_option_names": ["--help", "-h"]}
    below = list(sub_commands)
    for each in below:
        app.command(context_settings=names)(each)
    if below:
        app.callback(invoke_without_command=True, context_settings=names)(command)
    else:
        app.command(context_settings=names)(command)
    return app


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
