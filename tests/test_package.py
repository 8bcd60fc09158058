"""What is published: the wheel, the source distribution, and what they say of themselves."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest

from ollama_simulator import __version__

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "ollama_simulator"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = f"ollama_simulator-{__version__}"
JUNK = (
    "__pycache__",
    ".pyc",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
)


def run(*command: str) -> str:
    """Run a module of this Python, and tell what it says."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both."""
    folder = tmp_path_factory.mktemp("dist")
    run("hatchling", "build", "-d", str(folder))
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl")


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return email.message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))


def test_an_index_would_take_both(built: Path) -> None:
    """As it reads them, strictly."""
    said = run("twine", "--no-color", "check", "--strict", *map(str, sorted(built.iterdir())))
    assert said.count("PASSED") == 2


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Every file of it: profiles, phrases, the dashboard, and the mark of its types."""
    ours = {
        f"ollama_simulator/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    about = {name for name in wheel.namelist() if name.startswith(f"{NAME}.dist-info/")}
    assert set(wheel.namelist()) - about == ours
    for name in ("py.typed", "profiles/seed.toml", "golden/phrases.toml"):
        assert f"ollama_simulator/{name}" in ours
    assert f"{NAME}.dist-info/licenses/LICENSE" in about


def test_the_source_holds_what_its_tests_need(built: Path) -> None:
    """And no junk."""
    with tarfile.open(built / f"{NAME}.tar.gz") as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "run.py"} < names
    for folder in ("src/ollama_simulator", "tests", "docs", "scripts", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not any(junk in str(path) for junk in JUNK):
                assert path.relative_to(ROOT).as_posix() in names
    assert not [name for name in names if any(junk in name for junk in JUNK)]
    assert not [name for name in names if name.startswith((".ci", "results"))]


def test_what_others_made_comes_with_its_licence(
    built: Path, wheel: zipfile.ZipFile, metadata: Message
) -> None:
    """In both, as their licences ask for: the text, and that it is told of."""
    vendor = PACKAGE / "control" / "dashboard" / "vendor"
    licences = [f"{path.relative_to(ROOT).as_posix()}" for path in vendor.glob("LICENSE.*")]
    assert [Path(each).name for each in licences] == ["LICENSE.uPlot"]
    assert set(metadata.get_all("License-File") or []) == {"LICENSE", *licences}
    with tarfile.open(built / f"{NAME}.tar.gz") as source:
        for each in licences:
            text = (ROOT / each).read_bytes()
            assert b"Permission is hereby granted, free of charge" in text
            assert wheel.read(f"{NAME}.dist-info/licenses/{each}") == text
            member = source.extractfile(f"{NAME}/{each}")
            assert member is not None
            assert member.read() == text


def test_what_it_says_of_itself(metadata: Message) -> None:
    """Everything that an index shows."""
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0 AND MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "The ollama_simulator authors" in metadata["Author"]
    assert metadata["Keywords"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    payload = metadata.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Typing :: Typed" in (metadata.get_all("Classifier") or [])


def test_what_is_large_or_seldom_wanted_is_an_extra(metadata: Message) -> None:
    """The programs start without it."""
    needed = metadata.get_all("Requires-Dist") or []
    base = [each for each in needed if "extra ==" not in each]
    assert len(base) == len(PROJECT["dependencies"])
    for name in ("matplotlib", "locust", "pytest", "ollama", "openai", "anthropic"):
        assert not [each for each in base if each.startswith(name)]
    assert {"draw", "locust", "test"} <= set(metadata.get_all("Provides-Extra") or [])


def test_the_programs(wheel: zipfile.ZipFile) -> None:
    """By the names that the README has."""
    told = wheel.read(f"{NAME}.dist-info/entry_points.txt").decode()
    for program, entry in PROJECT["scripts"].items():
        assert f"{program} = {entry}\n" in told


def test_a_wheel_as_the_readme_makes_it(tmp_path: Path) -> None:
    """By pip alone: the same file."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"`pip (wheel [^`]*)`", readme)
    assert f"`pip {told}`" in (ROOT / "scripts" / "README.md").read_text(encoding="utf-8")
    words = told.replace("-w dist", f"-w {tmp_path}").split()
    # What builds it is here, so that no index has to be asked.
    run("pip", *words, "--no-build-isolation", "--disable-pip-version-check")
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}-py3-none-any.whl"]


@pytest.mark.skipif(sys.platform == "win32", reason="it is a script of a Unix shell")
def test_without_an_environment_the_script_says_what_makes_one(tmp_path: Path) -> None:
    """And removes nothing."""
    script = tmp_path / "scripts" / "package"
    script.parent.mkdir()
    shutil.copy(ROOT / "scripts" / "package", script)
    (tmp_path / "dist").mkdir()
    done = subprocess.run([script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "First run: python3 run.py test\n")
    assert (tmp_path / "dist").is_dir()
