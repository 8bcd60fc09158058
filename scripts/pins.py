"""Writes the lock files, and runs tests with other versions than theirs.

    .venv/bin/python scripts/pins.py lock            what is locked stays, where it still fits
    .venv/bin/python scripts/pins.py lock --upgrade  everything at its newest version
    .venv/bin/python scripts/pins.py try lowest
    .venv/bin/python scripts/pins.py try newest --python python3.13
    .venv/bin/python scripts/pins.py try locked --python python3.12 tests/wire tests/net

A lock, in `requirements/`, has every package at one version, with its hashes. It holds for every
system and each Python that the project supports, and names no index: pip asks its own.

- `build.txt` has what makes a wheel of the project,
- `run.txt` what the two programs need: the container image is made of these,
- `dev.txt` what the tests need, too: `run.py test` installs it.

`try lowest` takes of everything that `pyproject.toml` names for users, extras included, the oldest
version that it allows, and so tells whether these bounds are true; the tools of the tests are the
newest that go with it. `try newest` takes the newest of all; `try locked` is for a Python other
than that of `.venv`. Without tests it runs those of TESTS. The environment, `build/versions`, is
made anew each time.

uv does the resolving, in an environment of its own in `build/uv`.
"""

import argparse
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==0.13.9"
PROGRAMS = "Scripts" if sys.platform == "win32" else "bin"
MAKE = ".venv/bin/python scripts/pins.py lock"
LOCK = "requirements/dev.txt"
TRIED = Path("build", "versions")
TESTS = (
    *("tests/wire", "tests/net", "tests/plugin", "tests/engine", "tests/control", "tests/faults"),
    *("tests/cli", "tests/load", "tests/simulation", "tests/test_fleet_file.py"),
)
USERS = ("docs", "draw", "locust")
"""Extras that are for users."""


def uv() -> str:
    """The program, which is installed if it isn't there."""
    place = ROOT / "build" / "uv"
    if not list((place / PROGRAMS).glob("uv*")):
        run(sys.executable, "-m", "venv", str(place))
        python = str(place / PROGRAMS / "python")
        run(python, "-m", "pip", "install", "--quiet", "--no-compile", UV)
    return str(place / PROGRAMS / "uv")


def run(*command: str, given: str = "") -> None:
    """Run one step, which must succeed."""
    if subprocess.run(command, cwd=ROOT, input=given, text=True, check=False).returncode:
        sys.exit(f"failed: {' '.join(command)}")


def lock(upgrade: bool) -> None:
    """Write the three files."""
    more = ["--upgrade"] if upgrade else []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    oldest = project["project"]["requires-python"].removeprefix(">=")
    builders = "\n".join(project["build-system"]["requires"])
    same = ["--constraint", LOCK]  # no package at two versions
    for name, source, given in (
        ("dev", ["pyproject.toml", "--extra", "test"], ""),
        ("run", ["pyproject.toml", *same], ""),
        ("build", ["-", *same], builders),
    ):
        run(
            *(uv(), "pip", "compile", "--quiet", *source, *more),
            *("--universal", "--python-version", oldest, "--generate-hashes"),
            *("--no-emit-index-url", "--no-annotate", "--custom-compile-command", MAKE),
            *("--output-file", f"requirements/{name}.txt"),
            given=given,
        )
        print(f"requirements/{name}.txt")


def install(versions: str, interpreter: str) -> str:
    """Make the environment that is tried; returns its Python."""
    python = str(TRIED / PROGRAMS / "python")
    run(uv(), "venv", "--quiet", "--clear", "--python", interpreter, str(TRIED))
    pip = [uv(), "pip", "install", "--quiet", "--python", python]
    tools = ["-r", "pyproject.toml", "--extra", "test"]
    if versions == "locked":
        run(*pip, "--require-hashes", "--no-deps", "-r", LOCK)
    elif versions == "newest":
        run(*pip, *tools)
    else:
        chosen = str(TRIED / "lowest.txt")
        extras = [word for extra in USERS for word in ("--extra", extra)]
        run(
            *(uv(), "pip", "compile", "--quiet", "--no-annotate", "--no-header"),
            *("--python", python, "pyproject.toml", *extras),
            *("--resolution", "lowest-direct", "--output-file", chosen),
        )
        run(*pip, *tools, "--override", chosen)  # whatever the tools would have
    run(*pip, "--no-deps", "--editable", ".")
    return python


def main() -> None:
    """Do what the words say."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = options.add_subparsers(dest="command", required=True)
    locking = commands.add_parser("lock", help="write the lock files anew")
    locking.add_argument("--upgrade", action="store_true", help="take the newest versions")
    trying = commands.add_parser("try", help="run tests with other versions")
    trying.add_argument("versions", choices=["lowest", "newest", "locked"])
    trying.add_argument("--python", default=sys.executable, metavar="PATH")
    trying.add_argument("tests", nargs="*", help="tests, and options of pytest")
    given, more = options.parse_known_args()
    if given.command == "lock":
        if more:
            options.error(f"what is {more[0]!r}?")
        lock(given.upgrade)
        return
    python = install(given.versions, given.python)
    run(uv(), "pip", "list", "--python", python)
    here = {key: told for key, told in os.environ.items() if key != "PYTHONPATH"}
    command = [str(ROOT / python), "-m", "pytest", *(given.tests or TESTS), *more]
    sys.exit(subprocess.run(command, cwd=ROOT, env=here, check=False).returncode)


if __name__ == "__main__":
    main()
