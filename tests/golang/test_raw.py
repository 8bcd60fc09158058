"""Parts of a JSON text, as they were written."""

from __future__ import annotations

import pytest

from ollama_simulator.golang import raw

TEXT = ' { "a" : [1.50 , {"x":"]}"} ] ,"B":{ "c" : null}, "b" : "\\u00e9 \\" ," } rest'


@pytest.mark.parametrize(
    ("key", "value"),
    [("a", '[1.50 , {"x":"]}"} ]'), ("b", '"\\u00e9 \\" ,"'), ("c", None)],
)
def test_member(key: str, value: str | None) -> None:
    """In any case; the last one wins; nested ones don't count."""
    assert raw.member(TEXT, key) == value


def test_elements() -> None:
    """With the space around them gone, and that inside them kept."""
    assert raw.elements(raw.member(TEXT, "a") or "") == ["1.50", '{"x":"]}"}']
    assert raw.elements(" [ ] ") == []


@pytest.mark.parametrize("text", ["", "5", '"x"', "null"])
def test_what_has_no_parts(text: str) -> None:
    """Neither an object nor an array."""
    assert raw.member(text, "a") is None
    assert raw.elements(text) == []


def test_compact() -> None:
    """Only the space between things goes."""
    assert raw.compact(' { "a b" : [ 1.50,\n"\\" " ] }') == '{"a b":[1.50,"\\" "]}'
