"""Reads a whole output with a parser, however it is cut into tokens."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import strategies as st

from ollama_simulator.engine.answer.parsers.parsed import Parsed, Parser
from ollama_simulator.model import Tool

WEATHER = Tool(
    "get_weather",
    source=(
        '{"type":"function","function":{"name":"get_weather","parameters":{"type":"object",'
        '"properties":{"city":{"type":"string"},"days":{"type":"integer"},'
        '"warm":{"type":["boolean","null"]},"sunny":{"type":"boolean"},"near":{"anyOf":[{"type":"array"},{"type":"object"}]},'
        '"scale":{"type":"number"}}}}}'
    ),
)
TIME = Tool("get_time", source='{"type":"function","function":{"name":"get_time"}}')
TOOLS = (WEATHER, TIME)


def read(parser: Parser, tokens: Iterable[str]) -> Parsed:
    """All that a parser tells of an output."""
    parts = [*map(parser.add, tokens), parser.end()]
    return Parsed(
        "".join(part.text for part in parts),
        "".join(part.thinking for part in parts),
        tuple(call for part in parts for call in part.calls),
    )


@st.composite
def cuttings(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[str]]:
    """A text, and the tokens that it was cut into."""
    text = draw(texts)
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    bounds = [0, *places, len(text)]
    return text, [text[a:b] for a, b in itertools.pairwise(bounds)]


def made_of(*parts: str) -> st.SearchStrategy[str]:
    """Texts that are full of these parts, and of pieces of them."""
    halves = [part[: len(part) // 2] for part in parts]
    pieces = st.sampled_from([*parts, *halves]) | st.text("ab<> \n{}", max_size=3)
    return st.lists(pieces, max_size=10).map("".join)
