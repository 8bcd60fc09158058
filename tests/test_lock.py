"""The lock files hold what the project wants, each with hashes, and name no index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
NAMES = ("build", "run", "dev")
RENEW = "`.venv/bin/python scripts/pins.py lock` renews it"


def text(name: str) -> str:
    """A lock file."""
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def locked(name: str) -> dict[str, set[str]]:
    """Its packages, each with its versions: there may be several, for different Pythons."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text(name), re.MULTILINE):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


def wanted(name: str) -> list[Requirement]:
    """What the project says that must be in it."""
    if name == "build":
        words = PYPROJECT["build-system"]["requires"]
    else:
        words = list(PYPROJECT["project"]["dependencies"])
        if name == "dev":
            ours = f"{PYPROJECT['project']['name']}["
            for extra in (
                "test",
                *(word[len(ours) : -1] for word in EXTRAS["test"] if ours in word),
            ):
                words += (word for word in EXTRAS[extra] if ours not in word)
    return [Requirement(word) for word in words]


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_what_the_project_wants(name: str) -> None:
    have = locked(name)
    for each in wanted(name):
        versions = have.get(canonicalize_name(each.name), set())
        assert versions, f"requirements/{name}.txt has no {each.name}; {RENEW}"
        for version in versions:
            assert each.specifier.contains(version), f"{each} is {version}; {RENEW}"


@pytest.mark.parametrize("name", NAMES)
def test_each_package_has_hashes(name: str) -> None:
    """So pip takes nothing else, and has nothing to resolve."""
    entries = re.findall(r"^\S(?:.*\\\n)*.*$", re.sub(r"^#.*\n", "", text(name), flags=re.M), re.M)
    assert len(entries) == sum(map(len, locked(name).values())) >= 3
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("name", NAMES)
def test_it_names_no_index(name: str) -> None:
    """Whose clone it is asks theirs."""
    assert not re.search(r"://|--index|--find-links|--trusted", text(name))


def test_no_package_has_two_versions() -> None:
    """What the image runs is what was tested, and so is what builds it."""
    tested = locked("dev")
    for name in ("run", "build"):
        for package, versions in locked(name).items():
            assert tested.get(package) == versions, f"{package} in {name}; {RENEW}"


def test_what_an_editable_install_needs_is_in_it() -> None:
    """`run.py` installs without an isolated environment for the build."""
    assert {"hatchling", "editables"} <= set(locked("dev"))
