"""The documentation site has a page for everything, says what the code says, holds together."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from ollama_simulator.conformance import scenario
from ollama_simulator.conformance.flaws import flaw
from ollama_simulator.faults import fault
from ollama_simulator.faults.rule import Rule, complaint, plain, readable

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def loaded() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("site_script", ROOT / "scripts" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = loaded()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages, as they are laid out for the site."""
    folder = tmp_path_factory.mktemp("site") / "source"
    SITE.write(folder)
    return folder


@pytest.mark.parametrize("name", sorted(fault.known()))
def test_a_page_for_each_fault(source: Path, name: str) -> None:
    """With its docstring, each of its fields, and bodies that the control API takes."""
    page = (source / "docs" / "faults" / f"{name}.md").read_text(encoding="utf-8")
    kind = fault.known()[name]
    first = (kind.__doc__ or "").split("\n", maxsplit=1)[0]
    assert first in page
    for field in msgspec.structs.fields(kind):
        (row,) = re.findall(rf"^\| `{field.name}` \| (.*) \| (.*) \| .* \|$", page, re.MULTILINE)
        assert row[0]
        assert (row[1] == "required") == (field.required)
    behavior, rule = (json.loads(text) for text in re.findall(r"-d '(.*)'", page))
    read = msgspec.convert(behavior["behavior"], type=fault.any_fault())
    assert type(read) is kind
    meant: Rule = plain(msgspec.convert(rule, type=readable()))
    assert complaint(meant) is None
    listed = (source / "docs" / "faults" / "index.md").read_text(encoding="utf-8")
    assert f"[`{name}`]({name}.md)" in listed


def test_a_page_for_each_scenario(source: Path) -> None:
    """With its claim, its advice, its flaws and all of its cases."""
    flaws = flaw.known()
    for case in scenario.known():
        one = case.scenario
        page = (source / "docs" / "scenarios" / f"{one.id}.md").read_text(encoding="utf-8")
        assert one.claim in page
        assert one.advice in page
        assert f"- `{case.id}` ({case.level.name})" in page
        for name in case.killed_by:
            assert f"- `{name}`: {flaws[name]}" in page


BUILD = """
import runpy, sys, pathlib
site = runpy.run_path(sys.argv[1])
sys.exit(site["build"](*map(pathlib.Path, sys.argv[2:5]), "dummy"))
"""


def read(source: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Have Sphinx read all pages, in a process of its own, as it can't do so twice in one."""
    script = str(ROOT / "scripts" / "site.py")
    folders = map(str, (source, place / "out", place / "doctrees"))
    command = [sys.executable, "-c", BUILD, script, *folders]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


@pytest.mark.timeout(600)  # Sphinx takes long to begin where others work, too
def test_a_broken_link_is_an_error(tmp_path: Path) -> None:
    """So that to build the site, which takes a minute, can fail."""
    broken = tmp_path / "source"
    (broken / "docs").mkdir(parents=True)
    for link, status in (("here.md", 0), ("gone.md", 1)):
        index = f"# Index\n\n[{link}]({link})\n\n```{{toctree}}\nhere\n```\n"
        (broken / "docs" / "index.md").write_text(index, encoding="utf-8")
        (broken / "docs" / "here.md").write_text("# Here\n", encoding="utf-8")
        run = read(broken, tmp_path)
        assert bool(run.returncode) == bool(status), run.stderr
    assert "gone.md" in run.stderr


@pytest.mark.timeout(600)
def test_the_site_holds_together() -> None:
    """Every page is reached from another one, and every link leads somewhere."""
    script = str(ROOT / "scripts" / "site.py")
    command = [sys.executable, script, "--check"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    assert (run.returncode, run.stderr) == (0, "")


CODE = r"(\.\./)?(src|requirements|deploy)/"


def test_what_the_repository_has_is_in_the_site(source: Path) -> None:
    """The front page, the scripts and the reports, with links to the very place in a report; only
    what leads to code is no link."""
    for path in (ROOT / "README.md", ROOT / "scripts" / "README.md"):
        before, after = (
            path.read_text("utf-8"),
            (source / path.relative_to(ROOT)).read_text("utf-8"),
        )
        links = re.findall(r"\]\(([^)]*)\)", before)
        assert re.findall(r"\]\(([^)]*)\)", after) == [
            link for link in links if link != "docs" and not re.match(CODE, link)
        ]
    for path in (ROOT / "results").glob("*.md"):
        assert (source / "results" / path.name).is_file()
    links = re.findall(r'<a href="(.*?)\.html#(.*?)">', (source / "results/README.md").read_text())
    assert len(links) > 100
    for page, place in links:
        assert f'<a id="{place}"></a>' in (source / "results" / f"{page}.md").read_text("utf-8")


def test_links_lead_somewhere_in_a_clone() -> None:
    """Not in the site alone: whoever reads the repository's pages finds what they link to."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md"]
    for folder in ("docs", "examples", "scripts", "results"):
        pages += (path for path in (ROOT / folder).rglob("*.md") if ".venv" not in path.parts)
    dead, links = [], 0
    for page in pages:
        for link in re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", page.read_text("utf-8")):
            if "://" not in link:
                links += 1
                if not (page.parent / link).exists():
                    dead.append(f"{page.relative_to(ROOT)}: {link}")
    assert dead == []
    assert links > 300


def test_links_to_what_the_site_alone_has(source: Path) -> None:
    """The lists of faults and scenarios, where the repository has only guides to them."""
    index = (source / "docs" / "index.md").read_text(encoding="utf-8")
    assert "[Every fault](faults/index.md), [every scenario](scenarios/index.md)" in index
    tutorial = (source / "docs" / "tutorial.md").read_text(encoding="utf-8")
    assert "[Every fault](faults/index.md) works" in tutorial


def test_a_place_that_a_report_has_not(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text('### <a id="here"></a>Here\n', encoding="utf-8")
    path = tmp_path / "README.md"
    told = SITE._report(path, "[`n`](one.md#here)")
    assert told == '<a href="one.html#here">`n`</a>'
    with pytest.raises(SystemExit, match=r"README.md: there is no #there in one.md"):
        SITE._report(path, "[`n`](one.md#there)")


def test_what_would_ask_another_host_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="https://example.org">fine</a><script src="//example.org/x.js"></script>'
        '<link rel="stylesheet" href="https://example.org/x.css"><img src="own.png">',
        encoding="utf-8",
    )
    (tmp_path / "a.css").write_text("a { background: url(https://example.org/b) }", "utf-8")
    assert len(SITE.foreign(tmp_path)) == 3
