"""The program `ollama_simulator`, which starts servers and their control API.

It must not import the other programs.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator import fleet_file
from ollama_simulator.cli.program import Command, alone, given, start
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel
from ollama_simulator.settings import PROFILES, Settings
from ollama_simulator.terminal import environment, run, say, stop_event, wrong

SUB_COMMANDS: tuple[Command, ...] = ()

CONTROL_PORT = 11500
SERVER_PORTS = (11501, 11502, 11503)

RECORDS = 100_000
"""Records that a simulator keeps, so that it can run for ever."""


def main() -> None:
    """Run `ollama_simulator`."""
    start(simulator, SUB_COMMANDS)


def simulator(
    context: typer.Context,
    control_port: Annotated[
        int, typer.Option(metavar="PORT", help="Port of the control API; 0 takes a free one.")
    ] = CONTROL_PORT,
    server_ports: Annotated[
        str,
        typer.Option(
            metavar="PORTS",
            help="Ports of the simulated servers, separated by commas; each 0 takes a free one.",
        ),
    ] = ",".join(map(str, SERVER_PORTS)),
    wire: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help=f"Which Ollama is imitated on the wire: {' or '.join(PROFILES)}.",
        ),
    ] = PROFILES[-1],
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A fleet in TOML. It tells ports and wire, too."),
    ] = None,
) -> None:
    """Start simulated Ollama servers and the control API that makes them misbehave.

    They listen on 127.0.0.1 until Ctrl-C or SIGTERM.
    """
    if not alone(context):
        return
    settings: list[Settings]
    seed = 0
    if config is not None:
        for option in ("server_ports", "wire"):
            if given(context, option):
                wrong(f"--{option.replace('_', '-')}: with --config, the file says that")
        try:
            fleet = fleet_file.read(config)
        except fleet_file.BadFile as bad:
            wrong(f"--config: {bad}")
        if fleet.control_port is not None:
            control_port = fleet.control_port
        ports, settings, seed = fleet.ports, list(fleet.servers), fleet.seed
    else:
        if wire not in PROFILES:
            wrong(f"--wire: {wire!r} is not imitated; there are {' and '.join(PROFILES)}")
        ports = _ports(server_ports)
        settings = [Settings(wire=wire)] * len(ports)
    _check_ports(control_port, ports)
    # Where the event loop can't be told of Ctrl-C (Windows), it interrupts.
    with environment(), contextlib.suppress(KeyboardInterrupt):
        run(_serve(control_port, ports, settings, seed))


def _ports(words: str) -> list[int]:
    ports = []
    for word in words.split(","):
        if not (word.isascii() and word.strip().isdigit() and int(word) <= 65535):
            wrong(f"--server-ports: {word.strip()!r} is no port; it must be 0 to 65535")
        ports.append(int(word))
    for port in ports:
        if port and ports.count(port) > 1:
            wrong(f"--server-ports: {port} stands twice")
    return ports


def _check_ports(control_port: int, ports: list[int]) -> None:
    if not 0 <= control_port <= 65535:
        wrong(f"--control-port: {control_port} is no port; it must be 0 to 65535")
    for port in ports:
        if port and port == control_port:
            wrong(f"--server-ports: {port} is the control port, too")


async def _serve(control_port: int, ports: list[int], settings: list[Settings], seed: int) -> None:
    stop = stop_event()
    fleet = Fleet(ports, seed=seed, records=RECORDS, settings=settings)
    async with fleet, asyncio.TaskGroup() as group:
        control = kernel.listen(HOST, control_port)
        lines = [
            "Ollama Simulator starting...",
            f"  Control API: http://{HOST}:{control.getsockname()[1]}",
            *(f"  Ollama server: http://{HOST}:{port}" for port in fleet.ports),
        ]
        say("\n".join(lines) + "\n")
        # The slowest import of the package; the servers answer meanwhile.
        from ollama_simulator.control.serve import serving

        async with serving(fleet, control, group.create_task):
            await stop.wait()
            say("\nShutting down simulator...")
