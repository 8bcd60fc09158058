"""The program `load_balancer_test`, which judges a balancer.

It must not import the other programs.
"""

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from ollama_simulator.cli.load import load
from ollama_simulator.cli.policies import policies
from ollama_simulator.cli.program import INTERRUPTED, TERMINATED, Command, alone, start
from ollama_simulator.clock import WallClock
from ollama_simulator.net import kernel
from ollama_simulator.terminal import environment, run, say, wrong

if TYPE_CHECKING:
    from ollama_simulator.conformance.balancers.adapter import Balancer
    from ollama_simulator.conformance.report import Result

SUB_COMMANDS: tuple[Command, ...] = (load, policies)

CONTROL_PORT = 11500
SERVER_PORTS = (11501, 11502, 11503)
"""Where a balancer that is a program finds its servers."""

AT_ONCE = 6
"""Cases that are played at once where each has a balancer and ports of its own: they wait more
than they work."""


def main() -> None:
    """Run `load_balancer_test`."""
    start(suite, SUB_COMMANDS)


def suite(
    context: typer.Context,
    balancer: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|NAME",
            help="A program with the command line --timeout=SECONDS --server=URL=NAME ... that "
            "listens on 11434; or the name of an adapter, like nginx or haproxy:exclusive. Without "
            "it the embedded reference balancer is tested.",
        ),
    ] = None,
    flaw: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Give the reference balancer a flaw, to see what the suite says of it.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Play all cases, not only the seed's fifteen.")
    ] = False,
    words: Annotated[
        str, typer.Option("-k", metavar="WORDS", help="Only cases whose id has all these words.")
    ] = "",
) -> None:
    """Start a balancer in front of simulated servers, play scenarios, and judge it.

    Exit status: 0 all passed, 1 some failed, 2 the environment is broken.
    """
    if not alone(context):
        return
    from ollama_simulator.conformance.flaws import flaw as flaws
    from ollama_simulator.conformance.reporters.seed import BANNER

    if flaw is not None and flaw not in flaws.known():
        wrong(f"--flaw: there is no flaw {flaw!r}; there are {', '.join(flaws.known())}")
    if flaw is not None and balancer is not None:
        wrong("--flaw is for the reference balancer; it can't be used with --balancer")
    say(f"{BANNER}\n")
    try:
        with environment():
            failed = run(_judge(balancer, flaw, everything, words))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except asyncio.CancelledError:
        raise typer.Exit(TERMINATED) from None
    raise typer.Exit(1 if failed else 0)


async def _judge(path: str | None, flaw: str | None, everything: bool, words: str) -> int:
    from ollama_simulator.conformance import scenario
    from ollama_simulator.conformance.balancers.choice import chosen
    from ollama_simulator.conformance.balancers.ports import EVERYWHERE
    from ollama_simulator.conformance.balancers.program import PORT, Program
    from ollama_simulator.conformance.balancers.reference import Reference
    from ollama_simulator.conformance.player import Game
    from ollama_simulator.conformance.reporters import seed
    from ollama_simulator.conformance.select import SEED_GROUP, selected
    from ollama_simulator.conformance.steadiness import Steadiness
    from ollama_simulator.conformance.suite import Suite

    # The balancer that is being judged must not outlive us.
    this = asyncio.current_task()
    assert this is not None
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    clock = WallClock()
    started = clock.now()
    balancer: Balancer = Reference(flaw) if path is None else chosen(path)
    # A program finds its servers on fixed ports; an adapter tells its balancer where they are.
    fixed = isinstance(balancer, Program)
    cases = selected(scenario.known(), () if everything or words else (SEED_GROUP,), words)
    if fixed:
        for port in (PORT, CONTROL_PORT, *SERVER_PORTS):
            for host in EVERYWHERE:
                kernel.listen(host, port).close()
    told: dict[str, Result] = {}
    waiting = [case.id for case in cases]

    def tell(result: "Result") -> None:
        # In the order of the list, whatever ends first.
        told[result.id] = result
        while waiting and waiting[0] in told:
            say(seed.line(told[waiting.pop(0)]))

    async with Steadiness(clock).watching() as steadiness:
        game = Game(
            balancer,
            steadiness,
            ports=SERVER_PORTS if fixed else None,
            control_port=CONTROL_PORT if fixed else None,
        )
        turns = asyncio.Semaphore(min(AT_ONCE, balancer.parallel))
        results = await Suite(cases, game, turns, tell).run()
    say(f"\n{seed.summary(results, clock.now() - started)}")
    return sum(not result.passed for result in results)
