"""The sub-command `results` of `load_balancer_test`: every balancer that is installed here, judged.

It must not import the programs.
"""

from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator.cli import judged
from ollama_simulator.cli.program import INTERRUPTED
from ollama_simulator.terminal import environment, run, say, wrong

AT_ONCE = 4
PREFACE = """# Balancers judged

Each row of the first table is a product in one configuration, started by its adapter in front of
simulated servers and judged by every case that it claims to be able to stand. What is told here is
what was observed, with the configuration that stands in the report: another configuration may do
otherwise, and a case that failed is a difference from a claim that one can disagree with, not a
sentence about a product's worth. Made by

```
load_balancer_test results results --programs companions
```
"""
MORE = {
    "by-hand.md": "How findings were reproduced by hand, with standard tools",
    "repeat.md": "Whether runs of the suite give the same verdicts",
    "kills.md": "Which flaws of the reference balancer fail the cases that look for them",
    "kills-full.md": "What every scenario says of every flaw",
}
"""Pages that stand beside the matrix, and are not made by this command."""


def results(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the reports go.")],
    balancer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this adapter, such as nginx or haproxy:untouched; may be "
            "given several times. The others' reports stay as they are.",
        ),
    ] = None,
    programs: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A folder in which adapters look for their programs."),
    ] = None,
    pages: Annotated[
        bool,
        typer.Option("--pages", help="Judge nobody; only make the pages anew from the reports."),
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Makes prompts, texts and chances.")] = 0,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", metavar="N", min=1, help="At most so many cases at once.")
    ] = AT_ONCE,
) -> None:
    """Judge every balancer that is installed here by all cases, one after the other.

    Writes DIR/NAME.json and DIR/NAME.md for each, and DIR/README.md with the matrix of all reports
    that are there. What is not installed is told, and how to install it. Exit status: 0 all that
    were asked for were judged, 2 one could not be.
    """
    from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment, known
    from ollama_simulator.conformance.player import first_of
    from ollama_simulator.net.kernel import PortTaken

    if not folder.is_dir():
        wrong(f"there is no folder {str(folder)!r}")
    names = balancer or [
        f"{name}:{variant}" if variant else name
        for name, adapter in known().items()
        for variant in ("", *adapter.variants)
        if variant not in adapter.aliases
    ]
    missing = 0
    try:
        with environment():
            for name in [] if pages else names:
                try:
                    run(_judge(name, folder, programs or [], seed, jobs))
                except (BrokenEnvironment, PortTaken) as broken:
                    say(f"{name}: {broken}")
                    missing += balancer is not None
                except BaseExceptionGroup as group:
                    if group.split((BrokenEnvironment, PortTaken))[1] is not None:
                        raise
                    say(f"{name}: {first_of(group)}")
                    missing += balancer is not None
            _pages(folder)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(2 if missing else 0)


async def _judge(name: str, folder: Path, programs: list[Path], seed: int, jobs: int) -> None:
    """Judge one, and write its report."""
    from ollama_simulator.conformance import scenario
    from ollama_simulator.conformance.matrix import file_name
    from ollama_simulator.conformance.report import lean
    from ollama_simulator.conformance.reporters.json import json
    from ollama_simulator.conformance.reporters.words import summary

    subject = judged.balancer_of(name, None, None, None, programs, "")
    plan = judged.plan_of(subject, scenario.known(), seed, 1.0, jobs)
    subject.version()  # what is not there is told before anything is played
    say(f"{name} ...")
    report = await judged.play(plan)
    (folder / f"{file_name(report)}.json").write_text(json(lean(report)), encoding="utf-8")
    say(f"{name}: {'; '.join(summary(report))}; {report.seconds:.0f} s")


def _pages(folder: Path) -> None:
    """Make the page of each report, and that of the matrix."""
    from ollama_simulator.conformance import matrix
    from ollama_simulator.conformance.reporters.json import BadReport, read
    from ollama_simulator.conformance.reporters.markdown import markdown

    try:
        reports = [read(path) for path in sorted(folder.glob("*.json"))]
    except BadReport as bad:
        wrong(str(bad))
    for report in reports:
        path = folder / f"{matrix.file_name(report)}.md"
        path.write_text(markdown(report), encoding="utf-8")
    there = [
        f"- {what}: [{name}]({name})\n" for name, what in MORE.items() if (folder / name).exists()
    ]
    more = "".join(["\nBeside it:\n\n", *there]) if there else ""
    text = f"{PREFACE}{more}\n{matrix.page(reports, matrix.anchored)}"
    (folder / "README.md").write_text(text, encoding="utf-8")
    say(f"{len(reports)} reports in {folder / 'README.md'}")
