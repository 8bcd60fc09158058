"""The sub-command `compare` of `load_balancer_test`: several reports side by side.

It must not import the programs.
"""

from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator.terminal import environment, say, wrong


def compare(
    reports: Annotated[
        list[Path], typer.Argument(metavar="REPORT.json...", help="Reports that --json wrote.")
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the matrix as an HTML page.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the matrix as Markdown.")
    ] = None,
    same: Annotated[
        bool, typer.Option("--same", help="Exit with 1 if any verdict is not the same in all.")
    ] = False,
) -> None:
    """Show several reports as a matrix, balancer by case.

    Exit status: 0, with --same 1 for verdicts that differ, 2 for a file that is no report.
    """
    from ollama_simulator.conformance import matrix
    from ollama_simulator.conformance.reporters.json import BadReport, read

    try:
        found = [read(path) for path in reports]
    except BadReport as bad:
        wrong(str(bad))
    with environment():
        if html is not None:
            html.write_text(matrix.html(found), encoding="utf-8")
        if markdown is not None:
            markdown.write_text(matrix.page(found), encoding="utf-8")
    if html is None and markdown is None:
        say(matrix.text(found).rstrip("\n"))
    differ = matrix.differences(found)
    if same and differ:
        say(f"\nnot the same: {', '.join(differ)}")
        raise typer.Exit(1)
