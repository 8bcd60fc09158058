"""What `load_balancer_test` does with its options.

It must not import the programs.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ollama_simulator.net import kernel
from ollama_simulator.orderly import in_order
from ollama_simulator.terminal import say, wrong

if TYPE_CHECKING:
    from collections.abc import Callable

    from ollama_simulator.conformance.balancers.adapter import Balancer
    from ollama_simulator.conformance.judging import Plan
    from ollama_simulator.conformance.report import Report, Result
    from ollama_simulator.conformance.scenario import Case

CONTROL_PORT = 11500
SERVER_PORTS = (11501, 11502, 11503)
"""Where a balancer that is a program finds its servers."""
OURS = (
    f"the suite starts servers of its own on {SERVER_PORTS[0]} to {SERVER_PORTS[-1]}, with a "
    f"control API on {CONTROL_PORT}, so stop your simulator first"
)


def seedlike(balancer: str | None, url: str | None) -> bool:
    """Whether what is judged is taken to have the seed's contract: it has its command line."""
    from ollama_simulator.conformance.balancers.adapter import known

    return url is None and (balancer is None or balancer.partition(":")[0] not in known())


def balancer_of(
    words: str | None,
    url: str | None,
    flaw: str | None,
    program: str | None,
    programs: list[Path],
    claim: str,
    fifteen: bool = False,
) -> "Balancer":
    """What is to be judged. Who plays the `fifteen` has the seed's contract, unless a claim is
    taken back. Raises `BrokenEnvironment`."""
    from ollama_simulator.conformance import feature
    from ollama_simulator.conformance.balancers.choice import chosen
    from ollama_simulator.conformance.balancers.reference import Reference
    from ollama_simulator.conformance.balancers.url import Url

    if url is not None:
        if program is not None:
            wrong("--program is for adapters; what is at --url runs already")
        found: Balancer = Url(url)
    elif flaw is not None:
        found = Reference(flaw)
    else:
        found = chosen(Reference.name if words is None else words, program, programs)
    if fifteen:
        found.features |= feature.SEED
    given = [word.strip() for word in claim.split(",") if word.strip()]
    try:
        found.features |= feature.read(word for word in given if not word.startswith("-"))
        found.features -= feature.read(word[1:] for word in given if word.startswith("-"))
    except ValueError as error:
        wrong(f"--claim: {error}")
    if url is not None and feature.Feature.DRAINS in found.features:
        wrong("--claim: drains is about being told to end, and what is at --url is not ours to end")
    return found


def outputs_of(fixed: dict[str, Path | None], more: list[str]) -> list[tuple[str, Path]]:
    """Which reporters write where."""
    from ollama_simulator.conformance.reporters.reporter import known

    found = [(name, path) for name, path in fixed.items() if path is not None]
    for each in more:
        name, _, where = each.partition("=")
        if name not in known() or not where:
            there = ", ".join(known())
            wrong(f"--report: {each!r} is not of the form NAME=FILE; reporters are {there}")
        found.append((name, Path(where)))
    for _, path in found:
        if wrongs := unwritable(path):
            wrong(wrongs)
    return found


def unwritable(path: Path) -> str:
    """Why a file can't be written, which is better told before anything is played; empty if it
    can."""
    if path.is_dir():
        return f"{path}: it is a folder"
    if not path.parent.is_dir():
        return f"{path}: there is no folder {str(path.parent)!r}"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return f"{path}: it can't be written"
    return ""


def write(name: str, path: Path, report: "Report") -> None:
    """Write a report by a reporter."""
    from ollama_simulator.conformance.reporters.reporter import known

    try:
        path.write_text(known()[name](report), encoding="utf-8")
    except OSError as error:
        wrong(f"{path}: {error.strerror}")


def show(cases: "list[Case]") -> None:
    """Show the cases, those of the fifteen with their titles, and what is none."""
    from ollama_simulator.conformance import scenario

    wide = max(len(case.id) for case in cases)
    for case in cases:
        wants = sorted(feature.value for feature in case.needs | case.scenario.wants)
        needs = f"  [{', '.join(wants)}]" if wants else ""
        title = f"{case.scenario.name}: " if case.scenario.name else ""
        say(f"{case.id:<{wide}}  {case.level.value:<6}  {title}{case.scenario.claim}{needs}")
    say(f"\n{len(cases)} cases of {len({case.scenario.id for case in cases})} scenarios")
    if unfair := scenario.unfair():
        say("\nLooked at, and no case:")
        for name, reason in unfair.items():
            say(f"{name}: {reason}")


def plan_of(subject: "Balancer", cases: "list[Case]", seed: int, scale: float, jobs: int) -> "Plan":
    """How it is judged. Raises `PortTaken` if a port is not free where the balancer must listen,
    and `BrokenEnvironment` if it is one of the servers'."""
    from ollama_simulator.conformance.balancers.adapter import BrokenEnvironment
    from ollama_simulator.conformance.balancers.ports import EVERYWHERE
    from ollama_simulator.conformance.judging import Plan

    if not subject.fixed_servers:
        return Plan(subject, cases, seed, scale, jobs)
    for port in (*subject.takes, CONTROL_PORT, *SERVER_PORTS):
        for host in EVERYWHERE:
            try:
                kernel.listen(host, port).close()
            except kernel.PortTaken as taken:
                if port in subject.takes:
                    raise
                raise BrokenEnvironment(f"{taken}: {OURS}") from None
    return Plan(subject, cases, seed, scale, 1, SERVER_PORTS, CONTROL_PORT)


def status_of(reports: "list[Report]", strict: bool) -> int:
    """The exit status of one or several runs. Verdicts that differ are a failure of ours."""
    from ollama_simulator.conformance import matrix
    from ollama_simulator.conformance.report import status

    worst = max((status(each, strict=strict) for each in reports), key=lambda one: (one == 1, one))
    if len(reports) > 1:
        other = matrix.differences(reports)
        if not other:
            say(f"{len(reports)} runs gave the same verdicts")
            return worst
        say(f"{len(reports)} runs did not give the same verdicts: {', '.join(other)}")
        return worst or 2
    return worst


def unclaimed(report: "Report", cases: "list[Case]") -> str:
    """How what was skipped as it is not claimed would be judged; empty if nothing was."""
    from ollama_simulator.conformance import feature

    skipped = {each.id for each in report.results if each.verdict.value == "skipped"}
    claimed = {feature.Feature(word) for word in report.subject.features}
    missing = {
        one for case in cases if case.id in skipped for one in case.needs if one not in claimed
    }
    if not missing:
        return ""
    bundles = (word for word, several in feature.BUNDLES.items() if missing == several - claimed)
    words = next(bundles, ",".join(sorted(each.value for each in missing)))
    return (
        f"A balancer is judged only by what it claims. --claim {words} has those played that were "
        "skipped; --list-features says what it means."
    )


async def play(plan: "Plan") -> "Report":
    """Play the cases of a plan, and show nothing."""
    from ollama_simulator.conformance import judging

    return await in_order(judging.judge(plan, lambda result: None))


async def judge(plan: "Plan", fifteen: bool, by_name: bool = False) -> "Report":
    """Play the cases of a plan and show how it goes; the `fifteen` in the seed's form. Who asked
    for cases `by_name` is told how to have them all played."""
    from ollama_simulator.conformance.reporters import console, seed

    if fifteen:
        say(f"{seed.BANNER}\n")
    # Whoever ends it wants the cursor back, too.
    report = await in_order(_watched(plan, seed.line if fifteen else console.entry))
    if fifteen:
        say(f"\n{seed.summary(report.results, report.seconds)}")
    else:
        say(f"\n{console.ending(report)}")
    if by_name and (words := unclaimed(report, list(plan.cases))):
        say(f"\n{words}")
    return report


async def _watched(plan: "Plan", entry: "Callable[[Result], str]") -> "Report":
    from ollama_simulator.conformance import judging
    from ollama_simulator.conformance.watch import Watch

    with Watch(plan.cases, entry, say) as watch:
        return await judging.judge(plan, watch.tell, watch.begin, watch.postpone)
