"""What the servers of a fleet cost when they are spread over workers.

    python benchmarks/workers.py

starts `ollama_simulator` with all servers in one process, with `--workers 2`, and twice with half
of the servers each, which know nothing of each other; and asks the three in turn for `GET
/api/version`, over the same number of connections to each server. It prints how many requests were
answered in a second, and in a second of CPU time of the processes that have servers; and beside
that the CPU time of the process that controls the workers and merges their journals. What the
processes apart come to is the part of it that is nobody's but the machine's.

It must not import anything of `tests`.
"""

import argparse
import contextlib
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence

import msgspec
import psutil
from asking import asked, connected
from helper import ENDS_S, Ends
from sides import HOST, machine

VERSION = b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""Whose answer has the same length everywhere; that of a list of models has a time in it."""
TO_REACH = 0.9
"""Of one process's requests per CPU-second, those of the workers."""


class Program(Ends):
    """A simulator."""

    def __init__(self, workers: int, servers: int) -> None:
        ports = ",".join(["0"] * servers)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "ollama_simulator", "--workers", str(workers)),
                *("--control-port", "0", "--server-ports", ports),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.ports: list[int] = []
        control = 0
        for line in self._process.stdout:
            if found := re.fullmatch(r"  (.*): http://127\.0\.0\.1:(\d+)\n", line):
                if found[1] == "Control API":
                    control = int(found[2])
                else:
                    self.ports.append(int(found[2]))
            elif line == "\n":
                break
        if not self.ports:
            raise RuntimeError("the simulator didn't begin")
        self.url = f"http://{HOST}:{control}"
        whole = psutil.Process(self._process.pid)
        self.controls = whole if workers > 1 else None
        """Who has no servers."""
        self.serves = whole.children() if workers > 1 else [whole]
        self.ask("/servers")  # which is imported when somebody asks

    def ask(self, path: str) -> object:
        """Ask the control API."""
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def end(self) -> None:
        """Have it end in order."""
        self._process.terminate()
        self._process.communicate(timeout=ENDS_S)


class Turn(msgspec.Struct, frozen=True):
    """What a program came to, in one slice or in several."""

    requests: int
    seconds: float
    serving: float
    """CPU time of those that have servers, in seconds."""
    controlling: float
    """CPU time of the one that controls them."""

    @property
    def per_cpu(self) -> float:
        """Requests in a second of CPU time of those that have servers."""
        return self.requests / self.serving


def cpu(processes: Sequence[psutil.Process]) -> float:
    """The CPU time that they have taken together, in seconds."""
    times = [each.cpu_times() for each in processes]
    return float(sum(each.user + each.system for each in times))


def turn(programs: Sequence[Program], connections: int, size: int, seconds: float) -> Turn:
    """Ask all servers for a while."""
    controls = [each.controls for each in programs if each.controls]
    serves = [process for each in programs for process in each.serves]
    before = cpu(serves), cpu(controls)
    with contextlib.ExitStack() as stack:
        socks = [
            sock
            for program in programs
            for port in program.ports
            for sock in stack.enter_context(connected(port, connections))
        ]
        requests, took = asked(socks, VERSION, size, seconds)
        # What was recorded is part of what it costs.
        for program in programs:
            program.ask("/fleet")
    return Turn(requests, took, cpu(serves) - before[0], cpu(controls) - before[1])


def total(turns: Sequence[Turn]) -> Turn:
    """All together."""
    return Turn(
        sum(each.requests for each in turns),
        sum(each.seconds for each in turns),
        sum(each.serving for each in turns),
        sum(each.controlling for each in turns),
    )


def size_of(port: int) -> int:
    """The length of an answer, in bytes."""
    with connected(port, 1) as (sock,):
        sock.sendall(VERSION)
        answer = b""
        while not answer.endswith(b"}"):
            answer += sock.recv(65536)
    return len(answer)


def rows(workers: int, taken: Sequence[Sequence[Turn]]) -> Iterator[str]:
    """The table."""
    yield f"{'':12} {'requests/s':>11} {'per CPU-s':>11} {'us CPU each':>12} {'control, us':>12}"
    names = ("one process", f"{workers} workers", f"{workers} apart")
    for name, turns in zip(names, taken, strict=True):
        whole = total(turns)
        yield (
            f"{name:12} {whole.requests / whole.seconds:11,.0f} "
            f"{whole.per_cpu:11,.0f} "
            f"{whole.serving / whole.requests * 1e6:12.1f} "
            f"{whole.controlling / whole.requests * 1e6:12.1f}"
        )
    alone, *others = taken
    for name, turns in zip(("workers", "apart"), others, strict=True):
        each = [b.per_cpu / a.per_cpu for a, b in zip(alone, turns, strict=True)]
        yield (
            f"requests per CPU-second, {name}: "
            f"{total(turns).per_cpu / total(alone).per_cpu:.2f} of one process's "
            f"(of {len(each)} slices: {min(each):.2f} to {max(each):.2f})"
        )
    yield f"to reach: {TO_REACH} with workers"


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--servers", type=int, default=4)
    options.add_argument("--connections", type=int, default=10, help="to each server")
    options.add_argument("--seconds", type=float, default=20.0, help="for each program, in all")
    options.add_argument("--slices", type=int, default=10, help="that each is asked in")
    given = options.parse_args()
    count, share = given.workers, given.servers // given.workers
    if share * count != given.servers:
        options.error(f"{given.servers} servers can't be shared evenly by {count}")
    with contextlib.ExitStack() as stack:
        one, several, *apart = (
            stack.enter_context(Program(*each))
            for each in ((1, given.servers), (count, given.servers), *[(1, share)] * count)
        )
        sides = ([one], [several], apart)
        size = size_of(one.ports[0])
        seconds = given.seconds / given.slices
        taken: list[list[Turn]] = [[], [], []]
        for programs in sides:
            turn(programs, given.connections, size, seconds)  # warm up
        for _ in range(given.slices):
            for programs, turns in zip(sides, taken, strict=True):
                turns.append(turn(programs, given.connections, size, seconds))
        print(machine())
        print(
            f"GET /api/version of {given.servers} servers, {given.connections} connections to "
            f"each, {given.slices} slices of {seconds:g} s each"
        )
        print("\n".join(rows(given.workers, taken)))


if __name__ == "__main__":
    main()
