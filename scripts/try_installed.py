"""Tries the commands of the environment whose Python runs this: they start, and what they need is
there. Only the standard library is used."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

BIN = Path(sys.executable).parent
PYTHON = """
from importlib.metadata import entry_points
from importlib.resources import files
from urllib.request import urlopen

from ollama_simulator import simulate

with simulate(servers=2) as fleet:
    assert urlopen(f"{fleet['s2'].url}/api/tags", timeout=30).status == 200
    fleet.journal.verify("Asked", server="s2", count=1)
assert files("ollama_simulator").joinpath("py.typed").is_file()
assert "ollama_simulator" in entry_points(group="pytest11").names
"""
FLEET = '[[servers]]\ncount = 2\nbehavior = { type = "Hang" }\n'


def run(*command: str) -> str:
    """What a command of this environment prints. It must succeed, and complain of nothing."""
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode or done.stderr:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    print("fine:", " ".join(command).partition("\n")[0])
    return done.stdout


def served() -> None:
    """Start servers, and ask them, their control API and their dashboard."""
    command = [str(BIN / "ollama_simulator"), "--control-port", "0", "--server-ports", "0"]
    running = subprocess.Popen([*command, "--log", "json"], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        started = json.loads(running.stdout.readline())
        control, server = started["control_api"], started["servers"][0]["url"]
        for url in (f"{server}/api/tags", f"{control}/status", f"{control}/metrics", f"{control}/"):
            with urllib.request.urlopen(url, timeout=30) as answer:
                if not answer.read():
                    sys.exit(f"{url} says nothing")
            print("fine:", url)
    finally:
        running.terminate()
        running.wait(30)
    if running.returncode:
        sys.exit(f"ollama_simulator ended with status {running.returncode}")


Path("fleet.toml").write_text(FLEET, encoding="utf-8")
run("ollama_simulator", "--version")
run("ollama_simulator", "--help")
run("ollama_simulator", "--list-profiles")
run("ollama_simulator", "check", "fleet.toml")
run("python", "-c", PYTHON)
run("load_balancer_test", "--list")
run("load_balancer_test", "seed.basic")
served()
