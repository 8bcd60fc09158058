"""The program `load_balancer_test`, which judges a balancer.

It must not import the other programs.
"""

import asyncio
import contextlib
import signal
from typing import Annotated

import typer

from ollama_simulator.cli.load import load
from ollama_simulator.cli.policies import policies
from ollama_simulator.cli.program import INTERRUPTED, TERMINATED, Command, alone, start
from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers.process import (
    EVERYWHERE,
    PORT,
    Balancer,
    Embedded,
    Program,
)
from ollama_simulator.net import kernel
from ollama_simulator.terminal import environment, run, say, wrong

SUB_COMMANDS: tuple[Command, ...] = (load, policies)

CONTROL_PORT = 11500
SERVER_PORTS = (11501, 11502, 11503)
"""Where a balancer that is a program finds its servers."""

AT_ONCE = 2
"""Scenarios that are played at once where each has a balancer and ports of its own."""


def main() -> None:
    """Run `load_balancer_test`."""
    start(suite, SUB_COMMANDS)


def suite(
    context: typer.Context,
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
    if not alone(context):
        return
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
