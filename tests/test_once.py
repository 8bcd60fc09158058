"""What is made once, asked for by several threads at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ollama_simulator.once import once

MANY = 4
ASKED = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from ollama_simulator.control import api, tables

sys.setswitchinterval(1e-5)
together = threading.Barrier(4)

def ask(kind):
    together.wait()
    return kind()

with ThreadPoolExecutor(4) as pool:
    for kind in (tables.new_server, api.description):
        found = list(pool.map(ask, [kind] * 4))
        assert all(each is found[0] for each in found), kind
print(len(found[0]))
"""


def test_who_asks_meanwhile_waits() -> None:
    asked = threading.Semaphore(0)
    go_on = threading.Event()

    @once
    def made() -> object:
        """A thing."""
        asked.release()
        assert go_on.wait(10)
        return object()

    with ThreadPoolExecutor(MANY) as pool:
        waiting = [pool.submit(made) for _ in range(MANY)]
        assert asked.acquire(timeout=10)
        assert not asked.acquire(timeout=0.05), "a second one makes it, too"
        go_on.set()
        assert len({id(each.result(10)) for each in waiting}) == 1
    assert not asked.acquire(blocking=False)
    assert made.__doc__ == "A thing."


def test_each_argument_has_its_own() -> None:
    """One may need another; what fails isn't kept."""
    failing = [True]

    @once
    def made(size: int) -> list[int]:
        if size == 0:
            if failing.pop():
                raise OSError("not yet")
            return []
        return [*made(size - 1), size]

    with pytest.raises(OSError, match="not yet"):
        made(2)
    failing.append(False)
    assert made(2) == [1, 2]
    assert made(2) is made(2)
    assert made(1) == [1]


def test_types_and_description_are_the_same_for_all_threads() -> None:
    """A process that nobody has asked yet: each type is the one that all others have."""
    done = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10_000
