"""What of the kill matrix is played when: everything at once, the inconclusive again with less
beside it, and then alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance import kills, suite
from ollama_simulator.conformance.balancers.nursery import Nursery
from ollama_simulator.conformance.player import Game, Played, unplayed
from ollama_simulator.conformance.report import Result, Verdict
from ollama_simulator.conformance.scenario import Case
from ollama_simulator.conformance.steadiness import Steadiness
from tests.conformance.making import case

PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
ONE, TWO, THREE = (case(f"a.{name}") for name in ("one", "two", "three"))
CELLS = {kills.SOUND: [ONE, TWO], "flaw": [ONE, TWO, THREE], "other": [THREE]}
"""Each case names `flaw`; none names `other`."""

Begun = list[tuple[str, str, int]]
"""The flaw and the case of each play, and how many others were being played."""
Told = list[tuple[str, list[str]]]
"""The flaw of each row that was told, and its verdicts."""


def played(
    monkeypatch: pytest.MonkeyPatch,
    verdicts: Mapping[tuple[str, str], Sequence[Verdict]],
    at_once: int = 4,
    already: kills.Rows | None = None,
) -> tuple[kills.Matrix, Begun, Told]:
    """Play cells whose verdicts are known: of one that isn't given, PASS for the sound balancer and
    else FAIL."""
    left = {cell: list(each) for cell, each in verdicts.items()}
    begun: Begun = []
    told: Told = []
    running = 0

    @contextlib.asynccontextmanager
    async def nobody() -> AsyncIterator[None]:
        yield None

    async def play(each: Case, game: Game) -> Played:
        nonlocal running
        flaw = game.balancer.variant
        begun.append((flaw, each.id, running))
        running += 1
        await asyncio.sleep(0.01)
        running -= 1
        known = left.get((flaw, each.id)) or [FAIL if flaw else PASS]
        result = unplayed(each, game.balancer, known.pop(0), "so it is told")
        return Played(msgspec.structs.replace(result, plays=1))

    def tell(flaw: str, row: Sequence[Result]) -> None:
        told.append((flaw, [each.verdict.value for each in row]))

    async def main() -> kills.Matrix:
        steadiness = Steadiness(WallClock())
        return await kills.play(CELLS, steadiness, at_once, already=already, tell=tell)

    monkeypatch.setattr(suite, "play", play)
    monkeypatch.setattr(Nursery, "open", nobody)
    return asyncio.run(main()), begun, told


def test_all_are_played_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows beside each other, but never more cells than allowed; each row is told once."""
    matrix, begun, told = played(monkeypatch, {})
    assert len(begun) == 6
    assert max(others for _, _, others in begun) == 3
    assert sorted(told) == [("", ["pass"] * 2), ("flaw", ["fail"] * 3), ("other", ["fail"])]
    assert kills.complaints(matrix, [ONE, TWO, THREE]) == []


def test_the_inconclusive_is_played_again_with_less_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When all others are done; a row of which something was played again is told again."""
    once = {cell: [UNCLEAR] for cell in (("", "a.one"), ("flaw", "a.two"), ("flaw", "a.three"))}
    matrix, begun, told = played(monkeypatch, once)
    assert [each[:2] for each in begun[6:]] == list(once)
    assert max(others for _, _, others in begun[6:]) == 1
    assert [name for name, _ in told[3:]] == ["", "flaw"]
    assert told[4] == ("flaw", ["fail", "fail", "fail"])
    assert {cell for cell, result in matrix.items() if result.plays == 2} == {
        (case, flaw) for flaw, case in once
    }


def test_who_must_say_something_is_played_alone_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six times at most, one after the other; who needn't is played twice."""
    often = {
        cell: [UNCLEAR] * 9 for cell in (("", "a.one"), ("flaw", "a.two"), ("other", "a.three"))
    }
    often["flaw", "a.one"] = [UNCLEAR] * 4
    matrix, begun, told = played(monkeypatch, often)
    alone = [*[("", "a.one")] * 4, *[("flaw", "a.one")] * 3, *[("flaw", "a.two")] * 4]
    assert begun[10:] == [(*cell, 0) for cell in alone]
    assert matrix["a.one", ""].plays == matrix["a.two", "flaw"].plays == 6
    assert matrix["a.two", "flaw"].verdict is UNCLEAR
    assert (matrix["a.one", "flaw"].plays, matrix["a.one", "flaw"].verdict) == (5, FAIL)
    assert matrix["a.three", "other"].plays == 2
    assert [name for name, _ in told[-2:]] == ["", "flaw"]


def test_rows_that_were_played_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was inconclusive in them, and was not played again yet, is played."""
    matrix, _, _ = played(monkeypatch, {("flaw", "a.two"): [UNCLEAR]})
    again = msgspec.structs.replace(matrix["a.two", "flaw"], verdict=UNCLEAR, plays=1)
    given_up = msgspec.structs.replace(matrix["a.three", "other"], verdict=UNCLEAR, plays=2)
    rows = {
        "": [matrix["a.one", ""], matrix["a.two", ""]],
        "flaw": [matrix["a.one", "flaw"], again, matrix["a.three", "flaw"]],
        "other": [given_up],
    }
    matrix, begun, told = played(monkeypatch, {}, already=rows)
    assert begun == [("flaw", "a.two", 0)]
    assert told == [("flaw", ["fail", "fail", "fail"])]
    assert matrix["a.three", "other"] is given_up
