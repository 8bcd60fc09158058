"""The kill matrix: each case against the sound reference balancer, and against its flaws.

It is mutation testing for a conformance suite: a case that no flaw fails proves nothing, and a
flaw that no case fails is not looked for.

It must not import the command line.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from ollama_simulator.conformance.balancers.nursery import Nursery
from ollama_simulator.conformance.balancers.reference import Reference
from ollama_simulator.conformance.player import Game
from ollama_simulator.conformance.report import Result, Verdict
from ollama_simulator.conformance.scenario import Case
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.conformance.suite import AGAIN, Suite

UNCLEAR = Verdict.INCONCLUSIVE
JUDGED = (Verdict.PASS, Verdict.FAIL)
FEWER = 2
"""How many times fewer are played at once of what was inconclusive."""
SOUND = ""
"""The name of the balancer without a flaw."""

Cells = Mapping[str, Sequence[Case]]
"""The cases that are played against each flaw."""
Rows = Mapping[str, Sequence[Result]]
"""What the cases of each flaw said."""
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


def fitting(rows: Rows, cells: Cells) -> Rows:
    """Of rows that were played before those that are exactly what is to be played."""
    return {
        flaw: row
        for flaw, row in rows.items()
        if flaw in cells and [each.id for each in row] == [case.id for case in cells[flaw]]
    }


async def play(
    cells: Cells,
    steadiness: Steadiness,
    at_once: int,
    *,
    seed: int = 0,
    already: Rows | None = None,
    tell: Callable[[str, Sequence[Result]], None] = lambda flaw, row: None,
) -> Matrix:
    """Play the cells, so many at once, but no row that was played `already`. What was
    inconclusive is played again when all others are done: once more with less beside it, and then,
    if it must say something of the flaw and still does not, one after the other. `tell` is called
    with each row that was played, and again with one of which something was played again."""
    turns = asyncio.Semaphore(at_once)
    # More rows than cells: one that nears its end, or waits for a single case, holds nobody up.
    some = asyncio.Semaphore(2 * at_once)
    rows = {flaw: list(row) for flaw, row in (already or {}).items()}

    async with Nursery.open() as nursery:
        games = {flaw: Game(Reference(flaw or None, nursery), steadiness, seed) for flaw in cells}

        async def first(flaw: str) -> None:
            async with some:
                rows[flaw] = await Suite(cells[flaw], games[flaw], turns, _nobody, again=0).run()
                tell(flaw, rows[flaw])

        async def again(flaw: str, turns: asyncio.Semaphore) -> None:
            unclear = _unclear(flaw, cells[flaw], rows[flaw], 1)
            async with asyncio.TaskGroup() as group:
                for index, case in unclear.items():
                    group.create_task(_again(rows[flaw], index, case, games[flaw], turns))
            if unclear:
                tell(flaw, rows[flaw])

        async def alone(flaw: str) -> None:
            unclear = _unclear(flaw, cells[flaw], rows[flaw], 2)
            for index, case in unclear.items():
                await _again(rows[flaw], index, case, games[flaw], asyncio.Semaphore(1), AGAIN - 1)
            if unclear:
                tell(flaw, rows[flaw])

        async with asyncio.TaskGroup() as group:
            for flaw in cells:
                if flaw not in rows:
                    group.create_task(first(flaw))
        fewer = asyncio.Semaphore(max(1, at_once // FEWER))
        async with asyncio.TaskGroup() as group:
            for flaw in cells:
                group.create_task(again(flaw, fewer))
        for flaw in cells:
            await alone(flaw)
    return of(rows)


def of(rows: Rows) -> Matrix:
    """The matrix of some rows."""
    return {(each.id, flaw): each for flaw, row in rows.items() for each in row}


def _unclear(
    flaw: str, cases: Sequence[Case], row: Sequence[Result], plays: int
) -> dict[int, Case]:
    """The cases of a row that are to be played again after so many plays, by their places. Those
    that must say something of the flaw get several tries; a flaw may well keep another case from
    what it is about."""
    return {
        index: case
        for index, (case, result) in enumerate(zip(cases, row, strict=True))
        if result.verdict is UNCLEAR
        and result.plays == plays
        and (plays == 1 or flaw == SOUND or flaw in case.killed_by)
    }


async def _again(
    row: list[Result], index: int, case: Case, game: Game, turns: asyncio.Semaphore, more: int = 0
) -> None:
    """Play a case of a row anew, and so many times more if it stays inconclusive. In a suite of its
    own nothing else blocks it."""
    (result,) = await Suite([case], game, turns, _nobody, again=more).run()
    row[index] = msgspec.structs.replace(result, plays=row[index].plays + result.plays)


def _nobody(result: Result) -> None:
    """Who is told of single results: a row is told as a whole."""


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


def page(matrix: Matrix, wanted: int, flaws: Mapping[str, str]) -> str:
    """The matrix in Markdown: for each flaw what it does wrong, and which cases it fails; then
    what could not be judged. `wanted` is how many
    cells there are, played or not."""
    played = {flaw for _, flaw in matrix if flaw}
    sound = [each for (_, name), each in matrix.items() if name == SOUND]
    passed = sum(each.passed for each in sound)
    counts = Counter(each.verdict for (_, name), each in matrix.items() if name != SOUND)
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    lines = [
        f"{len(matrix)} of {wanted} cells were played. The sound balancer passes {passed} of "
        f"{len(sound)} cases. Of the cells of {len(played)} flaws: {told}.",
        "",
        "| Flaw | What it does wrong | Fails | Of |",
        "| --- | --- | --- | --- |",
    ]
    for flaw in sorted(played):
        results = [each for (_, name), each in matrix.items() if name == flaw]
        judged = [each for each in results if each.verdict in JUDGED]
        failed = sorted(each.id for each in judged if each.verdict is Verdict.FAIL)
        names = ", ".join(f"`{name}`" for name in failed)
        lines.append(
            f"| `{flaw}` | {flaws.get(flaw, '')} | {names} | {len(judged)} |".replace("\n", " ")
        )
    unjudged = [
        f"| `{flaw}` | `{each.id}` | {each.verdict.value} | {each.reason} |".replace("\n", " ")
        for (_, flaw), each in sorted(matrix.items(), key=lambda cell: cell[0][::-1])
        if each.verdict not in JUDGED
    ]
    if unjudged:
        lines += ["", "What could not be judged, and why:", ""]
        lines += ["| Flaw | Case | Verdict | Why |", "| --- | --- | --- | --- |", *unjudged]
    return "\n".join(lines) + "\n"
