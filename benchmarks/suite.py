"""Where the time of a run of the suite went, from its report.

    load_balancer_test --all --json report.json
    python benchmarks/suite.py report.json

tells how many cases were played at a time on average, which groups of cases took how long, and
which cases took longest: no run is shorter than its longest case.

It must not import anything of `tests`.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ollama_simulator.conformance.report import Report, Result
from ollama_simulator.conformance.reporters.json import BadReport, read

LONGEST = 10
"""Cases that are told of."""


def told(report: Report) -> list[str]:
    """The lines that are printed."""
    played = [result for result in report.results if result.plays]
    spent = sum(result.seconds for result in played)
    lines = [
        f"{len(played)} cases of {len(report.results)} played in {report.seconds:.1f} s; "
        f"together they took {spent:.1f} s: "
        f"{spent / report.seconds if report.seconds else 0:.1f} at a time on average",
        f"{sum(result.plays > 1 for result in played)} were played again",
        "",
        f"{'group':24} {'cases':>6} {'seconds':>8} {'share':>6} {'longest':>8}",
    ]
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in played:
        groups[result.group].append(result)
    for group, results in sorted(groups.items(), key=lambda pair: -_seconds(pair[1])):
        seconds = _seconds(results)
        longest = max(result.seconds for result in results)
        lines.append(
            f"{group:24} {len(results):6} {seconds:8.1f} {seconds / spent:6.1%} {longest:8.1f}"
        )
    lines += ["", f"{'longest cases':48} {'seconds':>8}"]
    by_time = sorted(played, key=lambda result: -result.seconds)
    lines += [f"{result.id:48} {result.seconds:8.1f}" for result in by_time[:LONGEST]]
    return lines


def _seconds(results: Sequence[Result]) -> float:
    return sum(result.seconds for result in results)


def main() -> None:
    """Read a report, and print where its time went."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("report", type=Path)
    try:
        report = read(options.parse_args().report)
    except BadReport as error:
        sys.exit(f"error: {error}")
    print("\n".join(told(report)))


if __name__ == "__main__":
    main()
