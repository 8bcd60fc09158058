"""Imports that the collector doesn't look at."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from ollama_simulator.collector import importing
from tests.acceptance.program import environment


def test_what_is_imported_is_never_looked_at() -> None:
    """Neither then nor later; what comes behind it is, even if an import failed."""
    frozen = gc.get_freeze_count()
    kept: list[list[int]] = []

    def fails() -> None:
        with importing():
            assert not gc.isenabled()
            kept.extend([number] for number in range(1000))
            raise ImportError

    try:
        with pytest.raises(ImportError):
            fails()
        assert gc.isenabled()
        assert gc.get_freeze_count() >= frozen + 1000
        assert all(each is not kept for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_program_begins_so() -> None:
    """Its collector works when it has begun, and has little to look at."""
    code = (
        "import gc, sys\n"
        "from ollama_simulator.entry import simulator\n"
        "try:\n    simulator()\nexcept SystemExit:\n    pass\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 10_000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "True True"
