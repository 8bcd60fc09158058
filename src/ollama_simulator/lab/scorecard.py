"""Policies against each other, on the same conversations and the same chance.

Source: engine model, 6.2 and 6.4.

Rules of this file:

1. Seeds are paired: with one seed all policies get the same sessions at the same times. What is
   told of a difference is the mean of the differences of the pairs, and how sure it is.
2. `random` is always played: hits count only as far as they are more than what chance gives.

It must not import anything but its own package.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean, stdev

import msgspec

from ollama_simulator.lab.player import play
from ollama_simulator.lab.scores import Score, score
from ollama_simulator.lab.trial import Trial

CHANCE = "random"
USUAL = "least-connections"
"""What differences are told against."""

STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for 95 %, by degrees of freedom from 1 on; beyond, that of the normal distribution
does."""
NORMAL = 1.96


class Estimate(msgspec.Struct, frozen=True):
    """A mean, and how far it may be off (95 %); `inf` if there is one value only."""

    mean: float
    off: float

    def excludes(self, value: float) -> bool:
        """Whether it is sure enough not to be this value."""
        return abs(self.mean - value) > self.off


class Card(msgspec.Struct, frozen=True):
    """One policy."""

    policy: str
    scores: tuple[Score, ...]
    """Of each seed."""
    hit_efficiency: float
    """What it saves beyond chance, as a share of what could be saved beyond chance."""
    ttft_ratio: Estimate | None
    """Its mean time to the first token divided by that of least-connections, seed by seed."""
    informed_ratio: Estimate | None
    """The same for the policy that knows everything."""

    def mean(self, value: Callable[[Score], float]) -> float:
        """A score, averaged over the seeds."""
        return fmean(value(each) for each in self.scores)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of some independent values."""
    if len(values) < 2:
        return Estimate(values[0], math.inf)
    freedom = len(values) - 1
    t = STUDENT[freedom - 1] if freedom <= len(STUDENT) else NORMAL
    return Estimate(fmean(values), t * stdev(values) / math.sqrt(len(values)))


def compare(
    policies: Iterable[str], seeds: Iterable[int], trial: Callable[[str, int], Trial]
) -> Iterator[Score]:
    """Play every policy with every seed. `trial` says what is tried with which."""
    names = list(dict.fromkeys([*policies, CHANCE]))
    for seed in seeds:
        for policy in names:
            yield score(play(trial(policy, seed)))


def cards(scores: Iterable[Score]) -> tuple[Card, ...]:
    """The policies, in the order in which they were played."""
    by_policy: dict[str, list[Score]] = {}
    for each in scores:
        by_policy.setdefault(each.policy, []).append(each)
    chance = by_policy[CHANCE]
    return tuple(
        Card(
            policy,
            tuple(found),
            hit_efficiency=fmean(map(_efficiency, found, chance)),
            ttft_ratio=_ratio(found, by_policy.get(USUAL)),
            informed_ratio=_ratio(found, by_policy.get("informed")),
        )
        for policy, found in by_policy.items()
    )


def _efficiency(found: Score, chance: Score) -> float:
    possible = found.ideal_ratio - chance.hit_ratio
    return (found.hit_ratio - chance.hit_ratio) / possible if possible > 0 else math.nan


def _ratio(found: list[Score], usual: list[Score] | None) -> Estimate | None:
    if usual is None:
        return None
    return estimate([a.ttft.mean / b.ttft.mean for a, b in zip(found, usual, strict=True)])
