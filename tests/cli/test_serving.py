"""How soon the program answers: what it needs later is imported later, and beside that."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.acceptance.program import environment

STANDS_STILL = """
import pathlib, time
here = pathlib.Path(__file__).parent
(here / "begun").touch()
while not (here / "answered").exists():
    time.sleep(0.01)
raise ImportError("as the test wants it")
"""


def test_servers_answer_while_the_control_api_is_imported(tmp_path: Path) -> None:
    """Here that takes until a server has answered."""
    (tmp_path / "uvicorn.py").write_text(STANDS_STILL)
    with subprocess.Popen(
        [sys.executable, "-m", "ollama_simulator", "--control-port", "0", "--server-ports", "0"],
        env={
            **environment(),
            "PYTHONPATH": os.pathsep.join((str(tmp_path), environment()["PYTHONPATH"])),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        try:
            assert program.stdout is not None
            lines = [program.stdout.readline().strip() for _ in range(3)]
            limit = time.monotonic() + 30
            while not (tmp_path / "begun").exists():
                assert time.monotonic() < limit
                time.sleep(0.01)
            url = lines[2].partition(": ")[2]
            with urllib.request.urlopen(f"{url}/api/version", timeout=10) as answer:
                assert answer.status == 200
            assert program.poll() is None
        finally:
            (tmp_path / "answered").touch()
            program.kill()


def test_what_serves_loads_nothing_that_is_seldom_needed() -> None:
    """Of what is slow to import, and when its options are read neither."""
    code = (
        "import sys, ollama_simulator.cli.serving, ollama_simulator.cli.simulator as program\n"
        "heavy = ('starlette', 'uvicorn', 'jinja2', 'jsonschema', 'prometheus_client', 'psutil',\n"
        "    'pydantic', 'rich', 'ollama_simulator.conformance', 'ollama_simulator.control')\n"
        "tell = lambda context: print([name for name in sys.modules if name in heavy])\n"
        "program.alone = tell\n"  # it is asked when the options are read, and says no
        f"sys.argv[1:] = ['--control-port', '0', '--speed', '2', '--config', {__file__!r}]\n"
        "program.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"
