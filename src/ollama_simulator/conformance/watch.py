"""What a person sees while cases are played: results as they come, and how long it will take.

Attached to a terminal there is a line at the bottom with the progress and the time left; anywhere
else there are plain lines only.

It must not import the player.
"""

import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ollama_simulator.conformance.report import Result, Verdict
from ollama_simulator.conformance.scenario import Case

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "red",
    Verdict.ERROR: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.VACUOUS: "yellow",
}


class Watch:
    """Shows results in the order of the cases, whatever ends first; those of cases that come when
    all others are done, when they come."""

    def __init__(
        self,
        cases: Sequence[Case],
        entry: Callable[[Result], str],
        say: Callable[[str], None],
        console: Console | None = None,
    ) -> None:
        """`entry` is how a result is shown; `say` prints where there is no terminal."""
        self._entry = entry
        self._say = say
        self._waiting = [case.id for case in cases if not case.scenario.alone]
        self._late = {case.id for case in cases if case.scenario.alone}
        self._told: dict[str, Result] = {}
        self._running: list[str] = []
        self._console = console or Console(highlight=False)
        self._progress: Progress | None = None
        if self._console.is_terminal:
            self._progress = Progress(
                BarColumn(30),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._progress.add_task("", total=len(cases))

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
            sys.stdout.flush()

    def begin(self, case: Case) -> None:
        """A case is begun."""
        self._running.append(case.id)
        self._describe()

    def tell(self, result: Result) -> None:
        """A result came. What was skipped is only counted."""
        self._told[result.id] = result
        if result.id in self._running:
            self._running.remove(result.id)
        if result.id in self._late:
            self._show(result)
        self._show_next()
        if self._progress is not None:
            self._progress.update(self._task, completed=len(self._told))
        self._describe()

    def postpone(self, case: Case) -> None:
        """A case is played again, or for the first time, when all others are done."""
        if case.id in self._running:
            self._running.remove(case.id)
        if case.id in self._waiting:
            self._waiting.remove(case.id)
            self._late.add(case.id)
        self._show_next()
        self._describe()

    def _show_next(self) -> None:
        while self._waiting and self._waiting[0] in self._told:
            self._show(self._told[self._waiting.pop(0)])

    def _show(self, result: Result) -> None:
        if result.verdict is Verdict.SKIPPED:
            return
        words = self._entry(result)
        if self._progress is None:
            self._say(words)
            return
        style = STYLES.get(result.verdict, "")
        head, _, rest = words.partition("\n")
        self._progress.console.print(head, style=style, markup=False, soft_wrap=True)
        if rest:
            self._progress.console.print(rest, markup=False, soft_wrap=True)

    def _describe(self) -> None:
        if self._progress is not None:
            words = self._running[0] if self._running else ""
            self._progress.update(self._task, description=words)
