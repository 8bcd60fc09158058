"""JSON that is nested deeper than anybody reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.golang.depth import LEVELS, deep, shallow
from ollama_simulator.golang.gosyntax import DEEPEST, TOO_DEEP
from ollama_simulator.golang.parse import parse
from ollama_simulator.model import Refusal


def nested(levels: int, text: str = "0") -> bytes:
    """A text of so many levels, objects and arrays by turns."""
    for level in range(levels):
        text = f'{{"]\\\\\\"{{":{text}}}' if level % 2 else f"[{text},1]"
    return text.encode()


def levels_of(value: Any) -> int:
    """How deep a value is nested."""
    match value:
        case dict():
            return 1 + max(map(levels_of, value.values()), default=0)
        case list():
            return 1 + max(map(levels_of, value), default=0)
    return 0


@pytest.mark.parametrize("levels", [0, 1, LEVELS])
def test_what_is_read_as_it_stands(levels: int) -> None:
    """All that has no more levels."""
    data = nested(levels)
    assert json.loads(shallow(data)) == json.loads(data)


@pytest.mark.parametrize("levels", [LEVELS + 1, LEVELS + 2, 900, DEEPEST])
def test_what_is_cut(levels: int) -> None:
    """What is deeper is null, and the rest is kept, what stands behind it included."""
    read = parse(nested(levels) + b" behind", "")
    assert levels_of(read) == LEVELS
    if levels > 2 * LEVELS:
        assert deep(nested(levels))


def test_what_go_does_not_bear() -> None:
    """One level more than that."""
    with pytest.raises(Refusal, match=TOO_DEEP):
        parse(nested(DEEPEST + 1), "")


def test_a_mistake_within_many_levels_is_told() -> None:
    """In Go's words."""
    with pytest.raises(Refusal, match="invalid character 'x' looking for beginning of value"):
        parse(nested(500, "x"), "")


VALUES = st.recursive(
    st.none() | st.text('{}[]"\\,:é', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('}]"\\'), inner, max_size=3)
    ),
)


@settings(deadline=None)
@given(VALUES, st.integers(0, 150))
def test_whether_it_is_deep(value: Any, more: int) -> None:
    """Whatever is deep is found; and nothing that has half as many levels."""
    data = nested(more, json.dumps([value] * 3))
    levels = levels_of(json.loads(data))
    if levels > LEVELS:
        assert deep(data)
    if levels <= LEVELS // 2:
        assert not deep(data)
