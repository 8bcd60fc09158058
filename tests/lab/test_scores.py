"""The scores, each against an example that can be reckoned by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from ollama_simulator.lab import scorecard
from ollama_simulator.lab.request import COMPLETE, FAILED, LEFT, REFUSED
from ollama_simulator.lab.scorecard import Estimate, estimate
from ollama_simulator.lab.scores import jain, percentile, recovery, score, times, worst_client
from ollama_simulator.lab.server import Counts
from ollama_simulator.lab.tally import Row, Tally, good
from ollama_simulator.lab.trial import Incident, Outcome, Trial
from tests.lab.playing import Arrivals, clockwork, tried

NAN = math.nan


def row(ttft: float = 1.0, **fields: Any) -> Row:
    """A request that was answered as it should be, but for what is said."""
    usual: dict[str, Any] = {
        "asked_at": 0.0,
        "over_at": 5.0,
        "gap": 0.02,
        "prompt": 100,
        "cached": 0,
        "ideal": 0,
        "turn": 0,
        "client": 0,
        "server": 0,
        "outcome": COMPLETE,
    }
    return Row(ttft=ttft, **{**usual, **fields})


def outcome(rows: Sequence[Row], **fields: Any) -> Outcome:
    """What came of a trial of 100 seconds on two servers."""
    tally = Tally()
    tally.rows = list(rows)
    trial = Trial(clockwork(2, speeds=(1.0, 0.5)), Arrivals([]), "random", 100.0)
    usual: dict[str, Any] = {"busy_s": [50.0, 50.0], "counts": [Counts(), Counts()]}
    return Outcome(trial, tally, 100.0, **{**usual, **fields})


def test_percentiles_are_values_that_occurred() -> None:
    """The nearest rank."""
    hundred = [float(n) for n in range(1, 101)]
    assert [percentile(hundred, p) for p in (50, 90, 99)] == [50, 90, 99]
    assert percentile([3.0], 50) == percentile([3.0], 99) == 3.0
    found = times([4.0, 1.0, 2.0])
    assert found.mean == pytest.approx(7 / 3)
    assert (found.p50, found.p99) == (2.0, 4.0)
    assert math.isnan(times([]).mean)


@pytest.mark.parametrize(
    ("changed", "is_good"),
    [
        ({}, True),
        ({"ttft": 2.0}, True),
        ({"ttft": 2.001}, False),
        ({"gap": 0.05}, True),
        ({"gap": 0.051}, False),
        ({"outcome": FAILED}, False),
        ({"outcome": LEFT, "ttft": NAN}, False),
    ],
)
def test_what_a_good_request_is(changed: dict[str, Any], is_good: bool) -> None:
    """First token within 2 s, gaps of 50 ms, and whole."""
    assert good(row(**changed)) is is_good


def test_every_miss_counts() -> None:
    """An error, a refusal and a client that left make goodput less, and no time better."""
    rows = [row(0.5), row(1.5), row(9.0), *(row(NAN, outcome=o) for o in (FAILED, REFUSED, LEFT))]
    found = score(outcome(rows))
    assert (found.requests, found.errors, found.refused, found.left) == (6, 1, 1, 1)
    assert found.throughput == 0.03
    assert found.goodput == 0.02
    assert found.good_share == pytest.approx(1 / 3)
    assert found.ttft.mean == pytest.approx(11 / 3)


def test_first_turns_and_later_ones() -> None:
    """Each have times of their own."""
    found = score(outcome([row(1.0), row(2.0, turn=1), row(4.0, turn=5)]))
    assert (found.ttft_first.mean, found.ttft_later.mean) == (1.0, 3.0)


def test_hits_are_shares_of_tokens() -> None:
    """Of all prompts together."""
    found = score(outcome([row(prompt=100, ideal=0), row(prompt=300, cached=200, ideal=299)]))
    assert (found.hit_ratio, found.ideal_ratio) == (0.5, 299 / 400)


def test_balance() -> None:
    """1 if all are busy equally long, 1/n if one is; a slow one weighs less."""
    assert jain([5.0, 5.0, 5.0], [1, 1, 1]) == 1.0
    assert jain([6.0, 0.0, 0.0], [1, 1, 1]) == pytest.approx(1 / 3)
    assert jain([6.0, 0.0], [1.0, 0.5]) == pytest.approx(36 / (1.5 * 36))
    assert jain([0.0, 0.0], [1, 1]) == 1.0
    assert score(outcome([row()], busy_s=[100.0, 0.0])).balance == pytest.approx(2 / 3)
    assert score(outcome([row()], busy_s=[100.0, 0.0])).utilisation == 0.5


def test_the_worst_client() -> None:
    """Its 90th percentile over that of the client in the middle; who asks little is left out."""
    rows = [row(float(client + 1), client=client) for client in (0, 1, 2) for _ in range(10)]
    assert worst_client([*rows, row(99.0, client=3)]) == 1.5
    assert math.isnan(worst_client(rows[:9]))


def test_loads_are_told_for_a_thousand_requests() -> None:
    """And what was done for nobody in tokens."""
    counts = [Counts(loads=3, evictions=1, wasted_tokens=7), Counts(reloads=2, wasted_prompt=9)]
    found = score(outcome([row()] * 500, counts=counts))
    assert (found.loads, found.evictions, found.reloads) == (6.0, 2.0, 4.0)
    assert (found.wasted_tokens, found.wasted_prompt) == (7, 9)


def test_recovery() -> None:
    """Until nine tenths of what was good before is good again, in a minute of requests."""
    rows = [row(1.0 if at < 100 or at >= 150 else 9.0, asked_at=float(at)) for at in range(300)]
    # From 145 on, 5 of the next 60 are bad: 92 % are good.
    assert recovery(rows, 100.0, 100.0) == 45.0
    never = [row(1.0 if at < 100 else 9.0, asked_at=float(at)) for at in range(300)]
    assert recovery(never, 100.0, 100.0) == math.inf
    assert math.isnan(recovery(rows, 0.0, 0.0))
    assert recovery(rows, 250.0, 100.0) == math.inf  # There is no minute left.


def test_a_fleet_recovers_from_a_loss() -> None:
    """As it is played: two of four servers are lost for 200 s, under three servers' work.

    200 s of work are left then, and four servers do one second more of it in each than comes.
    """
    traffic = Arrivals([(n / 3, 100) for n in range(3000)])
    incidents = (Incident(300.0, 0, "lost"), Incident(300.0, 1, "lost"))
    back = (Incident(500.0, 0, "back"), Incident(500.0, 1, "back"))
    played = tried(clockwork(4), traffic, "least-connections", incidents=(*incidents, *back))
    lost, _, returned, _ = score(played).recovery_s
    assert lost == pytest.approx(400, abs=20)
    assert returned == pytest.approx(lost - 200)


# --- many seeds -------------------------------------------------------------------------------


def test_an_estimate_says_how_far_it_may_be_off() -> None:
    """Student's t: 12.7 for two values, 2.78 for five."""
    assert estimate([1.0, 3.0]).mean == 2.0
    assert estimate([1.0, 3.0]).off == pytest.approx(12.706)
    five = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert five.off == pytest.approx(2.776 * math.sqrt(2.5 / 5))
    assert five.excludes(0.9)
    assert not five.excludes(1.1)
    assert estimate([1.0]).off == math.inf
    assert estimate([1.0, 2.0] * 50).off == pytest.approx(1.96 * 0.5025 / 10, rel=1e-3)


def test_what_is_saved_is_told_relative_to_chance() -> None:
    """0 for what random has, 1 for what one cache without limits would have."""
    base = score(outcome([row()]))

    def with_hits(policy: str, seed: int, hits: float, ttft: float) -> Any:
        return msgspec.structs.replace(
            base,
            policy=policy,
            seed=seed,
            hit_ratio=hits,
            ideal_ratio=0.9,
            ttft=times([ttft]),
        )

    made = scorecard.cards(
        with_hits(policy, seed, hits, ttft)
        for seed in (0, 1)
        for policy, hits, ttft in (
            ("random", 0.1, 4.0),
            ("least-connections", 0.1, 2.0 + seed),
            ("mine", 0.5, 1.0 + seed / 2),
        )
    )
    by_name = {card.policy: card for card in made}
    assert by_name["random"].hit_efficiency == 0.0
    assert by_name["mine"].hit_efficiency == pytest.approx(0.5)
    assert by_name["mine"].ttft_ratio == Estimate(0.5, 0.0)
    assert by_name["mine"].informed_ratio is None
    assert by_name["mine"].mean(lambda each: each.ttft.mean) == 1.25


def test_all_policies_get_the_same_and_random_is_always_there() -> None:
    """Seed by seed."""
    asked = []

    def trial(policy: str, seed: int) -> Trial:
        asked.append((policy, seed))
        return Trial(clockwork(1), Arrivals([(0.0, 10 + seed)]), policy, 10.0, seed)

    found = list(scorecard.compare(["round-robin"], [3, 4], trial))
    assert asked == [("round-robin", 3), ("random", 3), ("round-robin", 4), ("random", 4)]
    assert [each.requests for each in found] == [1, 1, 1, 1]
