"""The sub-command `record` of `ollama_simulator`: in front of a server, to record what it says.

It must not import the programs.
"""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator.cli.access import ControlToken, granted
from ollama_simulator.terminal import environment, run, say, wrong

PORT = 11501
CONTROL_PORT = 11500


def record(
    upstream: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="The server that answers. Nothing else is connected to."
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            metavar="FILE.jsonl", help="Where to; a recording that is there is gone on with."
        ),
    ],
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Where clients ask; 0 takes a free port."
        ),
    ] = PORT,
    control_port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Port of the control API; 0 takes a free one."
        ),
    ] = CONTROL_PORT,
    body_limit: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES",
            min=0,
            help="Keep only the digest of a request's body that is larger; 16 MiB if not told.",
            show_default=False,
        ),
    ] = None,
    control_token: ControlToken = None,
    keep_secrets: Annotated[
        bool,
        typer.Option(
            "--keep-secrets",
            help="Record the values of Authorization, cookies and API keys, too.",
        ),
    ] = False,
) -> None:
    """Stand in front of an Ollama server, pass everything on, and record it.

    Clients ask 127.0.0.1 at --port instead of the server, and can't tell. Each exchange is written
    when it is over: request, answer, and the time of each chunk. It ends at Ctrl-C or SIGTERM.

    `ollama_simulator --replay FILE.jsonl` gives the answers again, and `ollama_simulator convert`
    makes scripts of them.
    """
    from ollama_simulator.fleet_file import FleetFile, Server
    from ollama_simulator.recording.reading import read
    from ollama_simulator.recording.writing import MOST_KEPT, check_file

    if port and port == control_port:
        wrong(f"--port: {port} is the control port, too")
    try:
        there = check_file(str(to))
        server = Server(
            port=port,
            upstream=upstream,
            record=str(to),
            record_body_limit=MOST_KEPT if body_limit is None else body_limit,
            record_secrets=keep_secrets,
        )
    except ValueError as bad:
        wrong(str(bad))
    let_in = granted(None, control_token)
    before = len(there.exchanges) if there is not None else 0
    already = f", which has {_many(before)} already" if before else ""
    first = f"Recording {upstream} to {to}{already}"
    with environment():
        with contextlib.suppress(KeyboardInterrupt):
            from ollama_simulator.cli.serving import serve

            log = "live" if sys.stdout.isatty() else "plain"
            run(serve(control_port, FleetFile((server,)), log, first, let_in=let_in))
        say(f"{to}: {_many(len(read(to).exchanges) - before)} recorded")


def _many(count: int) -> str:
    return f"{count:,} exchange{'' if count == 1 else 's'}"
