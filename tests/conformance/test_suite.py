"""What is played when: prerequisites first, the inconclusive again, the lonely alone."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance import suite
from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment
from ollama_simulator.conformance.balancers.reference import Reference
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.player import Game, Played, unplayed
from ollama_simulator.conformance.report import Result, Verdict
from ollama_simulator.conformance.scenario import Case
from ollama_simulator.conformance.steadiness import Steadiness
from tests.conformance.making import case

PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def played(
    monkeypatch: pytest.MonkeyPatch,
    cases: Sequence[Case],
    verdicts: Mapping[str, Sequence[Verdict]],
    at_once: int = 4,
) -> tuple[dict[str, Result], list[tuple[str, int]], list[str]]:
    """Play cases whose verdicts are known. Returns the results, what was begun while how many
    others were played, and what was told."""
    left = {name: list(each) for name, each in verdicts.items()}
    begun: list[tuple[str, int]] = []
    told: list[str] = []
    running = 0

    async def play(each: Case, game: Game) -> Played:
        nonlocal running
        begun.append((each.id, running))
        running += 1
        await asyncio.sleep(0.01)
        running -= 1
        verdict = left[each.id].pop(0) if each.id in left else PASS
        result = unplayed(each, game.balancer, verdict, "so it is told")
        return Played(msgspec.structs.replace(result, plays=1))

    monkeypatch.setattr(suite, "play", play)

    async def main() -> list[Result]:
        game = Game(Reference(), Steadiness(WallClock()))
        turns = asyncio.Semaphore(at_once)
        return await suite.Suite(cases, game, turns, lambda each: told.append(each.id)).run()

    results = asyncio.run(main())
    assert [each.id for each in results] == [each.id for each in cases]
    return {each.id: each for each in results}, begun, told


def test_what_stands_on_a_failure_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """And names it; what stands on a pass is played after it."""
    cases = [
        case("a.on-bad", after=["a.bad"]),
        case("a.on-good", after=["a.good"]),
        case("a.on-blocked", after=["a.on-bad"]),
        case("a.on-nobody", after=["a.not-there"]),
        case("a.bad"),
        case("a.good"),
    ]
    results, begun, _ = played(monkeypatch, cases, {"a.bad": [FAIL]})
    assert results["a.on-bad"].verdict is Verdict.BLOCKED
    assert results["a.on-bad"].reason == "it stands on a.bad, whose verdict is fail"
    assert results["a.on-blocked"].verdict is Verdict.BLOCKED
    assert results["a.on-good"].verdict is PASS
    assert results["a.on-nobody"].verdict is PASS
    order = [name for name, _ in begun]
    assert order.index("a.on-good") > order.index("a.good")
    assert "a.on-bad" not in order


def test_a_variant_stands_on_the_same_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a scenario that has it; else on all of them."""
    cases = [
        case("a.base", variant="x"),
        case("a.base", variant="y"),
        case("a.top", variant="x", after=["a.base"]),
        case("a.top", variant="z", after=["a.base"]),
    ]
    results, _, _ = played(monkeypatch, cases, {"a.base.y": [FAIL]})
    assert results["a.top.x"].verdict is PASS
    assert results["a.top.z"].verdict is Verdict.BLOCKED


def test_the_inconclusive_is_played_again_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most four times, when all others are done; a failure never is."""
    cases = [case("a.clears"), case("a.stays"), case("a.fails"), case("a.passes")]
    verdicts = {"a.clears": [UNCLEAR, UNCLEAR, FAIL], "a.stays": [UNCLEAR] * 9, "a.fails": [FAIL]}
    results, begun, told = played(monkeypatch, cases, verdicts)
    assert (results["a.clears"].verdict, results["a.clears"].plays) == (FAIL, 3)
    assert (results["a.stays"].verdict, results["a.stays"].plays) == (UNCLEAR, 5)
    order = [name for name, _ in begun]
    assert [order.count(each.id) for each in cases] == [3, 5, 1, 1]
    assert order[4:] == ["a.clears"] * 2 + ["a.stays"] * 4
    assert all(others == 0 for _, others in begun[4:])
    assert sorted(told) == ["a.clears", "a.fails", "a.passes", "a.stays"]


def test_what_stands_on_the_inconclusive_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is played when that has passed, and blocked when it has not."""
    cases = [
        case("a.on-clears", after=["a.clears"]),
        case("a.above", after=["a.on-clears"]),
        case("a.on-stays", after=["a.stays"]),
        case("a.on-turns-bad", after=["a.turns-bad"]),
        case("a.clears"),
        case("a.stays"),
        case("a.turns-bad"),
    ]
    verdicts = {
        "a.clears": [UNCLEAR, PASS],
        "a.above": [UNCLEAR, UNCLEAR, FAIL],
        "a.stays": [UNCLEAR] * 5,
        "a.turns-bad": [UNCLEAR, FAIL],
    }
    results, begun, told = played(monkeypatch, cases, verdicts)
    assert (results["a.on-clears"].verdict, results["a.on-clears"].plays) == (PASS, 1)
    assert (results["a.above"].verdict, results["a.above"].plays) == (FAIL, 3)
    blocked = {name: each.reason for name, each in results.items() if each.plays == 0}
    assert blocked == {
        "a.on-stays": "it stands on a.stays, whose verdict is inconclusive",
        "a.on-turns-bad": "it stands on a.turns-bad, whose verdict is fail",
    }
    assert sorted(told) == sorted(each.id for each in cases)
    assert all(others == 0 for _, others in begun[3:])


def test_what_stands_on_the_lonely_comes_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the report: nobody waits for ever."""
    cases = [
        case("a.above", after=["a.lonely"]),
        case("a.lonely", after=["a.lonely-too"], alone=True),
        case("a.lonely-too", alone=True),
    ]
    _, begun, _ = played(monkeypatch, cases, {})
    assert begun == [("a.lonely-too", 0), ("a.lonely", 0), ("a.above", 0)]


def test_a_circle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the cases."""
    cases = [case("a.one", after=["a.two"]), case("a.two", after=["a.one"])]
    with pytest.raises(BrokenEnvironment, match=r"on each other: a\..* on a\..* on a\."):
        played(monkeypatch, cases, {})


def test_side_by_side_and_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many at once as there are turns; the lonely last, with nobody else."""
    cases = [case("a.lonely", alone=True), *(case(f"a.n{number}") for number in range(6))]
    _, begun, _ = played(monkeypatch, cases, {}, at_once=3)
    assert max(others for _, others in begun) == 2
    assert begun[-1] == ("a.lonely", 0)


def test_what_is_not_claimed_is_not_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what is missing."""
    monkeypatch.setattr(Reference, "features", frozenset())
    cases = [case("a.needy", needs={Feature.QUEUES})]
    results, begun, _ = played(monkeypatch, cases, {})
    assert (results["a.needy"].verdict, begun) == (Verdict.SKIPPED, [])
    assert results["a.needy"].reason == "not claimed: queues"


def test_what_raises_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken environment is nobody's verdict."""

    async def play(each: Case, game: Game) -> Any:
        raise OSError("no sockets left")

    monkeypatch.setattr(suite, "play", play)
    cases = [case("a.one"), case("a.two", after=["a.one"])]

    async def main() -> None:
        game = Game(Reference(), Steadiness(WallClock()))
        await suite.Suite(cases, game, asyncio.Semaphore(1), lambda each: None).run()

    with pytest.raises(ExceptionGroup, match="unhandled errors") as raised:
        asyncio.run(main())
    assert raised.group_contains(OSError, match="no sockets left")
