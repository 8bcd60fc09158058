"""The sub-command `calibrate` of `ollama_simulator`: a profile of a running server.

It must not import the programs.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator.cli.judged import unwritable
from ollama_simulator.clock import WallClock
from ollama_simulator.orderly import in_order
from ollama_simulator.terminal import environment, run, say, wrong

LONGEST_S = 86_400.0


def calibrate(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The Ollama server. Nothing else is asked.")
    ],
    model: Annotated[str, typer.Option(metavar="NAME", help="A model that is installed there.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Write the profile there, not to standard output."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What the profile is called; after the model if not."),
    ] = None,
    hardware: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="What the machine is; only you know."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="legacy|current",
            help="Which engine runs there, if not the one that its version has.",
        ),
    ] = None,
    num_ctx: Annotated[
        int | None,
        typer.Option(
            metavar="TOKENS",
            min=4_096,
            help="Tokens of context to ask for, if not enough for a prompt of 16,000.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="The longest silence that is waited for.")
    ] = 300.0,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Sent with each request; may stand often."),
    ] = None,
) -> None:
    """Measure a running Ollama server, and write the hardware profile that it has.

    It unloads the model and loads it again, and then asks about forty times, for some minutes.
    Nobody else should use the server meanwhile. Exit status: 0 measured, 1 it could not be, 2
    wrong options.
    """
    from ollama_simulator.calibrate.measure import measure
    from ollama_simulator.calibrate.server import Failed, Server
    from ollama_simulator.calibrate.write import calibrated, date_of, name_of, toml
    from ollama_simulator.load.target import BadTarget, Target

    if engine not in (None, "legacy", "current"):
        wrong(f"--engine: {engine!r} can't be calibrated; there are legacy and current")
    if not 0 < timeout <= LONGEST_S:
        wrong(f"--timeout: it must be above 0 and at most {LONGEST_S:,.0f} s, not {timeout:g}")
    if output is not None and (why := unwritable(output)):
        wrong(f"--output: {why}")  # rather now than after the measurement
    try:
        target = Target.parse(url, tuple(header or ()))
    except BadTarget as bad:
        wrong(str(bad))
    clock = WallClock()
    nonce = f"{clock.wall_ns():x}"
    server = Server(target, clock, timeout)
    with environment():
        try:
            measuring = measure(server, model, nonce, _tell, engine=engine, context=num_ctx)
            found = run(in_order(measuring))
        except Failed as failed:
            print(f"error: {failed}", file=sys.stderr, flush=True)
            raise typer.Exit(1) from None
        done = calibrated(
            found,
            name=name or name_of(found.about.model),
            url=url,
            machine=hardware or f"the server at {url}",
            date=date_of(clock),
        )
        for line in done.missing:
            _tell(f"not measured: {line}")
        for line in found.unsteady:
            _tell(f"unsteady: {line}")
        if output is None:
            say(toml(done.profile).rstrip("\n"))
        else:
            output.write_text(toml(done.profile), encoding="utf-8")
            _tell(f"written: {output}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
