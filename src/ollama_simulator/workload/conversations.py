"""Sessions made up by rule: how long they are, what they share, and which models they want.

Source: engine model, 5.3.

Rules of this file:

1. Session n is a pure function of the recipe, the seed and n. So the same conversations come at
   any rate, and two balancers can be compared on the same ones.
2. Arrivals have a chance of their own: another recipe at the same seed and rate of sessions has
   the same times.

It must not import anything but its own package.
"""

import itertools
import math
from collections.abc import Iterator
from functools import cached_property
from random import Random

import msgspec

from ollama_simulator.workload.arrivals import Arrivals
from ollama_simulator.workload.lengths import Lengths
from ollama_simulator.workload.session import BadWorkload, Session, Shared, Turn


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
        for name in ("one_shot", "odd_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadWorkload(f"{name} must be between 0 and 1, not {getattr(self, name):g}")
        for name in ("think_s", "thinking", "systems", "system_skew", "model_skew", "odd_num_ctx"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise BadWorkload(f"{name} must be a number that is at least 0, not {value:g}")
        if not (math.isfinite(self.turns) and self.turns >= 1):
            raise BadWorkload(f"turns must be a number that is at least 1, not {self.turns:g}")
        if not 1 <= self.system_tokens[0] <= self.system_tokens[1]:
            raise BadWorkload(
                "system_tokens must be at least 1, and the longest not below the shortest, "
                f"not {self.system_tokens[0]} and {self.system_tokens[1]}"
            )
        if self.odd_share and not self.odd_num_ctx:
            raise BadWorkload("odd_share needs an odd_num_ctx")

    @property
    def requests(self) -> float:
        """How many requests a session has on average."""
        return self.one_shot + (1 - self.one_shot) * self.turns

    @cached_property
    def _popular_systems(self) -> list[float]:
        return _zipf(self.systems, self.system_skew)

    @cached_property
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
        shortest, longest = map(math.log, self.system_tokens)
        tokens = round(math.exp(Random(f"system {seed} {group}").uniform(shortest, longest)))
        return (Shared(group, tokens),)


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
