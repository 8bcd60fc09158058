"""How soon servers are there, and what they take while nobody asks them.

    python benchmarks/fleet.py

starts the program `ollama_simulator`: with a thousand servers, and tells when all of them listen,
how much memory the process has, and what share of a core it takes while it is idle; then with
three, and tells when the first server answers, and when the control API does. Last it tells how
long the package takes to import.

It must not import anything of `tests`.
"""

import argparse
import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
import psutil
from sides import HOST, machine

IMPORTS = {
    "package imported": ("import ollama_simulator", "< 0.15"),
    "all that serves imported": ("from ollama_simulator import simulate", "-"),
}
"""What a program writes to have the package, or all that a fleet needs; and what is to reach."""
SETTLES_S = 2.0
"""Seconds that a started program has before it is called idle."""


class Program(NamedTuple):
    """A program that runs, and whose servers all listen."""

    process: psutil.Process
    control: int
    """The port of its control API."""
    servers: list[int]
    """Those of its servers."""
    begun: float
    listening: float
    """Seconds after which they did."""


def environment(compiled: str) -> dict[str, str]:
    """That of what is started: its modules are compiled, as those of an installed package are, and
    kept in a folder of ours."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": compiled}


@contextlib.contextmanager
def running(servers: int, env: dict[str, str]) -> Iterator[Program]:
    """The program with so many servers, on free ports."""
    command = (
        *(sys.executable, "-m", "ollama_simulator", "--control-port", "0", "--log", "plain"),
        *("--server-ports", ",".join("0" * servers)),
    )
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as started:
        try:
            assert started.stdout is not None, "it is a pipe"
            lines = []
            while (line := started.stdout.readline()).strip():
                lines.append(line)
            listening = time.perf_counter() - begun
            control, *ports = [int(line.rpartition(":")[2]) for line in lines[1:]]
            yield Program(psutil.Process(started.pid), control, ports, begun, listening)
        finally:
            started.terminate()


def first_answer(port: int, path: str, begun: float) -> float:
    """Seconds after which a port answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()
    return time.perf_counter() - begun


class Large(msgspec.Struct, frozen=True):
    """A large fleet, started once."""

    listening: float
    memory: int
    """Bytes."""
    idle: float
    """Share of a core."""


def large(servers: int, seconds: float, env: dict[str, str]) -> Large:
    """Start many servers, and look at them while they are idle."""
    with running(servers, env) as program:
        first_answer(program.control, "/health", program.begun)
        time.sleep(SETTLES_S)
        before = sum(program.process.cpu_times()[:2])
        time.sleep(seconds)
        idle = (sum(program.process.cpu_times()[:2]) - before) / seconds
        return Large(program.listening, program.process.memory_info().rss, idle)


def small(env: dict[str, str]) -> tuple[float, float]:
    """Start three servers. Returns the seconds to the first answer of a server, and of the control
    API."""
    with running(3, env) as program:
        server = first_answer(program.servers[0], "/api/version", program.begun)
        return server, first_answer(program.control, "/health", program.begun)


def imported(statement: str, env: dict[str, str]) -> float:
    """Seconds that a statement takes in a new interpreter."""
    words = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True, env=env
    )
    return float(done.stdout)


def told(what: str, unit: str, goal: str, found: list[float], form: Callable[[float], str]) -> str:
    """A line of the table: the median, and from the lowest to the highest."""
    spread = f"{form(min(found))} to {form(max(found))}"
    return f"{what:42} {form(statistics.median(found)):>8} {unit:3} {goal:>12}   {spread}"


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--servers", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=10.0, help="for which it is idle")
    options.add_argument("--times", type=int, default=5, help="that each is started")
    given = options.parse_args()
    with TemporaryDirectory() as compiled:
        measure(given.servers, given.seconds, given.times, environment(compiled))


def measure(servers: int, seconds: float, times: int, env: dict[str, str]) -> None:
    """Start everything, and print the table."""
    small(env)  # compiles
    many = [large(servers, seconds, env) for _ in range(max(1, times // 2))]
    few = [small(env) for _ in range(times)]
    print(machine())
    print(f"{'median':>54} {'to reach':>12}   lowest to highest")
    name = f"{servers:,} servers"
    rows: list[tuple[str, str, str, list[float], Callable[[float], str]]] = [
        (f"{name}: all listen", "s", "< 3", [each.listening for each in many], "{:.2f}".format),
        (f"{name}: memory", "MB", "< 200", [each.memory / 1e6 for each in many], "{:.0f}".format),
        (f"{name}: idle CPU", "%", "< 1", [each.idle * 100 for each in many], "{:.2f}".format),
        ("3 servers: first answer", "s", "< 0.5", [server for server, _ in few], "{:.3f}".format),
        ("3 servers: control API", "s", "< 1.0", [control for _, control in few], "{:.3f}".format),
    ]
    for what, (statement, goal) in IMPORTS.items():
        imported(statement, env)  # compiles
        found = [imported(statement, env) for _ in range(times)]
        rows.append((what, "s", goal, found, "{:.4f}".format))
    for what, unit, goal, found, form in rows:
        print(told(what, unit, goal, found, form))


if __name__ == "__main__":
    main()
