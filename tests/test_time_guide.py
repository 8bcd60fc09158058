"""What the guide to time prints is what its program prints."""

from __future__ import annotations

import subprocess
import sys

from tests.test_guides import ROOT, blocks

GUIDE = (ROOT / "docs" / "time.md").read_text(encoding="utf-8")


def test_the_program_prints_what_it_says() -> None:
    (code,) = blocks(GUIDE, "python")
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"},
    )
    assert run.stdout == blocks(GUIDE, "")[-1]
