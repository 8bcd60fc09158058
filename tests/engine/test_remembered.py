"""What is remembered of texts."""

from __future__ import annotations

from ollama_simulator.engine.remembered import LONGEST, remembered


def test_short_texts_are_remembered_and_long_ones_are_not() -> None:
    """A long one would take up memory for as long as the server runs."""
    asked: list[str] = []

    @remembered
    def size(text: str) -> int:
        asked.append(text)
        return len(text)

    short, long = "x" * LONGEST, "x" * (LONGEST + 1)
    assert [size(short), size(short), size(long), size(long)] == [LONGEST] * 2 + [LONGEST + 1] * 2
    assert asked == [short, long, long]
