"""What ends an answer before its own end."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.engine.answer.bounds import bounded, guarded
from ollama_simulator.engine.answer.output import End, Output, Pause, Piece


def answer(*texts: str, verbatim: bool = False) -> list[Output]:
    """An answer of these tokens."""
    return [*(Piece(text, verbatim=verbatim) for text in texts), End("stop")]


def told(outputs: Iterable[Output]) -> tuple[list[str], str | None, int]:
    """The texts that are told, why it ended, and how many tokens that took."""
    texts: list[str] = []
    tokens = 0
    for output in outputs:
        if isinstance(output, Piece):
            texts.append(output.text)
            tokens += output.tokens
        if isinstance(output, End):
            return texts, output.reason, tokens
    raise AssertionError("it has no end")


@pytest.mark.parametrize(
    ("texts", "stops", "expected"),
    [
        (["a", "b", "c"], ["b"], (["a", ""], "stop", 2)),
        (["a", "bXb", "c"], ["X"], (["a", "b"], "stop", 2)),
        (["aS", "TO", "Pb"], ["STOP"], (["a", "", ""], "stop", 3)),
        (["aS", "TO", "b"], ["STOP"], (["a", "", "STOb"], "stop", 3)),
        (["aST"], ["STOP"], (["a", "ST"], "stop", 1)),
        (["one two"], ["two", "one"], ([""], "stop", 1)),
        (["a", "b"], ["", "x"], (["a", "b"], "stop", 2)),
    ],
)
def test_stop_strings(
    texts: list[str], stops: list[str], expected: tuple[list[str], str, int]
) -> None:
    """The text ends before the first of them, wherever the tokens are cut; every token counts."""
    assert told(bounded(answer(*texts), tuple(stops), None)) == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (0, ([], "length", 0)),
        (1, (["a"], "length", 1)),
        (3, (["a", "b", "c"], "length", 3)),
        (4, (["a", "b", "c"], "stop", 3)),
        (None, (["a", "b", "c"], "stop", 3)),
    ],
)
def test_a_limit(limit: int | None, expected: tuple[list[str], str, int]) -> None:
    """It is the reason for the end even where the answer would have ended, too."""
    assert told(bounded(answer("a", "b", "c"), (), limit)) == expected


def test_a_limit_tells_what_was_kept_back() -> None:
    """The beginning of a stop string is text if nothing follows."""
    assert told(bounded(answer("aS", "T", "x"), ("STOP",), 2)) == (["a", "", "ST"], "length", 2)


def test_what_is_verbatim_passes() -> None:
    """Whoever wrote it bounded it."""
    outputs = answer("a", "STOP", "b", verbatim=True)
    for limit in (0, 1):
        assert told(bounded(outputs, ("STOP",), limit)) == (["a", "STOP", "b"], "stop", 3)


def test_pauses_pass() -> None:
    """Between tokens, and after the last."""
    outputs: list[Output] = [Piece("a"), Pause(1.0), Piece("b"), Pause(2.0), End("stop")]
    assert list(bounded(outputs, ("x",), None)) == outputs


@given(st.text("abST", max_size=20), st.sets(st.integers(0, 20)), st.sampled_from(["ST", "bb"]))
def test_the_cutting_makes_no_difference(text: str, places: set[int], stop: str) -> None:
    """What is told is the text before the first stop string."""
    bounds = sorted({0, len(text), *(place for place in places if place < len(text))})
    tokens = [text[a:b] for a, b in itertools.pairwise(bounds)]
    texts, reason, _ = told(bounded(answer(*tokens), (stop,), None))
    assert ("".join(texts), reason) == (text.partition(stop)[0], "stop")


@pytest.mark.parametrize(
    ("texts", "count", "reason"),
    [
        (["a"] * 40, 31, None),
        ([" a", "a ", "a"] * 20, 31, None),
        (["a"] * 31, 31, "stop"),
        ([*["a"] * 31, "b", *["a"] * 31], 63, "stop"),
        (["", " "] * 20, 30, None),
        (["", " "] * 15, 30, None),
        (["", "a"] * 15, 30, "stop"),
    ],
)
def test_the_guard_against_repetition(texts: list[str], count: int, reason: str | None) -> None:
    """After 31 equal pieces the answer breaks off; white space around them doesn't count (5.5)."""
    said, ended, _ = told(guarded(answer(*texts)))
    assert (len(said), ended) == (count, reason)
