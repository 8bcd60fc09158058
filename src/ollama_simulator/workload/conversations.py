"""Sessions made up by rule: how long they are, what they share, and which models they want.

Source: engine model, 5.3.

Rules of this file:

1. Session n is a pure function of the recipe, the seed and n. So the same conversations come at
   any rate, and two balancers can be compared on the same ones.
2. Arrivals have a chance of their own: another recipe at the same seed and rate of sessions has
   the same times.

It must not import anything but its own package.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from random import Random

import msgspec

from ollama_simulator.workload.arrivals import Arrivals
from ollama_simulator.workload.lengths import LONGEST, Lengths
from ollama_simulator.workload.session import BadWorkload, Session, Shared, Turn

BOUNDS = {
    "turns": (1, 10_000),
    "one_shot": (0, 1),
    "think_s": (0, 1e6),
    "thinking": (0, LONGEST),
    "systems": (0, 100_000),
    "system_skew": (0, 10),
    "model_skew": (0, 10),
    "odd_num_ctx": (0, LONGEST),
    "odd_share": (0, 1),
}
"""What the numbers of a recipe may be."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What sessions are like."""

    asked: Lengths
    """Tokens of a new message."""
    answered: Lengths
    """Tokens of an answer, beyond what it thinks."""
    opening: Lengths | None = None
    """Tokens that the first message has in front of its question, such as a document."""
    turns: float = 1.0
    """How many a session has on average; the number is geometric."""
    one_shot: float = 0.0
    """Share of sessions that have one turn, whatever `turns` says of the rest."""
    think_s: float = 0.0
    """Seconds that a user thinks between an answer and the next request, on average; the time is
    exponential."""
    thinking: int = 0
    """Tokens that the model thinks before each answer, and that later prompts leave out."""
    systems: int = 0
    """How many system prompts there are; 0 for sessions without one."""
    system_tokens: tuple[int, int] = (300, 6000)
    """The shortest and the longest of them; their logarithms are evenly spread."""
    system_skew: float = 1.0
    """Exponent of Zipf's law: how much more popular the first ones are; 0 for not at all."""
    models: tuple[str, ...] = ()
    """What is asked for, the most popular first; none for what the player was told."""
    model_skew: float = 1.0
    """Exponent of Zipf's law for the models."""
    odd_num_ctx: int = 0
    """A `num_ctx` that few sessions ask for, while the others leave it to the server."""
    odd_share: float = 0.0
    """Share of the sessions that do."""

    def __post_init__(self) -> None:
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadWorkload(f"{name} must be from {low:g} to {high:g}, not {value:g}")
        shortest, longest = self.system_tokens
        if not 1 <= shortest <= longest <= LONGEST:
            raise BadWorkload(
                f"system_tokens must be from 1 to {LONGEST:,}, the shortest first, "
                f"not {shortest} and {longest}"
            )
        if self.odd_share and not self.odd_num_ctx:
            raise BadWorkload("odd_share needs an odd_num_ctx")

    @property
    def requests(self) -> float:
        """How many requests a session has on average."""
        return self.one_shot + (1 - self.one_shot) * self.turns

    @functools.cached_property
    def _popular_systems(self) -> list[float]:
        return _zipf(self.systems, self.system_skew)

    @functools.cached_property
    def _popular_models(self) -> list[float]:
        return _zipf(len(self.models), self.model_skew)

    def session(self, seed: int, number: int, at: float | None) -> Session:
        """One of the sessions."""
        rng = Random(f"session {seed} {number}")
        return Session(
            number=number,
            turns=tuple(self._turn(rng, first=i == 0) for i in range(self._count(rng))),
            at=at,
            system=self._system(seed, rng),
            model=rng.choices(self.models, cum_weights=self._popular_models)[0]
            if self.models
            else "",
            num_ctx=self.odd_num_ctx if rng.random() < self.odd_share else None,
            thinking=self.thinking,
        )

    def _count(self, rng: Random) -> int:
        if rng.random() < self.one_shot or self.turns == 1:
            return 1
        # Geometric: after each turn the session goes on with the same chance.
        return 1 + int(math.log(1 - rng.random()) / math.log(1 - 1 / self.turns))

    def _turn(self, rng: Random, first: bool) -> Turn:
        opening = self.opening.draw(rng) if self.opening and first else 0
        return Turn(
            asked=opening + self.asked.draw(rng),
            answered=self.thinking + self.answered.draw(rng),
            think_s=rng.expovariate(1 / self.think_s) if self.think_s else 0.0,
        )

    def _system(self, seed: int, rng: Random) -> tuple[Shared, ...]:
        if not self.systems:
            return ()
        (group,) = rng.choices(range(self.systems), cum_weights=self._popular_systems)
        return (Shared(group, _size(seed, group, *self.system_tokens)),)


class OpenLoop(msgspec.Struct, frozen=True):
    """Sessions that begin when they are due, whatever became of the others."""

    recipe: Recipe
    arrivals: Arrivals
    """Of sessions."""
    seed: int = 0

    @property
    def users(self) -> None:
        return None

    def sessions(self) -> Iterator[Session]:
        times = self.arrivals.times(Random(f"arrivals {self.seed}"))
        return (self.recipe.session(self.seed, n, at) for n, at in enumerate(times))


class ClosedLoop(msgspec.Struct, frozen=True):
    """Users who each begin a session when the last one is over."""

    recipe: Recipe
    users: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.users < 1:
            raise BadWorkload(f"a closed loop needs at least 1 user, not {self.users}")

    def sessions(self) -> Iterator[Session]:
        return (self.recipe.session(self.seed, n, None) for n in itertools.count())


def _zipf(count: int, skew: float) -> list[float]:
    """Running totals of the weights of Zipf's law."""
    return list(itertools.accumulate(1 / (rank + 1) ** skew for rank in range(count)))


@functools.lru_cache(maxsize=4096)
def _size(seed: int, group: int, shortest: int, longest: int) -> int:
    """How long a system prompt is: the same for each session of its group."""
    rng = Random(f"system {seed} {group}")
    return round(math.exp(rng.uniform(math.log(shortest), math.log(longest))))
