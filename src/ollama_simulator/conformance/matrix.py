"""Several reports side by side: balancer by case.

Rules of this file:

1. It is pure: the same reports give the same text.

It must not import the player.
"""

from collections.abc import Callable, Sequence

from jinja2 import Environment

from ollama_simulator.conformance.report import Report, Result
from ollama_simulator.conformance.reporters import html as single
from ollama_simulator.conformance.reporters import markdown, words

Link = Callable[[Report, Result], str]
"""Where the evidence of a case stands; empty for nowhere."""

LEGEND = (
    "`+` passed, `x` a MUST failed, `!` a SHOULD failed, `y` and `n` a TELL says yes or no, `-` "
    "not claimed, `/` stands on a case that did not pass, `?` inconclusive, `0` vacuous, `E` the "
    "suite went wrong, blank: not played"
)


def cases(reports: Sequence[Report]) -> list[str]:
    """The ids of all cases that any report has, in the order of the first that has them."""
    return list(dict.fromkeys(each.id for report in reports for each in report.results))


def differences(reports: Sequence[Report]) -> list[str]:
    """The ids of the cases whose verdicts are not the same in all reports."""
    found = [{each.id: each.verdict for each in report.results} for report in reports]
    return [name for name in cases(reports) if len({row.get(name) for row in found}) > 1]


def text(reports: Sequence[Report]) -> str:
    """The matrix in plain columns, each with a number, and what the numbers stand for."""
    lines = [f"{number:>3}  {_column(each)}" for number, each in enumerate(reports, 1)]
    rows = [{each.id: words.mark(each) for each in report.results} for report in reports]
    names = cases(reports)
    wide = max((len(name) for name in names), default=0)
    head = "".join(f"{number:>3}" for number in range(1, len(reports) + 1))
    lines += ["", f"{'':<{wide}}{head}"]
    for name in names:
        marks = "".join(f"{row.get(name, ''):>3}" for row in rows)
        lines.append(f"{name:<{wide}}{marks}".rstrip())
    return "\n".join([*lines, "", LEGEND.replace("`", "")]) + "\n"


def page(reports: Sequence[Report], link: Link = lambda report, result: "") -> str:
    """The matrix as a table in Markdown, in which each cell that failed links to its evidence."""
    lines = ["| Balancer | Version | Date | " + " | ".join(TOTALS) + " |"]
    lines.append("| --- " * (3 + len(TOTALS)) + "|")
    for report in reports:
        marks = [words.mark(each) for each in report.results]
        counts = " | ".join(str(sum(each in kinds for each in marks)) for kinds in TOTALS.values())
        name = report.subject.name + (
            f":{report.subject.variant}" if report.subject.variant else ""
        )
        version = report.subject.version
        lines.append(f"| {name} | {version} | {report.date[:10]} | {counts} |")
    lines += ["", LEGEND + ".", ""]
    rows = [{each.id: each for each in report.results} for report in reports]
    lines.append("| Case | " + " | ".join(_column(each) for each in reports) + " |")
    lines.append("| --- " * (1 + len(reports)) + "|")
    for name in cases(reports):
        cells = [
            _cell(report, row[name], link) if name in row else ""
            for report, row in zip(reports, rows, strict=True)
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


TOTALS = {
    "passed": "+",
    "MUST failed": "x",
    "SHOULD failed": "!",
    "yes": "y",
    "no": "n",
    "not claimed": "-",
    "not judged": "/?0E",
}


def _column(report: Report) -> str:
    return words.subject(report)


def _cell(report: Report, result: Result, link: Link) -> str:
    mark = words.mark(result)
    where = "" if result.passed else link(report, result)
    return f"[`{mark}`]({where})" if where else f"`{mark}`"


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Balancers compared</title>
<style>{{ style }}
body { max-width: none; } thead th { vertical-align: bottom; } tbody th { font-weight: normal; }
tbody tr:hover { background: var(--soft); } td { text-align: center; }
</style>
</head>
<body>
<h1>Balancers compared</h1>
<table>
<thead><tr><th>Case</th>{% for name in columns %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for name, cells in rows %}<tr><th><code>{{ name }}</code></th>{% for each in cells %}<td
{%- if each %} class="{{ kind(each) }}" title="{{ title(each) }}"{% endif %}>{{ word(each) if each
}}</td>{% endfor %}</tr>
{% endfor %}</tbody>
</table>
</body>
</html>
"""


def html(reports: Sequence[Report]) -> str:
    """The matrix as one HTML file, which asks no other host for anything."""
    from markupsafe import Markup

    found = [{each.id: each for each in report.results} for report in reports]
    rows = [(name, [row.get(name) for row in found]) for name in cases(reports)]
    return (
        Environment(autoescape=True)
        .from_string(PAGE)
        .render(
            style=Markup(single.STYLE),
            columns=[_column(each) for each in reports],
            rows=rows,
            kind=single.kind,
            word=words.word,
            title=lambda each: "; ".join([each.claim, *([] if each.passed else each.reasons[:2])]),
        )
    )


def anchored(report: Report, result: Result) -> str:
    """Where a page beside the matrix, made by the Markdown reporter, has the evidence."""
    if result.verdict not in markdown.TOLD:
        return ""
    return f"{file_name(report)}.md#{markdown.anchor(result.id)}"


def file_name(report: Report) -> str:
    """What the files of a report are called."""
    return "-".join(filter(None, [report.subject.name, report.subject.variant]))
