"""What stands under the fields of a class."""

from __future__ import annotations

import msgspec

from ollama_simulator.attributes import described


class Below(msgspec.Struct):
    """A class."""

    a: int = 0
    """What a is for,
    in two lines."""
    b: int = 0
    c: int = 0
    """What c is for."""

    def method(self) -> None:
        """Not what c is for."""


class Above(Below):
    """One that inherits."""

    c: int = 1
    """Another c."""
    d: int = 0
    """What d is for."""


def test_words_under_fields() -> None:
    """In one line; those of a class win over those of the one below."""
    assert described(Below) == {"a": "What a is for, in two lines.", "c": "What c is for."}
    assert described(Above) == {**described(Below), "c": "Another c.", "d": "What d is for."}


def test_classes_without_source() -> None:
    """Have what they inherit."""
    made = msgspec.defstruct("Made", [("e", int, 0)], bases=(Above,))
    assert described(made) == described(Above)
    assert described(int) == {}
