"""How many tokens an answer may have."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.options import limit


@pytest.mark.parametrize(
    ("asked", "room", "expected"),
    [
        ({}, None, None),
        ({"num_predict": -1}, None, None),
        ({"num_predict": -2}, None, None),
        ({"num_predict": 0}, None, 0),
        ({"num_predict": 7}, None, 7),
        ({"num_predict": 1000}, None, 1000),
        ({"num_predict": 1001}, None, 1000),
        ({}, 30, 30),
        ({"num_predict": 7}, 30, 7),
        ({"num_predict": 31}, 30, 30),
        ({}, 0, 1),
        ({}, -5, 1),
    ],
)
def test_limit(asked: dict[str, int], room: int | None, expected: int | None) -> None:
    """Ten times the context at most; where the window doesn't move on, what the prompt left."""
    assert limit(asked, 100, room) == expected
