#!/usr/bin/env python3
"""Sets this project up and runs it. A fresh clone needs nothing but Python.

python3 run.py                           judges the built-in load balancer
python3 run.py load_balancer_test ...    the same program, with arguments of its own
python3 run.py ollama_simulator ...      runs simulated servers
python3 run.py golden FILE...            replays recordings of real servers and compares
python3 run.py test ...                  runs the project's tests; pytest takes arguments
                                         (`-n 0`: all in one process, one after the other)
"""
# 1. Standard library only; quoted annotations, so that Python 3.6 can be told it is too old.
# 2. An environment is believed only if it bears a stamp. The stamp goes before anything is
#    touched and comes back after the last step: half a set-up is begun anew.
# 3. The set-up says little, on standard error; pip is heard only when it fails.

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "run.stamp"
LOCK = "requirements/dev.txt"  # made by scripts/pins.py
PIP = "-m pip install --quiet --disable-pip-version-check --no-input --no-user".split()
SWIFT_PIP = "pip>=25"  # resolves the many packages of the tests in half the time
SPREAD = "-n auto --dist loadfile --no-loadscope-reorder".split()  # see tests/conftest.py
NODE_CLIENT = "ollama@0.6.4"
NPM_OPTIONS = "--silent --no-audit --no-fund --fetch-retries=1 --fetch-timeout=15000".split()
PROGRAMS = {
    "load_balancer_test": "load_balancer_test",
    "ollama_simulator": "ollama_simulator",
    "golden": "ollama_golden",
}
NO_VENV = """this Python lacks the module venv or ensurepip, which make virtual environments.
On Debian and Ubuntu they are in the package python3-venv (or python{}.{}-venv)."""
NO_PIP = "pip could not install the project, see above. Is it the network, or a proxy setting?"


def main(words: "list[str]") -> int:
    """Do what the first word says, with the words after it."""
    if sys.version_info < OLDEST:
        return too_old(".".join(map(str, sys.version_info[:3])))
    if words[:1] in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    name, arguments = (words[0], words[1:]) if words else ("load_balancer_test", [])
    if name not in ("test", *PROGRAMS):
        return say(f"what is {name!r}?\n\n{__doc__.strip()}")
    try:
        prepare("test" if name == "test" else "")
    except KeyboardInterrupt:
        return say("interrupted; the next call sets up anew", 130)
    except OSError as error:
        return say(f"cannot set up {VENV}: {error}")
    if name == "test":
        os.chdir(ROOT)
        # Tests start the programs hundreds of times; each start would compile them anew.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return start([str(program("python")), "-m", "pytest", *SPREAD, *arguments])
    return start([str(program(PROGRAMS[name])), *arguments])


def too_old(found: str) -> int:
    """Turn away a Python that cannot run the project."""
    return say("Python {}.{} or newer is needed, and this is Python {}".format(*OLDEST, found))


def program(name: str, windows: bool = sys.platform == "win32") -> Path:
    """Where the environment keeps an executable."""
    return VENV / "Scripts" / f"{name}.exe" if windows else VENV / "bin" / name


def prepare(extra: str) -> None:
    """Make the environment fit, if it does not already. `extra` is "test" or nothing."""
    want = wanted(extra)
    if not fits(stamped(), want):
        say("setting up .venv, which is done once and takes up to two minutes", 0)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # pip must not outlive us
        with locked():
            if not fits(stamped(), want):  # another run.py may have done it meanwhile
                build(stamped(), want)


def wanted(extra: str) -> "dict[str, str]":
    """The stamp of an environment made for this clone by this interpreter."""
    files = [(ROOT / name).read_bytes() for name in ("pyproject.toml", LOCK)]
    project = hashlib.sha256(b"".join(files)).hexdigest()
    return {"root": str(ROOT), "python": sys.version, "project": project, "extra": extra}


def stamped() -> "dict[str, str]":
    """The environment's stamp; empty where there is no whole environment."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        if program("python").exists():
            return dict(json.loads(STAMP.read_text(encoding="utf-8")))
    return {}


def fits(have: "dict[str, str]", want: "dict[str, str]") -> bool:
    """An environment with the test tools also serves whoever needs none."""
    return have in (want, {**want, "extra": "test"})


def build(have: "dict[str, str]", want: "dict[str, str]") -> None:
    """Make the environment, or bring up to date one of this clone and interpreter."""
    extra = want["extra"] or have.get("extra", "")  # test tools are not taken away again
    STAMP.unlink(missing_ok=True)
    if any(have.get(key) != want[key] for key in ("root", "python")):
        if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
            sys.exit(say(NO_VENV.format(*sys.version_info)))
        step([sys.executable, "-m", "venv", "--clear", str(VENV)], "Python could not make .venv")
    if extra:
        renew_pip()
        # What is never imported need not be compiled, and Python compiles the rest by itself.
        pip = [str(program("python")), *PIP, "--no-compile"]
        step([*pip, "--require-hashes", "--no-deps", "-r", LOCK], NO_PIP)
        # All that it needs is there by now, in the versions of the lock; so is what builds it.
        step([*pip, "--no-build-isolation", "--no-deps", "--editable", "."], NO_PIP)
        fetch_node_client()
    else:
        step([str(program("python")), *PIP, "--editable", "."], NO_PIP)
    STAMP.write_text(json.dumps({**want, "extra": extra}), encoding="utf-8")


def renew_pip() -> None:
    """Fetch a newer pip than some Pythons bring along. The old one does, too, if it must."""
    command = [str(program("python")), *PIP, "--no-compile", SWIFT_PIP]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=False)


def fetch_node_client() -> None:
    """Fetch Ollama's client for Node, which some tests use. Without it they are skipped."""
    npm = shutil.which("npm")
    if npm is None:
        return
    command = [npm, "install", *NPM_OPTIONS, "--prefix", str(VENV / "node"), NODE_CLIENT]
    with contextlib.suppress(subprocess.SubprocessError, OSError):
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
        return
    say(f"npm could not install {NODE_CLIENT}: the tests that need it are skipped", 0)


def step(command: "list[str]", complaint: str) -> None:
    """Run one command of the set-up, silently unless it fails."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        print(*done.stdout.decode(errors="replace").splitlines()[-15:], sep="\n", file=sys.stderr)
        sys.exit(say(complaint))


@contextlib.contextmanager
def locked() -> "Iterator[None]":
    """One set-up at a time. The system frees the lock of a dead process: none goes stale."""
    with (ROOT / ".venv.lock").open("a") as file:
        while True:
            with contextlib.suppress(BlockingIOError, PermissionError):
                if sys.platform == "win32":
                    import msvcrt

                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                else:
                    import fcntl

                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.2)
        yield


def start(command: "list[str]") -> int:
    """Become the program; on Windows, which cannot, wait for it and let it answer Ctrl-C."""
    if sys.platform != "win32":
        os.execv(command[0], command)
    signal.signal(signal.SIGINT, lambda *_: None)
    return subprocess.call(command)


def say(line: str, status: int = 2) -> int:
    """Tell the user, and give the exit status that goes with it."""
    print(f"run.py: {line}", file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
