"""How the tests are spread over several processes, where pytest-xdist is told to (`-n`).

Rules of this file:
1. A file stays together, so that what its tests share is made once.
2. The conformance suite stays together, too, and comes first: it takes longest. Its scenarios go
   by the clock on the wall, so that all other processes step back for it.
3. Each process reads all tests, as pytest-xdist wants it, but begins with others: what Python and
   pytest translate once is on disk when the next process comes to it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes is a matter of the machine; a test that hangs is ended all the same.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

HERE = Path(__file__).parent
BY_THE_CLOCK = "conformance"
LONGEST = (
    BY_THE_CLOCK,
    "test_checks.py",
    "dashboard",
    "resilience",
    "test_site.py",
    "faults",
    "acceptance",
    "benchmarks",
    "plugin",
    "examples",
    "workers",
    "security",
    "lab",
    "load",
)
"""Folders and files of this folder that begin before the others, in this order, so that at the end
no process is left alone with one of them."""

STEPPED_BACK = pytest.StashKey[bool]()


def part(path: Path) -> str:
    """The folder or file of this folder that a test is in."""
    return path.relative_to(HERE).parts[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer `-n auto`: two processes more than there are cores, as half of the time is waiting.

    One file is one process's work, so that starting others would only cost.
    """
    if len(config.args) == 1 and Path(config.args[0].partition("::")[0]).is_file():
        return 0
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Make what hands the tests out; None leaves that to pytest-xdist."""
    from xdist.scheduler import LoadFileScheduling  # here, as it need not be installed

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            folder = f"{HERE.name}/{BY_THE_CLOCK}/"
            return folder if file.startswith(folder) else file

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_configure(config: pytest.Config) -> None:
    """In a process of several that reads all tests, begin at another folder or file than others."""
    told = getattr(config, "workerinput", None)
    # What is named by itself would be read even if it is to be ignored.
    everything = not (config.getoption("ignore") or config.getoption("ignore_glob"))
    if told and everything and [Path(each).resolve() for each in config.args] == [HERE]:
        parts = sorted(
            str(each)
            for each in HERE.iterdir()
            if each.match("test_*.py") or (each.is_dir() and each.name[0] not in "._")
        )
        number = int(told["workerid"].removeprefix("gw"))
        first = number * len(parts) // told["workercount"]
        config.args[:] = parts[first:] + parts[:first]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Read the tests without looking for garbage, which is not there yet, and never look for it
    among them: to look through 600,000 objects takes half a second, in which all stands still."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest first in a process of several, which all must have the same order; elsewhere
    it stays as it is written."""
    if hasattr(config, "workerinput"):
        turn = {name: number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: (turn.get(part(item.path), len(LONGEST)), str(item.path)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Step back for the conformance suite, at the first test of another kind: by so much that one
    process of it is worth nine others."""
    config = item.config
    if part(item.path) != BY_THE_CLOCK and hasattr(config, "workerinput"):
        if not config.stash.get(STEPPED_BACK, False) and hasattr(os, "nice"):  # not on Windows
            os.nice(10)
        config.stash[STEPPED_BACK] = True
