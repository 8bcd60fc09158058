"""The kill matrix: each case against the sound reference balancer, and against its flaws.

It is mutation testing for a conformance suite: a case that no flaw fails proves nothing, and a
flaw that no case fails is not looked for.

It must not import the command line.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from ollama_simulator.conformance.balancers.nursery import Nursery
from ollama_simulator.conformance.balancers.reference import Reference
from ollama_simulator.conformance.player import Game
from ollama_simulator.conformance.report import Result, Verdict
from ollama_simulator.conformance.scenario import Case
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.conformance.suite import Suite

UNCLEAR = Verdict.INCONCLUSIVE
SOUND = ""
"""The name of the balancer without a flaw."""

Cells = Mapping[str, Sequence[Case]]
"""The cases that are played against each flaw."""
Matrix = dict[tuple[str, str], Result]
"""The result of each cell, by the case's id and the flaw's name."""


def named(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Every case against the sound balancer, and against the flaws that it names."""
    cells: dict[str, list[Case]] = {SOUND: list(cases)}
    for case in cases:
        for flaw in sorted(case.killed_by):
            cells.setdefault(flaw, []).append(case)
    return cells


def full(cases: Sequence[Case], flaws: Iterable[str]) -> dict[str, list[Case]]:
    """Every case against the sound balancer, and every flaw against one case of each scenario:
    the first that names it, if one does."""
    cells: dict[str, list[Case]] = {SOUND: list(cases)}
    for flaw in flaws:
        chosen: dict[str, Case] = {}
        for case in cases:
            first = chosen.setdefault(case.scenario.id, case)
            if flaw in case.killed_by and flaw not in first.killed_by:
                chosen[case.scenario.id] = case
        cells[flaw] = list(chosen.values())
    return cells


async def play(
    cells: Cells,
    steadiness: Steadiness,
    at_once: int,
    *,
    seed: int = 0,
    tell: Callable[[str, Result], None] = lambda flaw, result: None,
) -> Matrix:
    """Play the cells, so many at once."""
    turns = asyncio.Semaphore(at_once)
    matrix: Matrix = {}

    async def against(flaw: str, nursery: Nursery | None) -> None:
        game = Game(Reference(flaw or None, nursery), steadiness, seed=seed)
        suite = Suite(cells[flaw], game, turns, lambda result: tell(flaw, result), again=0)
        for result in await suite.run():
            matrix[result.id, flaw] = result

    async with Nursery.open() as nursery:
        async with asyncio.TaskGroup() as group:
            for flaw in cells:
                group.create_task(against(flaw, nursery))
        for flaw, cases in cells.items():
            unclear = [case for case in cases if matrix[case.id, flaw].verdict is UNCLEAR]
            game = Game(Reference(flaw or None, nursery), steadiness, seed=seed)
            # One after the other, now that nobody else is playing.
            for result in await Suite(unclear, game, asyncio.Semaphore(1), _nobody).run():
                matrix[result.id, flaw] = result
    return matrix


def _nobody(result: Result) -> None:
    """Who is told of what is played again."""


def complaints(matrix: Matrix, cases: Iterable[Case]) -> list[str]:
    """What is wrong with a matrix, a sentence each: a sound balancer that doesn't pass, a flaw
    that doesn't fail where it must."""
    found = []
    for case in cases:
        for flaw in (SOUND, *sorted(case.killed_by)):
            result = matrix.get((case.id, flaw))
            if result is None:
                continue
            wanted = Verdict.FAIL if flaw else Verdict.PASS
            if result.verdict is not wanted:
                why = f": {'; '.join(result.reasons)}" if not result.passed else ""
                who = f"the flaw {flaw}" if flaw else "the sound balancer"
                found.append(f"{case.id} against {who}: {result.verdict.value}{why}")
    return found


def page(matrix: Matrix, cases: Sequence[Case], flaws: Mapping[str, str]) -> str:
    """The matrix in Markdown: for each flaw what it does wrong, and which scenarios it fails."""
    played = {flaw for _, flaw in matrix if flaw}
    lines = [
        "| Flaw | What it does wrong | Fails | Of |",
        "| --- | --- | --- | --- |",
    ]
    for flaw in sorted(played):
        results = [each for (_, name), each in matrix.items() if name == flaw]
        judged = [each for each in results if each.verdict in (Verdict.PASS, Verdict.FAIL)]
        failed = sorted(each.id for each in judged if each.verdict is Verdict.FAIL)
        told = ", ".join(f"`{name}`" for name in failed)
        lines.append(
            f"| `{flaw}` | {flaws.get(flaw, '')} | {told} | {len(judged)} |".replace("\n", " ")
        )
    sound = [each for (_, name), each in matrix.items() if name == SOUND]
    passed = sum(each.passed for each in sound)
    lines += ["", f"The sound balancer passes {passed} of {len(sound)} cases."]
    return "\n".join(lines) + "\n"
