"""Plays scenarios: a fresh fleet and a fresh balancer for each, then the judgement.

It must not import the command line.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from ollama_simulator.clock import Clock, WallClock
from ollama_simulator.conformance.balancers.process import Balancer
from ollama_simulator.conformance.report import Result
from ollama_simulator.conformance.run import NotArranged, Run
from ollama_simulator.conformance.scenario import Scenario
from ollama_simulator.fleet import Fleet
from ollama_simulator.records import Failed

SERVERS = 3
LONGEST_S = 60.0
"""Seconds after which a scenario is given up; a sound balancer takes a tenth."""


async def play(scenario: Scenario, balancer: Balancer, ports: Sequence[int]) -> Result:
    """Play one scenario. Raises `BrokenEnvironment` and `PortTaken`."""
    clock: Clock = WallClock()
    started = clock.now()
    error: str | None = None
    run: Run | None = None
    async with Fleet(ports) as fleet:
        async with balancer.running(scenario.timeout, fleet.ports) as port:
            try:
                async with Run(fleet, port, scenario.timeout, scenario.name) as run:
                    await _limited(scenario, run)
            except* NotArranged as group:
                error = f"inconclusive: {group.exceptions[0]}"
            except* Exception as group:
                error = f"the suite failed: {_first(group)!r}"
        for failure in fleet.journal.where(Failed):
            error = f"the simulator failed: {failure.error}"
    assert run is not None
    return Result(scenario.name, clock.now() - started, tuple(run.checks), error)


async def _limited(scenario: Scenario, run: Run) -> None:
    try:
        async with asyncio.timeout(LONGEST_S):
            await scenario.play(run)
    except TimeoutError:
        run.note("the time of the scenario", False, f"below {LONGEST_S:g} s", "more")


async def play_all(
    scenarios: Sequence[Scenario], balancer: Balancer, ports: Sequence[int]
) -> AsyncIterator[Result]:
    """Play scenarios one after the other."""
    for scenario in scenarios:
        yield await play(scenario, balancer, ports)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
