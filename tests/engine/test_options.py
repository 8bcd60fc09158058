"""Options with their types, and how many tokens an answer may have."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.engine.options import limit, read


@pytest.mark.parametrize(
    ("name", "sent", "read_as"),
    [
        ("num_ctx", 1.7, 1),
        ("num_ctx", -1.7, -1),
        ("num_ctx", 1e30, 2**62),
        ("seed", 42, 42),
        ("temperature", 0.8, 0.8),
        ("temperature", 1, 1),
        ("use_mmap", False, False),
        ("stop", ["a"], ["a"]),
    ],
)
def test_values(name: str, sent: Any, read_as: Any) -> None:
    """Integers lose their fractions, and none is larger than Go's."""
    assert read({name: sent, "bogus": sent, "top_k": None}) == {name: read_as}


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
