"""The options of `ollama_simulator` about its journal: how much is kept, and in which file.

It must not import the programs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from ollama_simulator.cli.program import given
from ollama_simulator.terminal import wrong

if TYPE_CHECKING:
    from ollama_simulator.fleet_file import FleetFile

PANEL = "The journal"

Size = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=10_000_000,
        help="Records of what happened that are kept; older ones are dropped.",
        rich_help_panel=PANEL,
    ),
]
File = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.jsonl",
        help="Write every record there as well, as a line of JSON; what is there is gone on with.",
        rich_help_panel=PANEL,
    ),
]
Most = Annotated[
    int | None,
    typer.Option(
        metavar="BYTES",
        min=1,
        help="When that file has so many bytes, it is put aside as FILE.jsonl.1, in place of an "
        "older one, and another one is begun.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]


def given_to(
    fleet: "FleetFile", context: typer.Context, size: int, file: Path | None, most: int | None
) -> "FleetFile":
    """A fleet whose journal is as the options say, where there are any."""
    if given(context, "journal_size"):
        fleet = replace(fleet, journal_size=size)
    if file is not None:
        fleet = replace(fleet, journal_file=str(file))
    if most is not None:
        if fleet.journal_file is None:
            wrong("--journal-file-max: there is no --journal-file")
        fleet = replace(fleet, journal_file_max=most)
    return fleet
