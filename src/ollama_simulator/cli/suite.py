"""The program `load_balancer_test`, which judges a balancer.

It must not import the other programs.
"""

from pathlib import Path
from typing import Annotated

import typer

from ollama_simulator.cli import judged
from ollama_simulator.cli.compare import compare
from ollama_simulator.cli.kills import kills
from ollama_simulator.cli.load import load
from ollama_simulator.cli.policies import policies
from ollama_simulator.cli.program import INTERRUPTED, VERSION, Command, Examples, among, start_flat
from ollama_simulator.cli.results import results
from ollama_simulator.terminal import environment, run, say, wrong

SUB_COMMANDS: tuple[Command, ...] = (compare, kills, load, policies, results)

AT_ONCE = 6
"""Cases that are played at once where each has a balancer and ports of its own: they wait more
than they work."""


CASES = "What is played"
JUDGED = "What is judged"
REPORTS = "Reports"
PACE = "Seed and pace"

EXAMPLES: Examples = (
    ("The fifteen of the seed, against the reference balancer", "load_balancer_test"),
    ("The same, against yours", "load_balancer_test --balancer ./my_balancer"),
    (
        "Every case that a product claims to pass, and a report",
        "load_balancer_test --balancer nginx --html report.html",
    ),
    ("What a failure looks like", "load_balancer_test --flaw drops-query"),
    ("What there is to play", "load_balancer_test --list"),
)


def main() -> None:
    """Run `load_balancer_test`."""
    start_flat(suite, SUB_COMMANDS, EXAMPLES)


def _first_words() -> list[str]:
    """What may stand there: sub-commands, groups, scenarios, cases."""
    from ollama_simulator.conformance import scenario

    cases = [case.id for case in scenario.known()]
    parts = {".".join(each.split(".")[:n]) for each in cases for n in (1, 2)}
    return [*(each.__name__ for each in SUB_COMMANDS), *sorted(parts | set(cases))]


def _flaws() -> list[str]:
    from ollama_simulator.conformance.flaws import flaw

    return list(flaw.known())


def suite(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CASE",
            autocompletion=among(_first_words),
            help="A case, a scenario with all its variants, or a group: "
            "stream.comments.openai-id, stream.comments, stream. --list shows them.",
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="All cases. Without it, and without a CASE or -k, the fifteen of the seed are "
            "played against the reference balancer or a PATH, and all against others.",
            rich_help_panel=CASES,
        ),
    ] = False,
    words: Annotated[
        str,
        typer.Option(
            "-k",
            metavar="WORDS",
            help="Only cases whose id has all these words.",
            rich_help_panel=CASES,
        ),
    ] = "",
    level: Annotated[
        str,
        typer.Option(
            metavar="LEVEL",
            help="Only cases of this level or above: MUST, SHOULD or TELL.",
            rich_help_panel=CASES,
        ),
    ] = "TELL",
    listing: Annotated[
        bool,
        typer.Option(
            "--list",
            help="Show the cases, and what is no case and why, and end.",
            rich_help_panel=CASES,
        ),
    ] = False,
    balancer: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|NAME",
            help="A program with the command line --timeout=SECONDS --server=URL=NAME ... that "
            "listens on 11434; or an adapter, such as nginx or haproxy:exclusive. Without it the "
            "embedded reference balancer is judged.",
            rich_help_panel=JUDGED,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A balancer that is running already, set up for servers on ports 11501 to 11503. "
            "The suite starts these servers itself, so a simulator of yours must be stopped; the "
            "balancer is neither started nor stopped.",
            rich_help_panel=JUDGED,
        ),
    ] = None,
    flaw: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=among(_flaws),
            help="Give the reference balancer a flaw, to see what the suite says of it.",
            rich_help_panel=JUDGED,
        ),
    ] = None,
    program: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Where the program of an adapter is, if not in PATH.",
            rich_help_panel=JUDGED,
        ),
    ] = None,
    programs: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="A folder of virtual environments, or of npm's folders, in which adapters look "
            "for their programs; may be given several times.",
            rich_help_panel=JUDGED,
        ),
    ] = None,
    claim: Annotated[
        str,
        typer.Option(
            metavar="FEATURE,...",
            help="What a PATH or URL claims to do, beside passing requests on; -FEATURE takes a "
            "claim back. --list-features shows them.",
            rich_help_panel=JUDGED,
        ),
    ] = "",
    list_features: Annotated[
        bool,
        typer.Option(
            "--list-features",
            help="Show what a balancer can claim, and end.",
            rich_help_panel=JUDGED,
        ),
    ] = False,
    load_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--load",
            metavar="FILE.py",
            help="A file with scenarios, flaws, balancers or reporters of your own.",
            rich_help_panel=JUDGED,
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="A SHOULD that fails counts like a MUST.", rich_help_panel=CASES
        ),
    ] = False,
    repeat: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Judge so many times, and say whether each time all verdicts were the same.",
            rich_help_panel=CASES,
        ),
    ] = 1,
    seed: Annotated[
        int,
        typer.Option(metavar="N", help="Makes prompts, texts and chances.", rich_help_panel=PACE),
    ] = 0,
    timeout_scale: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Wait so many times as long as usual, and let balancers "
            "wait so, for slow machines.",
            rich_help_panel=PACE,
        ),
    ] = 1.0,
    jobs: Annotated[
        int,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            min=1,
            help="At most so many cases at once.",
            rich_help_panel=PACE,
        ),
    ] = AT_ONCE,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the report as JSON, too.", rich_help_panel=REPORTS
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it as JUnit XML, too.", rich_help_panel=REPORTS),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write it as an HTML page, too.", rich_help_panel=REPORTS
        ),
    ] = None,
    report: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="Write it by any reporter, too; may be given several times.",
            rich_help_panel=REPORTS,
        ),
    ] = None,
    version: Annotated[bool, VERSION] = False,
) -> None:
    """Start a balancer in front of simulated servers, play scenarios, and judge it.

    Exit status: 0 no MUST failed, 1 some failed (with --strict also for a SHOULD), 2 the
    environment is broken, or what counts could not be judged.
    """
    from ollama_simulator.conformance import feature, outside, scenario
    from ollama_simulator.conformance.report import Level
    from ollama_simulator.conformance.select import SEED_GROUP, NothingSelected, selected
    from ollama_simulator.mistakes import instead

    for path in load_file or ():
        try:
            outside.load(path)
        except outside.BadFile as bad:
            wrong(f"--load: {bad}")
    if list_features:
        say("\n".join(f"{each.value:16} {each.meaning}" for each in feature.Feature))
        return
    if level.upper() not in (names := [each.value for each in Level]):
        wrong(f"--level: {level!r} is none; there are {', '.join(names)}")
    if flaw is not None and flaw not in (flaws := _flaws()):
        wrong(f"--flaw: there is no flaw {flaw!r}; {instead(flaw, flaws)}")
    if flaw is not None and (balancer is not None or url is not None):
        wrong("--flaw is for the reference balancer; it can't be used with --balancer or --url")
    if balancer is not None and url is not None:
        wrong("--url is for a balancer that runs already; it can't be used with --balancer")
    if not 1 <= timeout_scale <= 100:
        # With shorter waits than usual a sound balancer would be late.
        wrong(f"--timeout-scale: it must be 1 to 100, not {timeout_scale:g}")
    outputs = judged.outputs_of({"json": json, "junit": junit, "html": html}, report or [])
    try:
        # Without a word on what to play, the seed's command line stands for the seed's fifteen.
        unsaid = not (ids or words or everything or listing)
        fifteen = unsaid and judged.seedlike(balancer, url)
        with environment():
            subject = judged.balancer_of(
                balancer, url, flaw, program, programs or [], claim, fifteen
            )
        chosen = [SEED_GROUP] if fifteen else ids or []
        cases = selected(scenario.known(), chosen, words, Level(level.upper()))
    except NothingSelected as nothing:
        wrong(str(nothing))
    if listing:
        judged.show(cases)
        return
    status = 0
    try:
        with environment():
            plan = judged.plan_of(subject, cases, seed, timeout_scale, jobs)
            reports = [run(judged.judge(plan, fifteen, bool(ids))) for _ in range(repeat)]
            status = judged.status_of(reports, strict)
            for name, path in outputs:
                judged.write(name, path, reports[-1])
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(status)
