"""What the tests of the laboratory share: a machine like clockwork, and traffic of any kind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from ollama_simulator.hardware import HardwareProfile, Step
from ollama_simulator.lab.fleets import machines
from ollama_simulator.lab.player import play
from ollama_simulator.lab.policies import POLICIES, Policy
from ollama_simulator.lab.trial import Machine, Outcome, Trial
from ollama_simulator.settings import Settings
from ollama_simulator.workload.session import Session, Turn, Workload

STEP_S = 0.01
CLOCKWORK = HardwareProfile(
    name="clockwork",
    hardware="none",
    source="made up",
    trust="A",
    synthetic=True,
    step=Step(t0_ms=1000 * STEP_S),
)
"""Each token takes 10 ms, the first one with the prompt, and nothing else takes any time."""
FOREVER = Settings(engine="legacy", keep_alive=math.inf)


def clockwork(servers: int, settings: Settings = FOREVER, **how: Any) -> tuple[Machine, ...]:
    """Servers on which a job takes 10 ms for each token of its answer."""
    return machines(servers, profiles=(CLOCKWORK,), settings=settings, **how)


@dataclass(frozen=True)
class Arrivals:
    """Jobs of one turn: when each comes, and how many tokens its answer has."""

    jobs: Sequence[tuple[float, int]]
    users: int | None = None

    def sessions(self) -> Iterator[Session]:
        for number, (at, tokens) in enumerate(self.jobs):
            yield Session(number, (Turn(1, tokens),), at=at)


@dataclass(frozen=True)
class Talks:
    """Sessions that are given as they are."""

    given: Sequence[Session]
    users: int | None = None

    def sessions(self) -> Iterator[Session]:
        return iter(self.given)


def poisson(seed: int, count: int, rate: float, tokens: Any) -> Arrivals:
    """So many jobs, at random, whose answers are drawn."""
    rng = Random(seed)
    at = 0.0
    jobs = []
    for _ in range(count):
        at += rng.expovariate(rate)
        jobs.append((at, tokens(rng)))
    return Arrivals(jobs)


def tried(
    fleet: tuple[Machine, ...], workload: Workload, policy: str | Policy, **how: Any
) -> Outcome:
    """Play a trial. A policy may be given as a function, too."""
    journal, clock = how.pop("journal", False), how.pop("clock", None)
    seconds = how.pop("seconds", math.inf)
    if not isinstance(policy, str):
        POLICIES["tested"], policy = policy, "tested"
    try:
        trial = Trial(fleet, workload, policy, seconds, **how)
        return play(trial, journal=journal, clock=clock)
    finally:
        POLICIES.pop("tested", None)
