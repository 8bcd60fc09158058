"""Builds the documentation site from the repository: `python scripts/site.py [FOLDER]`.

`--check` only says what is wrong, which takes a tenth of the time.

The guides are the files of `docs/`. A page for each fault, scenario and flaw is made from what the
code says of it. Nothing in the site asks another host for anything.

Rules of this file:

1. A broken link, a page that nobody reaches, an odd word of markup is an error.
2. It writes into its folder (`build/site`) alone.

Longer than 300 lines because all of it is words about the same few things.
"""

import argparse
import ast
import inspect
import json
import re
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ollama_simulator import __version__
from ollama_simulator.conformance import scenario
from ollama_simulator.conformance.flaws import flaw
from ollama_simulator.conformance.scenario import Scenario
from ollama_simulator.control import catalogue
from ollama_simulator.faults import fault
from ollama_simulator.faults.fault import Fault

ROOT = Path(__file__).resolve().parent.parent
CACHES = shutil.ignore_patterns("__pycache__", ".*")
FILES = ("README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "scripts/README.md")
"""What is in the site beside the folders `benchmarks`, `docs`, `examples` and `results`."""
OUT = r"\[([^\]]*)\]\((?:\.\./)*(?:(?:src|requirements|deploy)/[^)]*|docs|compose\.yaml)\)"
"""Links that lead out of the site: to code and configurations, and to a folder as a whole."""
INTO = r"\[([^\]]*)\]\(([\w.-]+)\.md#([\w.-]+)\)"
"""A link into a report, whose places are marked in HTML."""
MADE = (
    (r"\[([Ee]very fault)\]\(faults\.md\)", r"[\1](faults/index.md)"),
    (r"\[([Ee]very scenario)\]\(suite\.md\)", r"[\1](scenarios/index.md)"),
)
"""Links of the guides that lead to pages which the site alone has. In the repository, where there
are no such pages, they lead to the guide that comes nearest."""
LEVELS = {
    "MUST": "Failing it fails a run.",
    "SHOULD": "Failing it is told, and fails a run with `--strict`.",
    "TELL": "It only says what is so.",
}


def main() -> None:
    """Build the site."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--check", action="store_true", help="Only say what is wrong.")
    options = parser.parse_args()
    folder: Path = options.folder
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "source"
        write(source)
        if options.check:
            sys.exit(build(source, Path(place) / "out", Path(place) / "doctrees", "dummy"))
        status = build(source, folder, Path(place) / "doctrees")
    if status:
        sys.exit(status)
    if strangers := foreign(folder):
        sys.exit("other hosts would be asked for something:\n" + "\n".join(strangers))
    print(f"{folder / 'index.html'}")


def write(source: Path) -> None:
    """Lay out the pages of the site, as the repository has them and as the code tells them."""
    shutil.copytree(ROOT / "docs", source / "docs")
    for name in ("benchmarks", "examples"):
        shutil.copytree(ROOT / name, source / name, ignore=CACHES)
    shutil.copytree(ROOT / "results", source / "results", ignore=shutil.ignore_patterns("*.json"))
    for name in FILES:
        (source / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    for path in source.rglob("*.md"):
        text = re.sub(OUT, r"\1", path.read_text("utf-8"))
        if path.parent == source / "docs":
            for guide, page in MADE:
                text = re.sub(guide, page, text)
        if path.parent.name == "results":
            text = _report(path, text)
        path.write_text(text, encoding="utf-8")
    pages = {**fault_pages(), **scenario_pages()}
    for name, text in pages.items():
        path = source / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _report(path: Path, text: str) -> str:
    """A report in which links to places of reports lead there: the same place is in many of them,
    so that Sphinx can't tell whose is meant. A link that leads nowhere is an error."""
    for _, page, place in re.findall(INTO, text):
        if f'<a id="{place}"></a>' not in (path.parent / f"{page}.md").read_text("utf-8"):
            sys.exit(f"{path.name}: there is no #{place} in {page}.md")
    return re.sub(INTO, r'<a href="\2.html#\3">\1</a>', text)


def foreign(folder: Path) -> list[str]:
    """What a browser that shows the site would ask other hosts for."""
    asks = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>"""
        r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//[^>]*>|url\(["']?(?:https?:)?//[^)]*\)"""
    )
    return [
        f"{path.relative_to(folder)}: {found.group()}"
        for kind in ("*.html", "*.css")
        for path in sorted(folder.rglob(kind))
        for found in asks.finditer(path.read_text(encoding="utf-8"))
    ]


def build(source: Path, folder: Path, doctrees: Path, builder: str = "html") -> int:
    """Let Sphinx make something of the pages. Returns its exit status."""
    from sphinx.application import Sphinx

    settings = {
        "project": "ollama_simulator",
        "version": __version__,
        "release": __version__,
        "copyright": "the authors of ollama_simulator",
        "extensions": ["myst_parser", "sphinx.ext.autodoc"],
        "root_doc": "docs/index",
        "default_role": "code",
        "myst_heading_anchors": 4,
        "html_theme": "furo",
        "html_title": f"ollama_simulator {__version__}",
        "html_show_sphinx": False,
        "html_copy_source": False,
        "autodoc_member_order": "bysource",
        "autodoc_typehints": "signature",
        "nitpicky": False,
        # Code blocks of a terminal's words have no language, and are none.
        "highlight_language": "none",
        "suppress_warnings": ["misc.highlighting_failure"],
    }
    shutil.rmtree(folder, ignore_errors=True)
    application = Sphinx(
        srcdir=source,
        confdir=None,
        outdir=folder,
        doctreedir=doctrees,
        buildername=builder,
        confoverrides=settings,
        status=None,
        warning=sys.stderr,
        warningiserror=True,
        freshenv=True,
    )
    application.build()
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>ollama_simulator</title>'
        '<meta http-equiv="refresh" content="0; url=docs/index.html"></head>'
        '<body><a href="docs/index.html">ollama_simulator</a></body></html>\n',
        encoding="utf-8",
    )
    return application.statuscode


# --- faults -------------------------------------------------------------------------------


def fault_pages() -> dict[str, str]:
    """A page for each fault, and one that lists them."""
    known = fault.known()
    pages = {f"faults/{name}.md": _fault(name, kind) for name, kind in known.items()}
    rows = "\n".join(
        f"| [`{name}`]({name}.md) | {_first_sentence(kind)} |" for name, kind in known.items()
    )
    pages["faults/index.md"] = (
        "# Every fault\n\n"
        "Each works on every endpoint, streaming or not. Set one as a behaviour, by a rule, or for "
        "one request by its header; [the guide](../faults.md) says how.\n\n"
        f"| Fault | What it does |\n| --- | --- |\n{rows}\n\n{_toctree(known)}"
    )
    return pages


def _fault(name: str, kind: type[Fault]) -> str:
    example = catalogue.example(kind)
    fields = list(_fields(kind))
    lines = [f"# {name}", "", _text(kind), ""]
    if kind.at_the_door():
        lines += ["It works by the server's door, before there is a request.", ""]
    if fields:
        lines += ["| Field | Type | Default | |", "| --- | --- | --- | --- |"]
        for field, types, default, told in fields:
            words = "required" if default is msgspec.NODEFAULT else f"`{_plain(default)}`"
            lines.append(f"| `{field}` | {types} | {words} | {told} |")
        lines.append("")
    body = json.dumps({"port": {"all": True}, "behavior": example})
    rule = json.dumps({"fault": example, "ttl": 60})
    lines += [
        "As the behaviour of every server, or as a rule of one that ends by itself:",
        "",
        "```bash",
        f"curl -X POST http://127.0.0.1:11500/behavior -d '{body}'",
        f"curl -X POST http://127.0.0.1:11500/servers/s1/rules -d '{rule}'",
        "```",
        "",
        "Its JSON Schema:",
        "",
        "```json",
        json.dumps(_schema(kind), indent=2),
        "```",
        "",
    ]
    return "\n".join(lines)


def _fields(kind: type[Fault]) -> Iterator[tuple[str, str, Any, str]]:
    """Name, type, default and sentence of each field."""
    told = _told(kind)
    properties = _schema(kind)["properties"]
    for field in msgspec.structs.fields(kind):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        schema = properties[field.encode_name]
        words = told.get(field.name) or schema.get("description", "")
        yield field.name, _type(schema), default, words.replace("\n", " ")


def _schema(kind: type[Fault]) -> dict[str, Any]:
    (_,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    found: dict[str, Any] = components[kind.__name__]
    return found


def _told(kind: type[Fault]) -> dict[str, str]:
    """The strings under the fields of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[before.target.id] = inspect.cleandoc(after.value.value)
    return found


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema or "anyOf" in schema:
        refs = {each.get("type", "object") for each in schema.get("anyOf", [{}])}
        return " or ".join(sorted(refs))
    words = schema.get("type", "any")
    if "enum" in schema:
        words = " or ".join(f"`{each}`" for each in schema["enum"])
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        words += f" from {low:g} to {high:g}"
    elif low is not None:
        words += f", at least {low:g}"
    return str(words)


def _plain(default: Any) -> str:
    if default is msgspec.UNSET:
        return "not set"
    return msgspec.json.encode(default).decode()


# --- scenarios and flaws ------------------------------------------------------------------


def scenario_pages() -> dict[str, str]:
    """A page for each scenario, and one for each group of them; and one of all flaws."""
    cases = scenario.known()
    found: dict[str, list[Any]] = {}
    for case in cases:
        found.setdefault(case.scenario.id, []).append(case)
    groups: dict[str, list[Scenario]] = {}
    for of_one in found.values():
        one = of_one[0].scenario
        groups.setdefault(one.id.partition(".")[0], []).append(one)
    flaws = flaw.known()
    pages = {f"scenarios/{name}.md": _scenario(of_one, flaws) for name, of_one in found.items()}
    for group, members in groups.items():
        rows = "\n".join(
            f"| [`{each.id}`]({each.id}.md) | {each.level.name} | {each.claim} |"
            for each in members
        )
        pages[f"scenarios/{group}.md"] = (
            f"# {group}\n\n| Scenario | Level | Claim |\n| --- | --- | --- |\n{rows}\n\n"
            f"{_toctree(each.id for each in members)}"
        )
    pages["scenarios/index.md"] = (
        "# Every scenario\n\n"
        f"{len(cases)} cases of {len(found)} scenarios. [The suite](../suite.md) says how they are "
        "chosen and judged.\n\n" + _toctree([*groups, "flaws"], hidden=False)
    )
    rows = "\n".join(f"| `{name}` | {told} |" for name, told in flaws.items())
    pages["scenarios/flaws.md"] = (
        f"# Every flaw\n\n{FLAWS}\n\n| Flaw | What it does wrong |\n| --- | --- |\n{rows}\n"
    )
    return pages


FLAWS = (
    "What the reference balancer does wrong when it is told to (`--flaw NAME`): each scenario must "
    "fail those that it names, or it would prove nothing."
)


def _scenario(cases: list[Any], flaws: dict[str, str]) -> str:
    one: Scenario = cases[0].scenario
    lines = [f"# {one.id}", "", f"**{one.claim}**", ""]
    lines += [f"- Level: {one.level.name}. {LEVELS[one.level.name]}"]
    if one.needs:
        needs = ", ".join(sorted(f"`{each.name.lower().replace('_', '-')}`" for each in one.needs))
        lines.append(f"- Asked only of who claims {needs}.")
    if one.after:
        links = ", ".join(_case_link(each) for each in one.after)
        lines.append(f"- A pass means something only on top of {links}.")
    lines.append("")
    if words := inspect.getdoc(one.play):
        lines += [words, ""]
    if one.advice:
        lines += ["## Advice", "", one.advice, ""]
    if one.evidence:
        lines += ["## Evidence", "", *(f"- {_linked(each)}" for each in one.evidence), ""]
    kills = sorted(set().union(*(case.killed_by for case in cases)))
    lines += ["## Flaws that must fail it", ""]
    lines += [f"- `{name}`: {flaws[name]}" for name in kills]
    lines += ["", "## Cases", ""]
    lines += [f"- `{case.id}` ({case.level.name})" for case in cases]
    lines += ["", "```", f"load_balancer_test {one.id}", "```", ""]
    return "\n".join(lines)


def _case_link(name: str) -> str:
    known = {each.scenario.id for each in scenario.known()}
    while name not in known:
        name = name.rpartition(".")[0]
    return f"[`{name}`]({name}.md)"


def _linked(evidence: str) -> str:
    """Evidence, with a link to the thread if it names one."""
    return re.sub(
        r"\b([\w.-]+/[\w.-]+)#(\d+)", r"[\1#\2](https://github.com/\1/issues/\2)", evidence
    )


# --- words --------------------------------------------------------------------------------


def _text(kind: type[Fault]) -> str:
    return inspect.getdoc(kind) or ""


def _first_sentence(kind: type[Fault]) -> str:
    first = _text(kind).replace("\n", " ").partition(". ")[0]
    return first.rstrip(".") + "."


def _toctree(names: Any, *, hidden: bool = True) -> str:
    options = ":hidden:\n" if hidden else ":maxdepth: 1\n"
    return "```{toctree}\n" + options + "\n" + "\n".join(names) + "\n```\n"


if __name__ == "__main__":
    main()
