"""The report as one HTML file: no request to any host, light and dark, a picture of both journals
for each case that did not pass.

It must not import the player.
"""

from jinja2 import Environment

from ollama_simulator.conformance import picture
from ollama_simulator.conformance.report import Level, Report, Result
from ollama_simulator.conformance.reporters import markdown, words
from ollama_simulator.conformance.reporters.reporter import reporter

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f3f5f7; --line: #d5dae0;
  --good: #1a7f37; --bad: #c62828; --warn: #9a6700; --dim: #5d6773; --bar: #4c7dbf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --paper: #14171a; --soft: #1e2327;
  --line: #363d44; --good: #4cc16d; --bad: #ff7b72; --warn: #e3b341; --dim: #9aa5b1;
  --bar: #6ea3e6; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left; }
pre { background: var(--soft); padding: .6rem; overflow-x: auto; font-size: .8rem; }
details { border: 1px solid var(--line); border-radius: 4px; margin: .25rem 0;
  padding: .25rem .6rem; }
summary { cursor: pointer; } .dim { color: var(--dim); }
.pass, .yes { color: var(--good); } .fail, .error { color: var(--bad); }
.warn, .inconclusive, .vacuous { color: var(--warn); }
.skipped, .blocked, .no { color: var(--dim); }
.advice { border-left: 3px solid var(--warn); padding-left: .6rem; }
svg { width: 100%; height: auto; } .lane { fill: var(--soft); } .bar { fill: var(--bar); }
.name, .time { fill: var(--dim); font: 11px system-ui, sans-serif; } .tick { stroke: var(--line); }
.struck { fill: var(--bad); } .left { fill: var(--warn); }
.failed { stroke: var(--bad); stroke-dasharray: 4 3; }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ subject }}</title>
<style>{{ style }}</style>
</head>
<body>
<h1>{{ subject }}</h1>
<p>Judged on {{ report.date }} by load_balancer_test {{ report.suite }}, seed {{ report.seed }},
Python {{ report.python }}, {{ report.platform }}, in {{ '%.0f' % report.seconds }} s.
{% if report.subject.home %}It comes from {{ report.subject.home }}.{% endif %}</p>
<table>
<tr><th></th>{% for name in names %}<th>{{ name }}</th>{% endfor %}</tr>
{% for level, counts in table %}<tr><th>{{ level }}</th>{% for count in counts %}<td>{{ count or ''
}}</td>{% endfor %}</tr>
{% endfor %}</table>
{% if report.subject.configuration %}<details><summary>How it was started</summary>
<pre>{{ report.subject.configuration }}</pre></details>{% endif %}
{% for group, results in groups %}
<h2>{{ group }}</h2>
{% for each in results %}
<details id="{{ anchor(each.id) }}"{% if each.verdict.value == 'fail' and each.level.value == 'MUST'
%} open{% endif %}>
<summary><span class="{{ kind(each) }}">{{ word(each) }}</span> <code>{{ each.id }}</code>
<span class="dim">{{ each.level.value }}
{%- if each.plays %}, {{ '%.1f' % each.seconds }} s{% endif %}
{%- if figures(each) %}, {{ figures(each) }}{% endif %}</span></summary>
<p>{{ each.claim }}</p>
{% if not each.passed %}<ul>{% for reason in reasons(each) %}<li>{{ reason }}</li>{% endfor %}</ul>
{% if each.advice %}<p class="advice">{{ each.advice }}</p>{% endif %}
{% if each.moments %}{{ picture(each) }}
<details><summary>Both journals</summary><pre>{{ lines(each) }}</pre></details>{% endif %}
{% else %}<p class="dim">{{ each.checks | length }} checks held.</p>{% endif %}
{% if each.evidence %}<p class="dim">Met in the world: {{ each.evidence | join(', ') }}</p>
{% endif %}</details>
{% endfor %}{% endfor %}
</body>
</html>
"""


@reporter("html")
def html(report: Report) -> str:
    """The whole page."""
    from markupsafe import Markup

    names = list(dict.fromkeys(words.word(each) for each in report.results))
    table = [
        (level.value, [_count(report, level, name) for name in names])
        for level in Level
        if any(each.level is level for each in report.results)
    ]
    groups = {each.group: [] for each in report.results}  # type: dict[str, list[Result]]
    for each in report.results:
        groups[each.group].append(each)
    page = Environment(autoescape=True).from_string(PAGE)
    return page.render(
        report=report,
        subject=words.subject(report),
        style=Markup(STYLE),
        names=names,
        table=table,
        groups=groups.items(),
        anchor=markdown.anchor,
        kind=kind,
        word=words.word,
        figures=words.figures,
        reasons=words.reasons,
        picture=lambda each: Markup(_picture(each)),
        lines=lambda each: "\n".join(words.time_line(each.moments)),
    )


def _count(report: Report, level: Level, name: str) -> int:
    return sum(each.level is level and words.word(each) == name for each in report.results)


def kind(result: Result) -> str:
    """The class of the style that shows a verdict."""
    return "warn" if words.mark(result) == "!" else words.word(result)


def _picture(result: Result) -> str:
    broken = result.broken
    return picture.svg(result.moments, broken[0].t if broken else None)
