"""One run of the suite against one balancer, from what was asked for to the report.

It must not import the command line.
"""

import asyncio
import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from ollama_simulator import __version__
from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers.adapter import Balancer
from ollama_simulator.conformance.player import Game
from ollama_simulator.conformance.report import Report, Result, Subject
from ollama_simulator.conformance.scenario import Case
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.conformance.suite import Suite


class Plan(msgspec.Struct, frozen=True):
    """What is to be judged, and how."""

    balancer: Balancer
    cases: Sequence[Case]
    seed: int = 0
    timeout_scale: float = 1.0
    at_once: int = 1
    """Cases side by side."""
    ports: Sequence[int] | None = None
    """Of the servers; None for free ones."""
    control_port: int | None = None


async def judge(
    plan: Plan,
    tell: Callable[[Result], None],
    begin: Callable[[Case], None] = lambda case: None,
    postpone: Callable[[Case], None] = lambda case: None,
) -> Report:
    """Play the cases and report. `tell` is called with each result as it comes, `begin` when a
    case is begun, `postpone` when it has to wait for all others.

    Raises `BrokenEnvironment` and `PortTaken`.
    """
    clock = WallClock()
    started, wall = clock.now(), clock.wall_ns()
    balancer = plan.balancer
    version = balancer.version()
    async with balancer.in_use(), Steadiness(clock).watching() as steadiness:
        game = Game(
            balancer,
            steadiness,
            seed=plan.seed,
            scale=plan.timeout_scale,
            ports=plan.ports,
            control_port=plan.control_port,
        )
        turns = asyncio.Semaphore(min(plan.at_once, balancer.parallel))
        suite = Suite(plan.cases, game, turns, tell, begin, postpone)
        results = await suite.run()
    return Report(
        subject=Subject(
            name=balancer.name or "program",
            variant=balancer.variant,
            version=version,
            features=tuple(sorted(feature.value for feature in balancer.features)),
            configuration=suite.configuration,
            home=balancer.home,
        ),
        suite=__version__,
        seed=plan.seed,
        platform=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        date=datetime.fromtimestamp(wall // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(clock.now() - started, 2),
        timeout_scale=plan.timeout_scale,
        results=tuple(results),
    )
