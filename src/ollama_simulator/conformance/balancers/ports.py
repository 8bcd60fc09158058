"""Ports for balancers that must be told where to listen, so that no two are told the same.

Rules of this file:

1. A port lies below those that systems give away by themselves, so that no client's connection
   and no simulated server can take it before the balancer does.
2. While it is in use, the UDP port of the same number is held: that keeps other suites on this
   machine off it, and the system lets go of it however we end.

It must not import the scenarios.
"""

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator

from ollama_simulator.net import kernel

FIRST, COUNT = 20_000, 10_000
HOST = "127.0.0.1"
EVERYWHERE = (HOST, "0.0.0.0")
"""Both are asked: where SO_REUSEADDR means more, one does not tell of the other."""

_next = itertools.count(os.getpid() * 61)
"""Suites that run side by side begin in different places."""


@contextlib.contextmanager
def claimed(count: int = 1) -> Iterator[tuple[int, ...]]:
    """So many ports, for a block. Raises `OSError` if there are not so many."""
    with contextlib.ExitStack() as locks:
        found: list[int] = []
        for number in itertools.islice(_next, COUNT):
            port = FIRST + number % COUNT
            lock = _lock(port)
            if lock is None:
                continue
            if not _free(port):
                lock.close()
                continue
            locks.enter_context(lock)
            found.append(port)
            if len(found) == count:
                break
        else:
            raise OSError(f"all ports from {FIRST} to {FIRST + COUNT - 1} are taken")
        yield tuple(found)


def _lock(port: int) -> socket.socket | None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((HOST, port))
    except OSError:
        sock.close()
        return None
    return sock


def _free(port: int) -> bool:
    try:
        for host in EVERYWHERE:
            kernel.listen(host, port).close()
    except OSError:
        return False
    return True
