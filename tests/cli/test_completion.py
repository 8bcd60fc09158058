"""What bash completes, by asking a real one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.program import environment

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or sys.platform == "win32", reason="there is no bash"
)

PROGRAMS = {"ollama_simulator": "simulator", "load_balancer_test": "suite"}

ASK = """
source <("$1" --show-completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
complete -p "$1" >/dev/null || exit 3
function=$(complete -p "$1" | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" "$1" "${@: -1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs are, as an installation puts them there."""
    place = tmp_path_factory.mktemp("bin")
    for program, entry in PROGRAMS.items():
        file = place / program
        file.write_text(
            f"#!{sys.executable}\nfrom ollama_simulator.entry import {entry}\n{entry}()\n"
        )
        file.chmod(0o755)
    return place


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["ollama_simulator", "che"], ["check"]),
        (["ollama_simulator", "--control-p"], ["--control-port"]),
        (["ollama_simulator", "--profile", "rtx-4090-llama3-8"], ["rtx-4090-llama3-8b"]),
        (["ollama_simulator", "check", "--sch"], ["--schema"]),
        (["load_balancer_test", "pol"], ["policies"]),
        (["load_balancer_test", "--flaw", "drops-que"], ["drops-query"]),
        (["load_balancer_test", "policies", "--policy-"], ["--policy-file"]),
    ],
    ids=" ".join,
)
def test_bash(folder: Path, words: list[str], completed: list[str]) -> None:
    """Sub-commands, options, and values, of both programs."""
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK, "ask", *words],
        env={**environment(), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == completed
