"""Plays many cases: in an order that respects what stands on what, some side by side.

Rules of this file:

1. A case waits for those it stands on, if they are played too; if one did not pass, it is blocked.
2. What was inconclusive is played again, alone, when all others are done: at most twice. What
   passed or failed is never played again.

It must not import the command line.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

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

AGAIN = 2
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
        again: int = AGAIN,
    ) -> None:
        """`turns` is how many are played at once; `tell` is called with each result as it comes,
        `begin` when a case is begun; `again` is how often what was inconclusive is played again."""
        self.configuration = ""
        """How the balancer was started, in the first case."""
        self._cases = cases
        self._game = game
        self._turns = turns
        self._tell = tell
        self._begin = begin
        self._more = again
        self._results: dict[str, asyncio.Future[Result]] = {}

    async def run(self) -> list[Result]:
        """Play all of them. Results come back in the order of the cases."""
        prepare(self._cases, self._game.balancer)
        loop = asyncio.get_running_loop()
        self._results = {case.id: loop.create_future() for case in self._cases}
        together = [case for case in self._cases if not case.scenario.alone]
        async with asyncio.TaskGroup() as group:
            for case in together:
                group.create_task(self._settle(case))
        unclear: list[tuple[Case, Result]] = []
        for case in together:
            result = self._results[case.id].result()
            if result.verdict is Verdict.INCONCLUSIVE:
                unclear.append((case, result))
        for case in self._cases:
            if case.scenario.alone:
                await self._settle(case)
                result = self._results[case.id].result()
                if result.verdict is Verdict.INCONCLUSIVE:
                    unclear.append((case, result))
        final = {name: future.result() for name, future in self._results.items()}
        for case, _ in unclear:
            final[case.id] = await self._again(case)
            self._tell(final[case.id])
        return [final[case.id] for case in self._cases]

    async def _settle(self, case: Case) -> None:
        future = self._results[case.id]
        try:
            result = await self._result(case)
        except BaseException:
            future.cancel()
            raise
        future.set_result(result)
        if result.verdict is not Verdict.INCONCLUSIVE:
            self._tell(result)

    async def _result(self, case: Case) -> Result:
        balancer = self._game.balancer
        if missing := unclaimed(case, balancer):
            return unplayed(case, balancer, Verdict.SKIPPED, f"not claimed: {', '.join(missing)}")
        for before in self._stands_on(case):
            result = await asyncio.shield(self._results[before])
            if not result.passed:
                reason = f"it stands on {before}, whose verdict is {result.verdict.value}"
                return unplayed(case, balancer, Verdict.BLOCKED, reason)
        async with self._turns:
            return await self._play(case)

    def _stands_on(self, case: Case) -> Iterable[str]:
        """The cases that must pass before, of those that are played: of a scenario, that of the
        same variant if it has one."""
        for wanted in case.scenario.after:
            # What is played alone comes last, so nothing else can wait for it.
            same = f"{wanted}.{case.variant}"
            if wanted in self._results:
                yield wanted
            elif same in self._results:
                yield same
            elif not any(each.id == same for each in self._cases):
                yield from (name for name in self._results if name.startswith(f"{wanted}."))

    async def _again(self, case: Case) -> Result:
        result = self._results[case.id].result()
        for plays in range(2, self._more + 2):
            result = msgspec.structs.replace(await self._play(case), plays=plays)
            if result.verdict is not Verdict.INCONCLUSIVE:
                break
        return result

    async def _play(self, case: Case) -> Result:
        self._begin(case)
        played: Played = await play(case, self._game)
        self.configuration = self.configuration or played.configuration
        return played.result
