"""The command `golden`: replays files of recordings and tells what differs.

Rules of this file:

1. Exit status: 0 if everything is identical but the listed exceptions, 1 if not, 2 for a file
   that can't be read or wrong options.
2. One line for each difference, on standard output, and the count at the end.

It must not import the programs' command line.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator.golden.earlier import Earlier
from ollama_simulator.golden.exceptions import exceptions
from ollama_simulator.golden.play import Outcome, depends_on_time, play
from ollama_simulator.golden.recording import BadRecording, Recording, read
from ollama_simulator.golden.report import details, lines, summary
from ollama_simulator.orderly import in_order

AT_ONCE = 12
"""Recordings that are replayed at once: most wait more than they work."""


def golden(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Files of recordings, one JSON object a line."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PREFIX", help="Only records whose names begin so; repeatable."),
    ] = None,
    show_details: Annotated[
        bool, typer.Option("--details", help="Show the whole answers of records that differ.")
    ] = False,
    show_summary: Annotated[
        bool, typer.Option("--summary", help="Show the count of each group of names.")
    ] = False,
    list_exceptions: Annotated[
        bool, typer.Option("--list-exceptions", help="Show which records may differ, and why.")
    ] = False,
) -> None:
    """Replay recordings of real Ollama servers against simulated ones, and compare every byte.

    Exit status: 0 all identical but the exceptions, 1 some differ, 2 a file is no recording.
    """
    if list_exceptions:
        for each in exceptions():
            typer.echo(f"{each.file}:{each.line} {each.name}: {each.why}")
        if not files:
            raise typer.Exit(0)
    if not files:
        typer.echo("error: name at least one file of recordings (see --help)", err=True)
        raise typer.Exit(2)
    try:
        recordings = [list(read(path)) for path in files]
    except BadRecording as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    prefixes = tuple(only or [""])
    chosen = [each for file in recordings for each in file if each.name.startswith(prefixes)]
    if not chosen:
        typer.echo(f"error: --only: no record's name begins with {' or '.join(prefixes)}", err=True)
        raise typer.Exit(2)
    outcomes = asyncio.run(in_order(_replay(chosen, Earlier(recordings))))
    for outcome in outcomes:
        for line in lines(outcome, _excused(outcome)):
            typer.echo(line)
        if show_details and not outcome.identical:
            typer.echo(details(outcome))
    if show_summary:
        typer.echo(summary(outcomes))
    excused = sum(1 for each in outcomes if not each.identical and _excused(each))
    identical = sum(1 for each in outcomes if each.identical)
    end = f"{identical} of {len(outcomes)} identical"
    typer.echo(end + (f", {excused} excused (see --list-exceptions)" if excused else ""))
    raise typer.Exit(0 if identical + excused == len(outcomes) else 1)


async def _replay(chosen: Sequence[Recording], earlier: Earlier) -> list[Outcome]:
    """Replay all, each once: those that a busy machine may make differ one after another when the
    others are done, which are replayed many at once."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(recording: Recording) -> Outcome:
        async with turns:
            return await play(recording, earlier)

    alone = [depends_on_time(each) for each in chosen]
    async with asyncio.TaskGroup() as group:
        tasks = [
            None if timed else group.create_task(one(each))
            for each, timed in zip(chosen, alone, strict=True)
        ]
    return [
        await play(each, earlier) if task is None else task.result()
        for each, task in zip(chosen, tasks, strict=True)
    ]


def _excused(outcome: Outcome) -> bool:
    return any(each.covers(outcome.recording) for each in exceptions())
