"""Arrival processes: the published courses, judged by theory and by the traces' own statistics.

Every statistic is taken of independent courses; a bound is four standard errors of their mean.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from random import Random
from statistics import fmean, pvariance, stdev

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.workload.arrivals import (
    PROCESSES,
    Arrivals,
    Constant,
    Gamma,
    OnOff,
    Poisson,
    Waves,
    named,
)
from ollama_simulator.workload.session import BadWorkload

HOUR = 3600.0
COURSES = 30
WINDOWS = (1, 10, 60)


class Estimate(msgspec.Struct, frozen=True):
    """A mean of independent figures."""

    mean: float
    error: float
    """Its standard error."""
    spread: float
    """The standard deviation of a single figure."""

    def allows(self, expected: float, slack: float = 0.0) -> bool:
        """Whether it is within four standard errors, and a share that theory leaves out."""
        return abs(self.mean - expected) <= 4 * self.error + slack * expected

    def covers(self, single: float) -> bool:
        """Whether a figure of one course, which is what was published, is an ordinary one."""
        return abs(self.mean - single) <= 2 * self.spread


def estimate(figures: list[float]) -> Estimate:
    spread = stdev(figures)
    return Estimate(fmean(figures), spread / math.sqrt(len(figures)), spread)


def course(process: Arrivals, seed: object, length: float = HOUR) -> list[float]:
    return list(itertools.takewhile(lambda at: at < length, process.times(Random(f"{seed}"))))


def variation(times: list[float]) -> float:
    """The coefficient of variation of the intervals."""
    gaps = [after - before for before, after in itertools.pairwise(times)]
    return math.sqrt(pvariance(gaps)) / fmean(gaps)


def dispersion(times: list[float], window: int) -> float:
    """Variance over mean of the counts in windows."""
    counts = [0] * int(HOUR / window)
    for at in times:
        counts[int(at / window)] += 1
    return pvariance(counts) / fmean(counts)


def statistics_of(process: Arrivals) -> dict[str, Estimate]:
    courses = [course(process, seed) for seed in range(COURSES)]
    return {
        "rate": estimate([len(times) / HOUR for times in courses]),
        "variation": estimate([variation(times) for times in courses]),
        **{
            f"{window} s": estimate([dispersion(times, window) for times in courses])
            for window in WINDOWS
        },
    }


def memory(window: float, tau: float) -> float:
    """What is left of a factor's variance in windows: its correlation is exp(-t / tau).

    A course's counts vary about its own mean, so what varies with the hour is missing.
    """
    return _left(window / tau) - _left(HOUR / tau)


def _left(a: float) -> float:
    return 2 / a**2 * (a - 1 + math.exp(-a))


def test_waves_are_those_of_azures_conversations() -> None:
    """Published for the generator: 1.05, and 1.3, 4 and 20 in windows of 1, 10 and 60 s.

    The trace itself has 1.09, 1.4, 4.0 and 20.6.
    """
    found = statistics_of(Waves(5.53))
    assert found["rate"].allows(5.53)
    assert found["variation"].covers(1.05)
    published = {1: (1.3, 1.4), 10: (4.0, 4.0), 60: (20.0, 20.6)}
    for window, (generator, trace) in published.items():
        theory = 1 + 5.53 * window * 0.25**2 * memory(window, 180.0)
        assert found[f"{window} s"].allows(theory)
        assert found[f"{window} s"].covers(generator)
        assert found[f"{window} s"].covers(trace)


def test_the_rate_varies_as_slowly_and_as_much_as_told() -> None:
    """The factor itself: mean 1, variation 0.25, correlation down to 1/e after its memory."""
    waves = Waves(1.0, memory_s=180.0)
    courses = []
    for seed in range(COURSES):
        factors = list(itertools.islice(waves.factors(Random(seed)), 4000))
        logarithms = [math.log(factor) for factor in factors]
        mean = fmean(logarithms)
        lag = round(180.0 / waves.step_s)
        together = fmean(
            (one - mean) * (other - mean)
            for one, other in zip(logarithms, logarithms[lag:], strict=False)
        )
        variance = pvariance(logarithms)
        courses.append((fmean(factors), math.sqrt(pvariance(factors)), together / variance))
    means, variations, correlations = map(estimate, map(list, zip(*courses, strict=True)))
    assert means.allows(1.0)
    # Of a course of 200 memories, which varies less about its own mean than about the true one.
    assert variations.allows(0.25 * math.sqrt(1 - 2 / 200))
    assert correlations.allows(math.exp(-1), slack=0.05)


def test_bursts_are_those_of_azures_code() -> None:
    """Published for the generator: 12 to 13, and 13, 79 and 147.

    The trace itself has 13.2, 13.2, 71.3 and 160.5.
    """
    found = statistics_of(OnOff(2.57))
    on, off = 1 / 8.4, 1 / 42.0
    within = 2.57 * (8.4 + 42.0) / 8.4
    assert within == pytest.approx(15.4, abs=0.05)
    # An interrupted Poisson process is a renewal process with hyperexponential intervals.
    assert found["variation"].allows(math.sqrt(1 + 2 * within * on / (on + off) ** 2))
    assert found["variation"].covers(13.0)
    for window, generator in {1: 13.0, 10: 79.0, 60: 147.0}.items():
        theory = 1 + 2.57 * window * 5.0 * memory(window, 7.0)
        assert found[f"{window} s"].allows(theory)
        assert found[f"{window} s"].covers(generator)
    assert found["variation"].covers(13.2)
    assert found["1 s"].covers(13.2)
    assert found["60 s"].covers(160.5)
    # It begins switched on: half a burst more in an hour that has 71.
    assert found["rate"].allows(2.57, slack=0.01)


def test_gamma_has_the_variation_and_not_the_bursts() -> None:
    """Published: 65 instead of 13 in a window of a second, and a median interval of nothing."""
    found = statistics_of(Gamma(2.57, cv=13.0))
    assert found["variation"].allows(13.0, slack=0.02)
    assert found["rate"].allows(2.57, slack=0.05)
    assert found["1 s"].mean == pytest.approx(65, rel=0.1)
    times = course(Gamma(2.57, cv=13.0), "median")
    gaps = sorted(after - before for before, after in itertools.pairwise(times))
    assert gaps[len(gaps) // 2] < 1e-6


def test_poisson_has_no_memory() -> None:
    """The mean is the variance in windows of any length."""
    found = statistics_of(Poisson(3.0))
    assert found["rate"].allows(3.0)
    assert found["variation"].allows(1.0)
    for window in WINDOWS:
        # The variance of n counts about their own mean is one nth too small.
        assert found[f"{window} s"].allows(1 - window / HOUR)


def test_clockwork_does_not_drift() -> None:
    times = course(Constant(3.0), 0, length=1e4)
    assert times == [i / 3 for i in range(30_000)]


@pytest.mark.parametrize("process", [Gamma(1.0, 0.5), Poisson(1.0), Waves(1.0), OnOff(1.0)])
def test_the_rate_is_what_was_told(process: Arrivals) -> None:
    """Ten times the rate brings ten times as many, in the same pattern of bursts."""
    slow = estimate([len(course(process, seed)) / HOUR for seed in range(COURSES)])
    faster = msgspec.structs.replace(process, rate=10.0)  # type: ignore[type-var]
    fast = estimate([len(course(faster, seed)) / HOUR for seed in range(COURSES)])
    assert slow.allows(1.0, slack=0.02)
    assert fast.allows(10.0, slack=0.02)


def test_a_burst_comes_first() -> None:
    """A short run must not be all silence."""
    firsts = [next(OnOff(2.57).times(Random(seed))) for seed in range(200)]
    # Only bursts of next to nothing hold no arrival: one in a hundred.
    assert sum(first < 1.0 for first in firsts) >= 190


@st.composite
def processes(draw: st.DrawFn) -> Arrivals:
    name = draw(st.sampled_from(list(PROCESSES)))
    rate = draw(st.floats(1e-3, 1e3))
    needs = {"gamma": st.floats(0.1, 20), "conv": st.none() | st.floats(0.05, 2)}
    return named(name, rate, draw(needs.get(name, st.none())))


@settings(deadline=None)
@given(processes(), st.integers())
def test_times_rise_and_repeat(process: Arrivals, seed: int) -> None:
    """The same chance gives the same course, however far it is followed."""
    times = list(itertools.islice(process.times(Random(seed)), 50))
    assert times == sorted(times)
    assert times[0] >= 0
    assert all(map(math.isfinite, times))
    assert list(itertools.islice(process.times(Random(seed)), 20)) == times[:20]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Poisson(0.0), "rate of arrivals must be from 1e-06 to 1e[+]06, not 0"),
        (lambda: Poisson(math.nan), "not nan"),
        (lambda: Gamma(1.0, 0.0), "cv of arrivals must be from 0.01 to 100, not 0"),
        (lambda: Waves(1.0, memory_s=math.inf), "memory_s of arrivals .* not inf"),
        (lambda: OnOff(1.0, on_s=-1.0), "on_s of arrivals .* not -1"),
        (
            lambda: named("possion", 1.0),
            "no arrivals 'possion'; there are poisson, constant, gamma",
        ),
        (lambda: named("gamma", 1.0), "gamma arrivals need a cv"),
        (lambda: named("poisson", 1.0, 2.0), "poisson arrivals have no cv"),
    ],
)
def test_what_is_no_process_is_refused(make: Callable[[], Arrivals], complaint: str) -> None:
    with pytest.raises(BadWorkload, match=complaint):
        make()
