"""Who makes room (6.5)."""

from __future__ import annotations

import math

import pytest

from ollama_simulator.engine.caching.legacy import LegacyCache
from ollama_simulator.engine.eviction import victim
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.shape import shape
from ollama_simulator.model import Model
from ollama_simulator.settings import Settings


def runner(weights: str, keep_alive: float, users: int, turn: int) -> Runner:
    """A runner in such a state."""
    model = Model(weights, 1, weights, "f", "1B", "Q4")
    made = Runner(model, shape(model, {}, None, Settings()), keep_alive, LegacyCache(1))
    made.users, made.turn = users, turn
    return made


@pytest.mark.parametrize(
    ("runners", "chosen"),
    [
        # The shortest keep-alive goes, however lately it was used.
        ([("a", 600.0, 0, 1), ("b", 300.0, 0, 9)], "b"),
        ([("a", math.inf, 0, 1), ("b", 1e6, 0, 2)], "b"),
        # Ties go by weight file.
        ([("c", 300.0, 0, 1), ("b", 300.0, 0, 2), ("d", 300.0, 0, 3)], "b"),
        # The idle come before the busy.
        ([("a", 1.0, 1, 1), ("b", 300.0, 0, 2)], "b"),
        ([("a", 1.0, 1, 1), ("b", 300.0, 0, 2), ("c", 200.0, 0, 3)], "c"),
        # If all are busy, the shortest keep-alive again.
        ([("b", 300.0, 1, 1), ("a", 400.0, 2, 2)], "b"),
        ([("b", 300.0, 1, 1), ("a", 300.0, 1, 2)], "a"),
    ],
)
def test_victim(runners: list[tuple[str, float, int, int]], chosen: str) -> None:
    """Not the least recently used one."""
    assert victim(runner(*each) for each in runners).key == chosen
