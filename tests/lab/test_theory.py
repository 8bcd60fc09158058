"""Queueing theory as a check of the simulator (engine model, 6.1).

On machines like clockwork a job's service is known, so its wait follows from all that came before
by a recursion. Each wait has to be that, to a microsecond, and their mean what the formulas say.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from random import Random
from statistics import fmean

import pytest

from ollama_simulator.lab.scorecard import Estimate, estimate
from ollama_simulator.lab.tally import Row
from ollama_simulator.workload.lengths import CONV_ANSWER
from tests.lab.playing import STEP_S, Arrivals, clockwork, poisson, tried

BATCHES = 20
FIXED, GEOMETRIC, CONV = "fixed", "geometric", "conv"


def tokens(kind: str) -> object:
    """Draws answers of 100 tokens on average, or of a published table."""

    def draw(rng: Random) -> int:
        if kind == FIXED:
            return 100
        if kind == GEOMETRIC:
            return 1 + int(math.log(1 - rng.random()) / math.log(1 - 1 / 100))
        return CONV_ANSWER.draw(rng)

    return draw


def waits(rows: Sequence[Row]) -> list[float]:
    """How long each job waited, in the order in which they came."""
    return [row.ttft - STEP_S for row in sorted(rows, key=lambda row: row.asked_at)]


def one_after_the_other(jobs: Sequence[tuple[float, int]], servers: int = 1) -> list[float]:
    """The wait of each job if the next server that is free takes the next in line."""
    free = [0.0] * servers
    found = []
    for at, length in jobs:
        start = max(at, heapq.heappop(free))
        heapq.heappush(free, start + length * STEP_S)
        found.append(start - at)
    return found


def batch_means(values: Sequence[float]) -> Estimate:
    """The mean of values of which neighbours depend on each other, without the first tenth."""
    values = values[len(values) // 10 :]
    size = len(values) // BATCHES
    return estimate([fmean(values[i * size : (i + 1) * size]) for i in range(BATCHES)])


@pytest.mark.parametrize("kind", [FIXED, GEOMETRIC, CONV])
def test_one_server_is_an_m_g_1(kind: str) -> None:
    """M/D/1, nearly M/M/1, and the lengths of real answers: each wait, and Pollaczek-Khinchine.

    The formula's mean is in the 95 % confidence interval of a run of 4,000 jobs.
    """
    load = 0.6
    sample = [tokens(kind)(Random(f"{kind} {n}")) * STEP_S for n in range(20_000)]  # type: ignore[operator]
    mean, square = fmean(sample), fmean(each**2 for each in sample)
    rate = load / mean
    traffic = poisson(5, 4_000, rate, tokens(kind))
    found = waits(tried(clockwork(1), traffic, "random").tally.rows)
    assert found == pytest.approx(one_after_the_other(traffic.jobs), abs=1e-6)
    predicted = rate * square / (2 * (1 - load))
    measured = batch_means(found)
    assert not measured.excludes(predicted), (measured, predicted)
    assert measured.off < 0.3 * predicted


def test_a_random_split_is_as_many_queues() -> None:
    """Each of four servers has a queue of its own, as if it had been alone."""
    traffic = poisson(2, 1_500, 2.8, tokens(GEOMETRIC))
    rows = sorted(tried(clockwork(4), traffic, "random").tally.rows, key=lambda row: row.asked_at)
    assert len({row.server for row in rows}) == 4
    for server in range(4):
        mine = [
            (row, job) for row, job in zip(rows, traffic.jobs, strict=True) if row.server == server
        ]
        expected = one_after_the_other([job for _, job in mine])
        assert waits([row for row, _ in mine]) == pytest.approx(expected, abs=1e-6)


def test_waiting_for_a_free_server_is_an_m_g_k() -> None:
    """One queue for four servers: first-free, with those waiting for whom nobody is free."""
    traffic = poisson(3, 1_500, 3.2, tokens(GEOMETRIC))
    found = waits(tried(clockwork(4), traffic, "first-free").tally.rows)
    assert found == pytest.approx(one_after_the_other(traffic.jobs, 4), abs=1e-6)
    assert max(found) > 1


def test_a_shorter_queue_is_better_than_the_next_and_the_next_than_any() -> None:
    """Least-connections is near one queue for all; round-robin smooths arrivals."""
    mean = {}
    for policy in ("first-free", "least-connections", "round-robin", "random"):
        traffic = poisson(4, 2_500, 3.2, tokens(GEOMETRIC))
        mean[policy] = fmean(waits(tried(clockwork(4), traffic, policy).tally.rows))
    assert mean["first-free"] < mean["least-connections"] < 0.6 * mean["round-robin"]
    assert mean["round-robin"] < 0.9 * mean["random"]


def test_slow_servers_are_overused_by_counting_connections() -> None:
    """Two servers of four at a quarter of the speed: who knows what is estimated does better."""
    traffic = poisson(6, 1_000, 1.4, tokens(FIXED))
    fleet = clockwork(4, speeds=(1.0, 0.25, 1.0, 0.25))
    blind = tried(fleet, traffic, "least-connections")
    knowing = tried(fleet, traffic, "informed")
    slow = [sum(each.busy_s[1::2]) / sum(each.busy_s) for each in (blind, knowing)]
    assert slow[0] > slow[1] + 0.1
    assert fmean(waits(knowing.tally.rows)) < 0.7 * fmean(waits(blind.tally.rows))


def test_a_queue_that_is_not_served_as_it_should_be_is_noticed() -> None:
    """The recursion tells one server from two, and one more token from none."""
    traffic = poisson(7, 300, 0.6, tokens(FIXED))
    found = waits(tried(clockwork(1), traffic, "random").tally.rows)
    longer = Arrivals([(at, length + 1) for at, length in traffic.jobs])
    assert found != pytest.approx(one_after_the_other(longer.jobs), abs=1e-6)
    assert found != pytest.approx(one_after_the_other(traffic.jobs, 2), abs=1e-6)
