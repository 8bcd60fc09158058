"""The batch, which plans ahead, against one that does one iteration after the other.

All times are binary fractions, so both come to exactly the same sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.batch import Batch
from ollama_simulator.engine.plan import Work
from ollama_simulator.engine.timing import Timing
from tests.engine.naive import Naive

SLOTS = 4
SIZE = 32
TIMINGS = [
    Timing(2.0**-6, 2.0**-10, 2.0**-16, 2.0**-14, 2.0**-7, 1.0),
    Timing(2.0**-6, 2.0**-10, 0.0, 0.0, 0.0, 1.0),
    Timing(2.0**-9, 2.0**-8, 0.0, 0.0, 2.0**-7, 2.0),
]
steps = st.lists(
    st.tuples(
        st.integers(0, 300).map(lambda n: n * 2.0**-8),
        st.sampled_from(["join", "join", "join", "leave", "finish", "slow", "delay", "look"]),
        st.integers(0, 2**16),
    ),
    max_size=25,
)


def work(slot: int, draw: int) -> Work:
    """A job, as this number says."""
    total = (None, 1, 5, 40)[draw % 4]
    window = (0, 150)[draw // 4 % 2]
    depth = draw // 8 % 50
    return Work(slot, 1 + draw // 400 % 100, depth, total=total, window=window, kept=4)


class Pair:
    """A batch and its double, to which the same happens."""

    def __init__(self, timing: Timing, rotates: bool) -> None:
        self.batch = Batch(timing, SIZE, rotates=rotates)
        self.naive = Naive(timing, SIZE, rotates=rotates)
        self.now = 0.0
        self.works: list[tuple[Work, Work]] = []

    def step(self, dt: float, what: str, draw: int) -> None:
        """Let time pass, and something happen."""
        self.now += dt
        batch, naive, now = self.batch, self.naive, self.now
        if what == "join":
            taken = {one.slot for one, _ in self.works}
            free = [slot for slot in range(SLOTS) if slot not in taken]
            if free:
                slot = free[draw % len(free)]
                pair = work(slot, draw), work(slot, draw)
                self.works.append(pair)
                batch.join(pair[0], now)
                naive.join(pair[1], now)
        elif what in ("leave", "finish") and self.works:
            one, other = self.works.pop(draw % len(self.works))
            tokens = batch.made(one, now)
            if what == "leave":
                batch.leave(one, now, now)
                naive.leave(other, now)
            else:
                batch.finish(one, tokens, now)
                naive.finish(other, tokens, now)
        elif what == "slow":
            batch.slow((0.5, 1.0, 2.0)[draw % 3], now)
            naive.slow((0.5, 1.0, 2.0)[draw % 3], now)
        elif what == "delay":
            batch.delay(draw % 64 * 2.0**-6, now)
            naive.delay(draw % 64 * 2.0**-6, now)
        elif what == "look":
            for one, _ in self.works:
                batch.made(one, now)

    def state(self) -> tuple[list[Any], list[Any]]:
        """What each says of its jobs."""
        self.naive.advance(self.now)
        ones = [self._said(one) for one, _ in self.works]
        others = [self._known(other) for _, other in self.works]
        return ones, others

    def _said(self, one: Work) -> tuple[float, ...]:
        made, unread = self.batch.made(one, self.now), self.batch.unread(one, self.now)
        last = self.batch.time_of(one, made) if made else one.last_at
        read = self.batch.time_of(one, 0) if not unread else one.read_at
        return made, unread, read, last

    def _known(self, of: Work) -> tuple[float, ...]:
        return of.made, of.unread, of.read_at, of.last_at


@pytest.mark.parametrize("rotates", [False, True])
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TIMINGS), steps)
def test_it_is_as_one_iteration_after_the_other(
    rotates: bool, timing: Timing, happened: Sequence[tuple[float, str, int]]
) -> None:
    """Whoever comes, goes, slows or delays it when."""
    pair = Pair(timing, rotates)
    for step in happened:
        pair.step(*step)
        ones, others = pair.state()
        assert ones == others
    pair.step(2.0**3, "look", 0)
    ones, others = pair.state()
    assert ones == others
    assert pair.naive.most <= max(SIZE, SLOTS)


@pytest.mark.parametrize("rotates", [False, True])
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(TIMINGS), steps, st.integers(1, 20))
def test_it_does_not_matter_how_often_it_is_asked(
    rotates: bool, timing: Timing, happened: Sequence[tuple[float, str, int]], often: int
) -> None:
    """Nor does anything go back meanwhile: neither tokens, nor what is unread."""
    lazy, eager = Pair(timing, rotates), Pair(timing, rotates)
    for dt, what, draw in happened:
        seen: dict[int, tuple[float, float]] = {}
        for part in range(often):
            eager.step(dt / often if part < often - 1 else 0.0, "look", 0)
            for i, (one, _) in enumerate(eager.works):
                now = eager.batch.made(one, eager.now), -eager.batch.unread(one, eager.now)
                assert now >= seen.get(i, (0, -(10**9)))
                seen[i] = now
        lazy.step(dt, what, draw)
        eager.now = lazy.now
        eager.step(0.0, what, draw)
        assert lazy.state()[0] == eager.state()[0]
