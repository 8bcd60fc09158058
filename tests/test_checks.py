"""Format, lint and types are clean, by the tools and settings of the project."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "tool",
    [("ruff", "format", "--check"), ("ruff", "check"), ("mypy",)],
    ids=["format", "lint", "types"],
)
@pytest.mark.timeout(300)
def test_clean(tool: tuple[str, ...]) -> None:
    """The tool has nothing to say."""
    done = subprocess.run(
        [sys.executable, "-m", *tool],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
