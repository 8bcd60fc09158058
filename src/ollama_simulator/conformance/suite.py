"""Plays many cases: in an order that respects what stands on what, some side by side.

Rules of this file:

1. A case waits for those it stands on, if they are played too; if one did not pass, it is blocked.
2. What was inconclusive is played again, alone, when all others are done: at most four times. What
   passed or failed is never played again.
3. What stands on something inconclusive waits for that.

It must not import the command line.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

import msgspec

from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment
from ollama_simulator.conformance.player import (
    Game,
    Played,
    play,
    prepare,
    unclaimed,
    unplayed,
)
from ollama_simulator.conformance.report import Result, Verdict
from ollama_simulator.conformance.scenario import Case

AGAIN = 4
"""How often an inconclusive case is played again."""

Tell = Callable[[Result], None]


class Suite:
    """One run of some cases against one balancer."""

    def __init__(
        self,
        cases: Sequence[Case],
        game: Game,
        turns: asyncio.Semaphore,
        tell: Tell,
        begin: Callable[[Case], None] = lambda case: None,
        postpone: Callable[[Case], None] = lambda case: None,
        again: int = AGAIN,
    ) -> None:
        """`turns` is how many are played at once; `tell` is called with each result as it comes,
        `begin` when a case is begun, `postpone` when it has to wait for all others; `again` is
        how often what was inconclusive is played again."""
        self.configuration = ""
        """How the balancer was started, in the first case."""
        self._cases = cases
        self._game = game
        self._turns = turns
        self._tell = tell
        self._begin = begin
        self._postpone = postpone
        self._more = again
        self._results: dict[str, asyncio.Future[Result]] = {}
        self._unclear: set[str] = set()
        """What was inconclusive, and what stands on it."""

    async def run(self) -> list[Result]:
        """Play all of them. Results come back in the order of the cases. Raises
        `BrokenEnvironment`."""
        loop = asyncio.get_running_loop()
        self._results = {case.id: loop.create_future() for case in self._cases}
        ordered = self._ordered()
        prepare(self._cases, self._game.balancer)
        lonely: set[str] = set()
        for case in ordered:
            if case.scenario.alone or lonely.intersection(self._stands_on(case)):
                lonely.add(case.id)
        async with asyncio.TaskGroup() as group:
            for case in self._cases:
                if case.id not in lonely:
                    group.create_task(self._settle(case))
        for case in ordered:
            if case.id in lonely:
                await self._settle(case)
        final = {name: future.result() for name, future in self._results.items()}
        for case in ordered:
            if case.id in self._unclear:
                final[case.id] = await self._again(case, final)
                self._tell(final[case.id])
        return [final[case.id] for case in self._cases]

    def _ordered(self) -> list[Case]:
        """The cases so that each comes behind those it stands on."""
        by_id = {case.id: case for case in self._cases}
        try:
            order = TopologicalSorter({case.id: self._stands_on(case) for case in self._cases})
            return [by_id[name] for name in order.static_order()]
        except CycleError as cycle:
            names = " on ".join(reversed(cycle.args[1]))
            raise BrokenEnvironment(f"cases stand on each other: {names}") from None

    async def _settle(self, case: Case) -> None:
        future = self._results[case.id]
        try:
            result = await self._result(case)
        except BaseException:
            future.cancel()
            raise
        future.set_result(result)
        if result.verdict is Verdict.INCONCLUSIVE:
            self._unclear.add(case.id)
        if case.id in self._unclear:
            self._postpone(case)
        else:
            self._tell(result)

    async def _result(self, case: Case) -> Result:
        balancer = self._game.balancer
        if missing := unclaimed(case, balancer):
            return unplayed(case, balancer, Verdict.SKIPPED, f"not claimed: {', '.join(missing)}")
        for before in self._stands_on(case):
            result = await asyncio.shield(self._results[before])
            if before in self._unclear:
                self._unclear.add(case.id)
            if not result.passed:
                return self._blocked(case, result)
        async with self._turns:
            return await self._play(case)

    def _stands_on(self, case: Case) -> Iterable[str]:
        """The cases that must pass before, of those that are played: of a scenario, that of the
        same variant if it has one."""
        for wanted in case.scenario.after:
            same = f"{wanted}.{case.variant}"
            if wanted in self._results:
                yield wanted
            elif same in self._results:
                yield same
            else:
                yield from (name for name in self._results if name.startswith(f"{wanted}."))

    def _blocked(self, case: Case, before: Result) -> Result:
        reason = f"it stands on {before.id}, whose verdict is {before.verdict.value}"
        return unplayed(case, self._game.balancer, Verdict.BLOCKED, reason)

    async def _again(self, case: Case, final: dict[str, Result]) -> Result:
        """Play a case that was inconclusive, or one that waits for it: its first time."""
        for before in self._stands_on(case):
            if not final[before].passed:
                return self._blocked(case, final[before])
        result = final[case.id]
        first = 2 if result.verdict is Verdict.INCONCLUSIVE else 1
        for plays in range(first, self._more + 2):
            result = msgspec.structs.replace(await self._play(case), plays=plays)
            if result.verdict is not Verdict.INCONCLUSIVE:
                break
        return result

    async def _play(self, case: Case) -> Result:
        self._begin(case)
        played: Played = await play(case, self._game)
        self.configuration = self.configuration or played.configuration
        return played.result
