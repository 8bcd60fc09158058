"""Does what a container engine does with the Dockerfile, without one, in a folder of its own.

    .venv/bin/python scripts/try_image.py
    .venv/bin/python scripts/try_image.py --python python3.13

It takes what `.dockerignore` lets through, runs the RUN steps of the first stage with a folder in
the place of `/opt`, starts the entry point from what they made with the options of the image, asks
for its health as the image does, and ends it by the image's signal. Packages come from the index
that pip is set up for. What only an engine can do (the base image, the user, the files' owners) is
not tried.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PORT = 11500
"""Of the control API in the image."""


class Instruction(NamedTuple):
    """A line of the Dockerfile, with those that go on."""

    name: str
    words: str


def instructions() -> list[Instruction]:
    """All of them, in order."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [Instruction(name, words.strip()) for name, _, words in lines]


def words(name: str) -> str:
    """Those of the last instruction of a name, which is the one that counts."""
    return [each.words for each in instructions() if each.name == name][-1]


def lay_context(folder: Path) -> None:
    """Copy what an engine gets to see of the repository."""
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line.startswith("!"):
            path = ROOT / line[1:]
            if path.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, folder / path.name, ignore=ignored)
            else:
                shutil.copy(path, folder)


def copy(context: Path, source: Path, line: str) -> None:
    """Do a COPY of the first stage."""
    *names, into = line.split()
    for name in names:
        path, target = context / name, source / into
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def health(python: str, port: int) -> list[str]:
    """The image's health check, for a control API on another port."""
    command = json.loads(words("HEALTHCHECK").partition("CMD ")[2])
    return [python, *(word.replace(f" {PORT},", f" {port},") for word in command[1:])]


def build(folder: Path, python: str) -> Path:
    """Do the steps of the first stage; returns the programs that they made."""
    context, source, opt, path = (folder / name for name in ("context", "source", "opt", "path"))
    for each in (context, source, opt, path):
        each.mkdir()
    lay_context(context)
    (path / "python").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n', encoding="utf-8")
    (path / "python").chmod(0o755)
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    for name, told in instructions():
        if name == "COPY" and "--from" not in told:
            copy(context, source, told)
        elif name == "RUN":
            print(f"+ {told}", flush=True)
            quiet = {"PIP_QUIET": "1"}
            command = ["sh", "-euc", told.replace("/opt/", f"{opt}/")]
            subprocess.run(command, cwd=source, env=environment | quiet, check=True)
    return opt / "ollama_simulator" / "bin"


def main() -> None:
    """Build, start, ask, end."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--python", default=sys.executable, metavar="PATH")
    python = shutil.which(options.parse_args().python)
    if python is None:
        sys.exit("--python: there is no such program")
    with tempfile.TemporaryDirectory() as name:
        programs = build(Path(name), python)
        (program,) = json.loads(words("ENTRYPOINT"))
        free = ["--control-port", "0", "--server-ports", "0", "--log", "json"]
        command = [str(programs / program), *json.loads(words("CMD")), *free]
        print(f"+ {program} {' '.join(command[1:])}", flush=True)
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=name)
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            if not line:
                sys.exit("it did not start")
            told = json.loads(line)
            port = int(told["control_api"].rpartition(":")[2])
            check = health(str(programs / "python"), port)
            subprocess.run(check, check=True, timeout=30)
            print("healthy", flush=True)
            running.send_signal(getattr(signal, words("STOPSIGNAL")))
            status = running.wait(10)
        finally:
            running.kill()
    if status:
        sys.exit(f"it ended with status {status}")
    print("ended")


if __name__ == "__main__":
    main()
