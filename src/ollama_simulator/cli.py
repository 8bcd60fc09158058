"""The two commands: `ollama_simulator` and `load_balancer_test`.

Rules of this file:

1. Options are read and checked here; what they mean is done elsewhere.
2. Exit status: 0 for success, 1 for failed scenarios, 2 for wrong options or an environment
   in which the program can't run. Errors go to standard error and name the culprit.
3. Ctrl-C and SIGTERM end a program in order, without a traceback.
"""

import asyncio
import contextlib
import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator import fleet_file
from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers.process import (
    EVERYWHERE,
    PORT,
    Balancer,
    Embedded,
    Program,
)
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel
from ollama_simulator.settings import PROFILES, Settings
from ollama_simulator.terminal import environment, run, say, stop_event, wrong

CONTROL_PORT = 11500
SERVER_PORTS = (11501, 11502, 11503)

AT_ONCE = 2
"""Scenarios that are played at once where each has a balancer and ports of its own."""
RECORDS = 100_000
"""Records that a simulator keeps, so that it can run for ever."""

INTERRUPTED = 130
TERMINATED = 143
"""Exit statuses of a suite that was not played to its end: 128 and the signal's number."""


def simulator_main() -> None:
    """Run `ollama_simulator`."""
    _program(_simulator)


def suite_main() -> None:
    """Run `load_balancer_test`."""
    _program(_suite)


def golden_main() -> None:
    """Run `golden`."""
    from ollama_simulator.golden.command import golden

    _program(golden)


def _program(command: Callable[..., None]) -> None:
    """Run a command with its options."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A balancer may answer what the terminal can't show.
        sys.stdout.reconfigure(errors="backslashreplace")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(context_settings={"help_option_names": ["--help", "-h"]})(command)
    app()


# --- ollama_simulator ---------------------------------------------------------------------


def _simulator(
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
    settings: list[Settings]
    seed = 0
    if config is not None:
        for option in ("server_ports", "wire"):
            if getattr(context.get_parameter_source(option), "name", "") == "COMMANDLINE":
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


# --- load_balancer_test -------------------------------------------------------------------


def _suite(
    balancer: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="A program with the command line --timeout=SECONDS --server=URL=NAME ... that "
            f"listens on {PORT}. Without it the embedded reference balancer is tested.",
        ),
    ] = None,
    flaw: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Give the reference balancer a flaw, to see what the suite says of it.",
        ),
    ] = None,
) -> None:
    """Start a balancer in front of simulated servers, play scenarios, and judge it.

    Exit status: 0 all passed, 1 some failed, 2 the environment is broken.
    """
    from ollama_simulator.conformance.balancers.flaws import FLAWS
    from ollama_simulator.conformance.report import BANNER

    if flaw is not None and flaw not in FLAWS:
        wrong(f"--flaw: there is no flaw {flaw!r}; there are {', '.join(sorted(FLAWS))}")
    if flaw is not None and balancer is not None:
        wrong("--flaw is for the reference balancer; it can't be used with --balancer")
    say(f"{BANNER}\n")
    try:
        with environment():
            failed = run(_judge(balancer, flaw))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None
    raise typer.Exit(1 if failed else 0)


async def _judge(path: str | None, flaw: str | None) -> int:
    from ollama_simulator.conformance import player, report, scenario

    # The balancer that is being judged must not outlive us.
    this = asyncio.current_task()
    assert this is not None
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    clock = WallClock()
    started = clock.now()
    balancer: Balancer = Embedded(flaw)
    ports: tuple[int, ...] = (0,) * player.SERVERS
    control_port = None
    if path is not None:
        balancer, ports, control_port = Program(path), SERVER_PORTS, CONTROL_PORT
        _check_free(PORT, CONTROL_PORT, *SERVER_PORTS)
    # A balancer on a fixed port can be there once only; the others wait more than they work.
    turns = asyncio.Semaphore(1 if path is not None else AT_ONCE)

    async def play(each: scenario.Scenario) -> report.Result:
        async with turns:
            return await player.play(each, balancer, ports, control_port)

    results = []
    async with asyncio.TaskGroup() as group:
        for playing in [group.create_task(play(each)) for each in scenario.known()]:
            results.append(await playing)
            say(report.line(results[-1]))
    say(f"\n{report.summary(results, clock.now() - started)}")
    return sum(not result.passed for result in results)


def _check_free(*ports: int) -> None:
    """Raises `PortTaken` for the first port that is not free on every address."""
    for port in ports:
        for host in EVERYWHERE:
            kernel.listen(host, port).close()
