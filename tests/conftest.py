"""How the tests are spread over several processes, where pytest-xdist is told to (`-n`).

Rules of this file:
1. A file stays together, so that what its tests share is made once.
2. The conformance suite stays together, too, and comes first: it takes longest. Its scenarios go
   by the clock on the wall, so that all other processes step back for it.
"""

from __future__ import annotations

import os
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
    "faults",
    "dashboard",
    "acceptance",
    "resilience",
    "plugin",
    "examples",
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
    """Answer `-n auto`: one process more than there are cores, as a third of the time is waiting.

    One file is one process's work, so that starting others would only cost.
    """
    if len(config.args) == 1 and Path(config.args[0].partition("::")[0]).is_file():
        return 0
    return (os.cpu_count() or 1) + 1


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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest first in a process of several; elsewhere the order stays as it is written."""
    if hasattr(config, "workerinput"):
        turn = {name: number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: turn.get(part(item.path), len(LONGEST)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Step back for the conformance suite, at the first test of another kind."""
    config = item.config
    if part(item.path) != BY_THE_CLOCK and hasattr(config, "workerinput"):
        if not config.stash.get(STEPPED_BACK, False) and hasattr(os, "nice"):  # not on Windows
            os.nice(5)
        config.stash[STEPPED_BACK] = True
