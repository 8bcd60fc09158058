"""Runs pytest as a user does who has the package installed: in a process of its own, in a folder of
the user's."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ollama_simulator import __version__

REPOSITORY = Path(__file__).parent.parent.parent
SOURCE = REPOSITORY / "src"
STRANGERS = ("locust", "schemathesis", "hypothesispytest", "faker")
"""Plugins of the environment that all our tests share, which users don't have. To load them takes
longer than all else in a session."""
OPTIONS = " ".join(f"-p no:{name}" for name in (*STRANGERS, "cacheprovider"))
"""Without them, and without files."""


@dataclass
class Case:
    """What a JUnit file says of a test."""

    outcome: str = "passed"
    """`passed`, `failure`, `error` or `skipped`; of several the worst."""
    message: str = ""
    text: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Session:
    """What became of a run."""

    status: int
    output: str
    cases: dict[str, Case]
    """By name, without the file's."""


def installed(folder: Path) -> Path:
    """A folder for PYTHONPATH that tells the package's entry points, as if it were installed."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    about = folder / f"{project['name']}-{__version__}.dist-info"
    about.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {__version__}\n"
    (about / "METADATA").write_text(head, "utf-8")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (about / "entry_points.txt").write_text("\n".join([*lines, ""]), "utf-8")
    return folder


def session(
    folder: Path,
    *arguments: str,
    site: Path,
    options: str = OPTIONS,
    variables: Mapping[str, str] | None = None,
) -> Session:
    """Run pytest in a folder. `site` is what `installed` made."""
    report = site / f"{folder.name}-{os.urandom(4).hex()}.xml"
    environment = {
        # Where CI is set, pytest writes longer lines.
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTEST_") and name not in ("CI", "BUILD_NUMBER")
        },
        "PYTHONPATH": os.pathsep.join(map(str, (site, SOURCE))),
        "PYTEST_ADDOPTS": options,
        "COLUMNS": "200",
        **(variables or {}),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    return Session(done.returncode, done.stdout, _cases(report))


def _cases(report: Path) -> dict[str, Case]:
    if not report.exists():
        return {}
    cases: dict[str, Case] = {}
    for element in ET.parse(report).iter("testcase"):
        case = cases.setdefault(element.get("name", ""), Case())
        for tag in ("skipped", "error", "failure"):
            for found in element.iter(tag):
                case.outcome = tag
                case.message = found.get("message", "")
                case.text += found.text or ""
        case.properties = {
            each.get("name", ""): each.get("value", "") for each in element.iter("property")
        }
    return cases
