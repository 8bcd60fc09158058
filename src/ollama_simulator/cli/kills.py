"""The sub-command `kills` of `load_balancer_test`: the kill matrix.

It must not import the programs.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator.cli import judged
from ollama_simulator.cli.program import INTERRUPTED
from ollama_simulator.clock import WallClock
from ollama_simulator.terminal import environment, run, say, wrong

AT_ONCE = 6


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
) -> None:
    """Play cases against the sound reference balancer, which must pass, and against its flaws.

    Exit status: 0 every case passes the sound balancer and fails each flaw that it names, 1 it
    doesn't, 2 wrong options.
    """
    from ollama_simulator.conformance import kills as matrix
    from ollama_simulator.conformance import outside, scenario
    from ollama_simulator.conformance.flaws import flaw as flaws
    from ollama_simulator.conformance.report import Result
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
    if markdown is not None and (wrongs := judged.unwritable(markdown)):
        wrong(wrongs)
    named = matrix.named(cases)
    if unknown := sorted(named.keys() - {matrix.SOUND, *flaws.known()}):
        wrong(f"{named[unknown[0]][0].id} names the flaw {unknown[0]!r}, and there is none")
    cells = matrix.full(cases, flaws.known()) if full else named
    if flaw:
        cells = {name: cells.get(name, []) for name in (matrix.SOUND, *flaw)}
    count = sum(map(len, cells.values()))
    say(f"{count} cells: {len(cases)} cases, {len(cells) - 1} flaws")
    done: Counter[str] = Counter()

    def tell(name: str, result: Result) -> None:
        done[result.verdict.value] += 1
        if sum(done.values()) % 100 == 0:
            told = ", ".join(f"{number} {verdict}" for verdict, number in sorted(done.items()))
            say(f"{sum(done.values())} of {count}: {told}")

    async def play() -> matrix.Matrix:
        async with Steadiness(WallClock()).watching() as steadiness:
            return await matrix.play(cells, steadiness, jobs, seed=seed, tell=tell)

    try:
        with environment():
            played = run(judged.in_order(play()))
            if markdown is not None:
                markdown.write_text(matrix.page(played, cases, flaws.known()), encoding="utf-8")
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    complaints = matrix.complaints(played, cases)
    for each in complaints:
        say(each)
    say(f"{len(played)} cells played, {len(complaints)} not as they must be")
    raise typer.Exit(1 if complaints else 0)
