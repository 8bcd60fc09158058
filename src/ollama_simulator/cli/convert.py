"""The sub-command `convert` of `ollama_simulator`: scripts of a recording.

It must not import the programs.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator.terminal import environment, say, wrong


def convert(
    recording: Annotated[
        Path, typer.Argument(metavar="FILE.jsonl", help="A recording, as `record` makes them.")
    ],
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Write the scripts there, not to standard output."),
    ] = None,
) -> None:
    """Make scripts of the recorded answers of /api/chat and /api/generate.

    What is written is a body for `POST /scripts` of the control API. What no script can say is left
    out, and told on standard error. Exit status: 0 made, 1 nothing could be made, 2 wrong options
    or no recording.
    """
    import msgspec

    from ollama_simulator.recording.reading import BadRecording, read
    from ollama_simulator.recording.scripts import convert as converted

    try:
        made = converted(read(recording))
    except BadRecording as bad:
        wrong(str(bad))
    for each in made.left_out:
        _tell(f"{recording}:{each.line}: left out: {each.why}")
    if not made.scripts:
        _tell(f"error: {recording}: there is nothing that a script could say")
        raise typer.Exit(1)
    data = msgspec.json.encode({"port": {"all": True}, "scripts": made.scripts})
    text = msgspec.json.format(data, indent=2).decode()
    if to is None:
        say(text)
        return
    with environment():
        to.write_text(f"{text}\n", encoding="utf-8")
    count = len(made.scripts)
    _tell(f"{to}: {count:,} script{'' if count == 1 else 's'}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
