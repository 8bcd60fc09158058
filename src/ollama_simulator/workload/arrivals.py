"""When sessions of an open loop begin: arrival processes.

Source: engine model, 5.2 and 5.3.

Rules of this file:

1. A process gives rising times in seconds, without end; two may be equal.
2. Its mean rate is what it was told. What a process is known for (its bursts, its waves) keeps
   its own time scale when the rate changes: a fleet twice as large sees bursts twice as dense.

It must not import anything but its own package.
"""

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Protocol

import msgspec

from ollama_simulator.workload.session import BadWorkload

BOUNDS = {
    "rate": (1e-6, 1e6),
    "cv": (0.01, 100.0),
    "memory_s": (1.0, 1e6),
    "on_s": (1e-3, 1e6),
    "off_s": (1e-3, 1e6),
}
"""What each field of a process may be: beyond, a course takes for ever or is nothing but noise."""


class Arrivals(Protocol):
    """A process."""

    @property
    def rate(self) -> float:
        """Arrivals in a second, on average."""

    def times(self, rng: Random) -> Iterator[float]:
        """One course of it."""


class _Process(msgspec.Struct, frozen=True):
    """What each has."""

    rate: float

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            low, high = BOUNDS[name]
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadWorkload(
                    f"{name} of arrivals must be from {low:g} to {high:g}, not {value:g}"
                )


class Constant(_Process, frozen=True):
    """Like clockwork."""

    def times(self, rng: Random) -> Iterator[float]:
        count = 0
        while True:
            # Not a sum, which would drift.
            yield count / self.rate
            count += 1


class Poisson(_Process, frozen=True):
    """Each by itself, as from very many clients."""

    def times(self, rng: Random) -> Iterator[float]:
        now = 0.0
        while True:
            now += rng.expovariate(self.rate)
            yield now


class Gamma(_Process, frozen=True):
    """Independent intervals of a gamma distribution.

    It is what other tools offer for bursts. With a large `cv` most intervals are next to nothing:
    arrivals are simultaneous, which those of real bursts are not. `OnOff` is closer to a real
    trace.
    """

    cv: float
    """The standard deviation of the intervals, in means."""

    def times(self, rng: Random) -> Iterator[float]:
        shape = 1 / self.cv**2
        scale = 1 / (self.rate * shape)
        now = 0.0
        while True:
            now += rng.gammavariate(shape, scale)
            yield now


class Waves(_Process, frozen=True):
    """Poisson, with a rate that slowly varies: the conversations of Azure's trace of 2023.

    The rate is multiplied by a log-normal factor of mean 1, whose logarithm is an
    Ornstein-Uhlenbeck process, held for a twentieth of its correlation time.
    """

    cv: float = 0.25
    """The standard deviation of the factor."""
    memory_s: float = 180.0
    """Correlation time of the factor's logarithm. The trace allows 60 to 300."""

    @property
    def step_s(self) -> float:
        """How long a factor holds."""
        return self.memory_s / 20

    def times(self, rng: Random) -> Iterator[float]:
        # What is left of a unit's worth of expected arrivals until the next one.
        wait = rng.expovariate(1.0)
        for number, factor in enumerate(self.factors(rng)):
            rate = self.rate * factor
            now, end = number * self.step_s, (number + 1) * self.step_s
            while now + wait / rate < end:
                now += wait / rate
                yield now
                wait = rng.expovariate(1.0)
            wait -= rate * (end - now)

    def factors(self, rng: Random) -> Iterator[float]:
        """What the rate is multiplied by in each step."""
        sigma = math.sqrt(math.log1p(self.cv**2))
        kept = math.exp(-self.step_s / self.memory_s)
        fresh = sigma * math.sqrt(1 - kept**2)
        level = rng.gauss(0.0, sigma)
        while True:
            # Half the variance less makes the mean 1.
            yield math.exp(level - sigma**2 / 2)
            level = level * kept + rng.gauss(0.0, fresh)


class OnOff(_Process, frozen=True):
    """Poisson that is switched on and off: the code completions of Azure's trace of 2023.

    Both states last exponentially long. It begins switched on, so that a short run sees a burst.
    """

    on_s: float = 8.4
    """How long a burst lasts on average."""
    off_s: float = 42.0
    """How long a silence lasts on average."""

    def times(self, rng: Random) -> Iterator[float]:
        within = self.rate * (self.on_s + self.off_s) / self.on_s
        start = 0.0
        while True:
            end = start + rng.expovariate(1 / self.on_s)
            now = start + rng.expovariate(within)
            while now < end:
                yield now
                now += rng.expovariate(within)
            start = end + rng.expovariate(1 / self.off_s)


def named(name: str, rate: float, cv: float | None = None) -> Arrivals:
    """A process by its name. Raises `BadWorkload`."""
    process = PROCESSES.get(name)
    if process is None:
        raise BadWorkload(f"there are no arrivals {name!r}; there are {', '.join(PROCESSES)}")
    if cv is None:
        if process is Gamma:
            raise BadWorkload("gamma arrivals need a cv")
        return process(rate)
    if process not in (Gamma, Waves):
        raise BadWorkload(f"{name} arrivals have no cv")
    return process(rate, cv)


PROCESSES: dict[str, Callable[..., Arrivals]] = {
    "poisson": Poisson,
    "constant": Constant,
    "gamma": Gamma,
    "conv": Waves,
    "code": OnOff,
}
"""The processes by name. `conv` and `code` are those of the two traces."""
