"""Plays scenarios: a fresh fleet and a fresh balancer for each, then the judgement.

It must not import the command line.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from ollama_simulator.clock import Clock, WallClock
from ollama_simulator.conformance.balancers.process import Balancer
from ollama_simulator.conformance.drive import NotArranged
from ollama_simulator.conformance.report import Result
from ollama_simulator.conformance.run import Check, Run
from ollama_simulator.conformance.scenario import Scenario
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel
from ollama_simulator.records import Failed

SERVERS = 3
LONGEST_S = 45.0
"""Seconds after which a scenario is given up; a sound balancer takes a tenth."""


async def play(
    scenario: Scenario, balancer: Balancer, ports: Sequence[int], control_port: int | None = None
) -> Result:
    """Play one scenario, with servers on these ports (0: a free one).

    The control API is served meanwhile if it is given a port, so that a person can look in.
    Raises `BrokenEnvironment` and `PortTaken`.
    """
    clock: Clock = WallClock()
    started = clock.now()
    error: str | None = None
    inconclusive: str | None = None
    run: Run | None = None
    async with Fleet(ports) as fleet, _control(fleet, control_port):
        async with balancer.running(scenario.timeout, fleet.ports) as subject:
            try:
                async with Run(fleet, subject.port, scenario.timeout, scenario.name) as run:
                    await _limited(scenario, run)
            except* NotArranged as group:
                inconclusive = f"inconclusive: {first_of(group)}"
            except* Exception as group:
                error = f"the suite failed: {first_of(group)!r}"
            if run is not None and (ended := subject.ended()) is not None:
                # The cause of whatever else went wrong, so it is told first.
                run.checks.insert(0, Check("the balancer's process", "running", ended, held=False))
                inconclusive = None
        for failure in fleet.journal.where(Failed):
            error = f"the simulator failed: {failure.error}"
    checks = tuple(run.checks) if run is not None else ()
    seconds = clock.now() - started
    return Result(scenario.name, seconds, checks, error or inconclusive, scenario.claim)


async def _limited(scenario: Scenario, run: Run) -> None:
    try:
        async with asyncio.timeout(LONGEST_S):
            await scenario.play(run)
    except TimeoutError:
        run.note("the time of the scenario", False, f"below {LONGEST_S:g} s", "more")


@contextlib.asynccontextmanager
async def _control(fleet: Fleet, port: int | None) -> AsyncIterator[None]:
    if port is None:
        yield
        return
    # Imported only when it is served: it is the slowest import of the package.
    from ollama_simulator.control.serve import serving

    sock = kernel.listen(HOST, port)
    async with asyncio.TaskGroup() as group, serving(fleet, sock, group.create_task):
        yield


def first_of(error: BaseException) -> BaseException:
    """The first error in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
