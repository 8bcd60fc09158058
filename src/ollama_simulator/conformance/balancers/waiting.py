"""How long processes waited for the CPU, as far as the system tells: Linux does.

What a balancer does late because it had no turn is nobody's fault but the machine's, and our own
clock need not notice: whoever sleeps most of the time is served before one that computes.

It must not import anything of this package.
"""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil


def waits(pids: Iterable[int]) -> dict[int, float]:
    """Seconds that each thread of some processes was ready to run and did not, since it began."""
    found: dict[int, float] = {}
    for pid in pids:
        # A process, and its threads, may end at any time.
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    waited = (thread / "schedstat").read_text("ascii").split()[1]
                    found[int(thread.name)] = int(waited) / 1e9
    return found


def family(pids: Iterable[int]) -> list[int]:
    """Processes and those below them."""
    found = []
    for pid in pids:
        found.append(pid)
        with contextlib.suppress(psutil.Error):
            found += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return found


def longest(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """The most that any thread waited between two looks."""
    return max((waited - before.get(thread, 0.0) for thread, waited in after.items()), default=0.0)
