"""The sub-command `kills` of `load_balancer_test`: the kill matrix.

It must not import the programs.
"""

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ollama_simulator.cli import judged
from ollama_simulator.cli.program import INTERRUPTED
from ollama_simulator.clock import WallClock
from ollama_simulator.orderly import in_order
from ollama_simulator.terminal import environment, run, say, wrong

if TYPE_CHECKING:
    from ollama_simulator.conformance.kept import Kept
    from ollama_simulator.conformance.kills import Rows
    from ollama_simulator.conformance.report import Result

AT_ONCE = 6
SAID_EACH = 100
"""After how many cells it is told how far it is."""


def kills(
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Every flaw against every scenario (one case of each: the first that names the "
            "flaw, else the first), not only against the cases that name it. It takes long.",
        ),
    ] = False,
    words: Annotated[
        str, typer.Option("-k", metavar="WORDS", help="Only cases whose id has all these words.")
    ] = "",
    flaw: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this flaw; may be given several times."),
    ] = None,
    load: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.py", help="A file with scenarios and flaws of your own."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Makes prompts, texts and chances.")] = 0,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", metavar="N", min=1, help="At most so many at once.")
    ] = AT_ONCE,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the matrix as Markdown.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep what was played in this file, as it comes; flaws that it holds already are "
            "not played again.",
        ),
    ] = None,
    pages: Annotated[
        bool,
        typer.Option("--pages", help="Play nothing; only write --markdown from what --keep holds."),
    ] = False,
) -> None:
    """Play cases against the sound reference balancer, which must pass, and against its flaws.

    Exit status: 0 every case passes the sound balancer and fails each flaw that it names, 1 it
    doesn't, 2 wrong options.
    """
    from ollama_simulator.conformance import kept, outside, scenario
    from ollama_simulator.conformance import kills as matrix
    from ollama_simulator.conformance.flaws import flaw as flaws
    from ollama_simulator.conformance.select import NothingSelected, selected
    from ollama_simulator.conformance.steadiness import Steadiness

    for path in load or ():
        try:
            outside.load(path)
        except outside.BadFile as bad:
            wrong(f"--load: {bad}")
    for name in flaw or ():
        if name not in flaws.known():
            wrong(f"--flaw: there is no flaw {name!r}; there are {', '.join(flaws.known())}")
    try:
        cases = selected(scenario.known(), words=words)
    except NothingSelected as nothing:
        wrong(str(nothing))
    for path in filter(None, (markdown, keep)):
        if wrongs := judged.unwritable(path):
            wrong(wrongs)
    if pages and (keep is None or markdown is None):
        wrong("--pages makes the page of --markdown from what --keep holds: both must be given")
    named = matrix.named(cases)
    if unknown := sorted(named.keys() - {matrix.SOUND, *flaws.known()}):
        wrong(f"{named[unknown[0]][0].id} names the flaw {unknown[0]!r}, and there is none")
    cells = matrix.full(cases, flaws.known()) if full else named
    if flaw:
        cells = {name: cells.get(name, []) for name in (matrix.SOUND, *flaw)}
    wanted = sum(map(len, cells.values()))
    say(f"{wanted} cells: {len(cases)} cases, {len(cells) - 1} flaws")
    try:
        with contextlib.ExitStack() as stack:
            file = None if keep is None else stack.enter_context(kept.Kept(keep, seed))
            already = matrix.fitting(file.rows if file is not None else {}, cells)
            if file is not None:
                say(f"{sum(map(len, already.values()))} of them are in {keep}")
            told = _Progress(file, sum(map(len, cells.values())), already)

            async def play() -> matrix.Matrix:
                async with Steadiness(WallClock()).watching() as steadiness:
                    return await matrix.play(
                        cells, steadiness, jobs, seed=seed, already=already, tell=told.tell
                    )

            with environment():
                played = matrix.of(already) if pages else run(in_order(play()))
                if markdown is not None:
                    page = matrix.page(played, wanted, flaws.known())
                    markdown.write_text(page, encoding="utf-8")
    except kept.BadRows as bad:
        wrong(f"--keep: {bad}")
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    complaints = matrix.complaints(played, cases)
    for each in complaints:
        say(each)
    say(f"{len(played)} cells played, {len(complaints)} not as they must be")
    raise typer.Exit(1 if complaints else 0)


class _Progress:
    """Tells how far it is, and keeps what was played."""

    def __init__(self, file: "Kept | None", count: int, already: "Rows") -> None:
        self._file = file
        self._count = count
        self._rows = dict(already)
        self._said = 0

    def tell(self, flaw: str, row: "Sequence[Result]") -> None:
        """A row was played."""
        self._rows[flaw] = row
        if self._file is not None:
            self._file.add(flaw, row)
        verdicts = Counter(each.verdict.value for row in self._rows.values() for each in row)
        if verdicts.total() >= self._said + SAID_EACH:
            self._said = verdicts.total()
            told = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
            say(f"{self._said} of {self._count}: {told}")
