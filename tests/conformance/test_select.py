"""Which cases a command line means."""

import pytest

from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.select import NothingSelected, selected
from tests.conformance.making import case

CASES = [
    case("seed.basic"),
    case("stream.cut", variant="chat-rst"),
    case("stream.cut", variant="chat-fin", level=Level.SHOULD),
    case("stream.cutlery", level=Level.TELL),
]


@pytest.mark.parametrize(
    ("ids", "words", "level", "names"),
    [
        ((), "", Level.TELL, [0, 1, 2, 3]),
        (("stream",), "", Level.TELL, [1, 2, 3]),
        (("stream.cut",), "", Level.TELL, [1, 2]),
        (("stream.cut.chat-fin",), "", Level.TELL, [2]),
        (("stream.cutlery", "seed"), "", Level.TELL, [0, 3]),
        ((), "cut rst", Level.TELL, [1]),
        ((), "", Level.SHOULD, [0, 1, 2]),
        (("stream",), "", Level.MUST, [1]),
    ],
)
def test_selected(ids: tuple[str, ...], words: str, level: Level, names: list[int]) -> None:
    """By case, scenario, group, words and level; in the order of the report."""
    assert selected(CASES, ids, words, level) == [CASES[each] for each in names]


@pytest.mark.parametrize(
    ("ids", "words", "complaint"),
    [
        (("cut",), "", "is called 'cut'; did you mean stream.cut.chat-rst, stream.cut.chat-fin"),
        (("nonsense",), "", "is called 'nonsense'; groups: seed, stream"),
        (("seed",), "cut", "no case fits all of that; --list shows what is there"),
    ],
)
def test_nothing(ids: tuple[str, ...], words: str, complaint: str) -> None:
    """The error names the culprit, and what is near."""
    with pytest.raises(NothingSelected, match=complaint):
        selected(CASES, ids, words)
