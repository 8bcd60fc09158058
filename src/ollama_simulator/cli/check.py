"""The sub-command `check` of `ollama_simulator`: whether a fleet's file is sound.

It must not import the programs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ollama_simulator.terminal import say, wrong

if TYPE_CHECKING:
    from ollama_simulator.fleet_file import FleetFile


def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE.toml", help="Files that describe fleets."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Tell it as JSON, one line for each file.")
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            help="Print the JSON Schema of such files, for editors, and do nothing else.",
        ),
    ] = False,
) -> None:
    """Check files that describe fleets, and tell what they would start. Nothing is started.

    Every mistake is a line with the file, the line, the column and the place in the document. So
    is every warning, as of a variable that Ollama would ignore; none makes a file unsound. Exit
    status: 0 all are sound, 1 there are mistakes, 2 a file can't be read, or wrong options.
    """
    from ollama_simulator import fleet_file, fleet_schema
    from ollama_simulator.cli import described

    if schema:
        if files or json:
            wrong("--schema: it is printed alone, without files or --json")
        say(fleet_schema.text().rstrip("\n"))
        return
    if not files:
        wrong("there is no FILE.toml to check")
    worst = 0
    for path in files:
        found: FleetFile | None = None
        bad: fleet_file.BadFile | None = None
        doubts: list[fleet_file.Complaint] = []
        try:
            found, doubts = fleet_file.doubted(path)
        except fleet_file.BadFile as error:
            bad = error
            worst = max(worst, 1 if error.complaints[0].line else 2)
        if json:
            say(described.as_json(path, found, bad.complaints if bad else [], doubts))
        elif found is not None:
            say("\n".join([described.as_lines(path, found), *described.warnings(path, doubts)]))
        elif bad is not None:
            say("\n".join(bad.lines))
    raise typer.Exit(worst)
