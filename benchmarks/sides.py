"""The servers that are compared, each side in a process: simulated ones, and bare ones.

Rules of this file:

1. Both write the same bytes: the bare servers' are taken from the simulated ones.
2. Both have the same core, and are asked in turn, so that whatever else the machine does hits both.

It must not import anything of `tests`.
"""

import asyncio
import cProfile
import io
import json
import os
import pstats
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
from baseline import Bare, Bytes
from helper import PATIENCE_S, Helper

from ollama_simulator.faults.rule import Rule
from ollama_simulator.lateness import Lateness

if TYPE_CHECKING:
    from ollama_simulator.clock import Clock

HOST = "127.0.0.1"
TAGS = b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n"
PROFILED = 25
"""Functions that a profile tells of."""
PROFILES_RATE = 65.0
"""Tokens in a second of a server that nobody has told otherwise."""


class Servers(msgspec.Struct, frozen=True):
    """How many servers there are on a side, and how fast they speak."""

    count: int = 1
    slots: int = 1
    profile: str = "seed"
    rate: float | None = PROFILES_RATE
    """Tokens of a stream in a second; None for as many as it can."""
    tokens: int = 10**6
    """Those of a stream."""
    records: int = 10_000
    """How many the journal keeps."""
    rules: tuple[Rule, ...] = ()
    """What strikes the first of the simulated ones; the others have no rule."""


class Told(msgspec.Struct, frozen=True):
    """What a side has come to."""

    cpu: float
    """CPU time of its process so far, in seconds."""
    memory: int
    """Bytes of memory that it has now."""
    late: Lateness
    """How late its tokens were since it last told."""


def chat(tokens: int, stream: bool = True) -> bytes:
    """A request for so many tokens."""
    body = json.dumps(
        {
            "model": "test-model:latest",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": stream,
            "options": {"num_predict": tokens},
        }
    ).encode()
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def cores() -> tuple[list[int], int | None]:
    """The cores of those who ask, and the one of the servers; none where a process can't choose."""
    if not hasattr(os, "sched_setaffinity"):
        return [], None
    *others, last = sorted(os.sched_getaffinity(0))
    return (others, last) if others else ([], None)


def to_others() -> None:
    """Leave the servers' core to them."""
    others, _ = cores()
    if others:
        os.sched_setaffinity(0, others)


# --- the processes --------------------------------------------------------------------------------


def simulated(orders: Connection, servers: Servers) -> None:
    """A process of simulated servers. It tells their ports first."""
    from ollama_simulator.collector import importing

    with importing():  # as the program does
        from ollama_simulator.clock import WallClock
        from ollama_simulator.faults.normal import Normal
        from ollama_simulator.fleet import Fleet
        from ollama_simulator.net import kernel
        from ollama_simulator.settings import Settings
        from ollama_simulator.terminal import run

    kernel.raise_limit()

    async def main() -> None:
        clock = WallClock()
        settings = Settings(num_parallel=servers.slots, profile=servers.profile)
        ports = (0,) * servers.count
        async with Fleet(ports, clock=clock, settings=settings, records=servers.records) as fleet:
            if servers.rate is None:
                await fleet.behave(None, Normal(tokens_per_sec=1e9, prompt_eval_tokens_per_sec=1e9))
            elif servers.rate != PROFILES_RATE:
                await fleet.behave(None, Normal(tokens_per_sec=servers.rate))
            for rule in servers.rules:
                await fleet.inject(fleet.server(fleet.ports[0]).name, rule)

            await _obey(orders, fleet.ports, clock)

    run(main())


def bare(orders: Connection, servers: Servers, written: Bytes) -> None:
    """A process of bare servers. It tells their ports first."""
    from ollama_simulator.clock import WallClock
    from ollama_simulator.net import kernel
    from ollama_simulator.terminal import run

    kernel.raise_limit()

    async def main() -> None:
        clock, loop = WallClock(), asyncio.get_running_loop()
        listening = [
            await loop.create_server(
                lambda: Bare(written, servers.rate, servers.tokens, clock), HOST, 0, backlog=1024
            )
            for _ in range(servers.count)
        ]
        await _obey(orders, tuple(each.sockets[0].getsockname()[1] for each in listening), clock)

    run(main())


async def _obey(orders: Connection, ports: tuple[int, ...], clock: "Clock") -> None:
    """Do what is asked, until the end. How late tokens are is kept by the clock."""
    orders.send(ports)
    loop = asyncio.get_running_loop()
    process = psutil.Process()
    profile = cProfile.Profile()
    while True:
        asked: asyncio.Future[None] = loop.create_future()
        loop.add_reader(orders.fileno(), asked.set_result, None)
        await asked
        loop.remove_reader(orders.fileno())
        match orders.recv():
            case "tell":
                late, clock.lateness = clock.lateness, Lateness()
                orders.send(Told(time.process_time(), process.memory_info().rss, late))
            case "profile":
                profile.enable()
                orders.send(None)
            case "profiled":
                profile.disable()
                words = io.StringIO()
                found = pstats.Stats(profile, stream=words).strip_dirs()
                found.sort_stats("tottime").print_stats(PROFILED)
                orders.send(words.getvalue())
            case _:
                return


class Side(Helper):
    """A process of servers."""

    def __init__(self, name: str, target: Callable[..., None], *given: Any) -> None:
        super().__init__(name, _pinned, target, *given)
        try:
            self.ports: tuple[int, ...] = self.answer()
        except BaseException:
            self.end()
            raise

    def tell(self) -> Told:
        """What it has come to."""
        told: Told = self.ask("tell")
        return told


def _pinned(orders: Connection, target: Callable[..., None], *given: Any) -> None:
    _, core = cores()
    if core is not None:
        os.sched_setaffinity(0, {core})
    target(orders, *given)


def ours(servers: Servers) -> Side:
    """Simulated servers."""
    return Side("ours", simulated, servers)


def theirs(servers: Servers, written: Bytes) -> Side:
    """Bare servers."""
    return Side("bare", bare, servers, written)


# --- what is written ------------------------------------------------------------------------------


def sample(port: int) -> Bytes:
    """What a simulated server says, so that a bare one can say the same."""
    tags = _answer_to(port, TAGS, b"]}")
    stream = _answer_to(port, chat(3), b"0\r\n\r\n")
    head, _, rest = stream.partition(b"\r\n\r\n")
    first, second, *_, last, end = rest.split(b"}\n\r\n")
    line_end = b"}\n\r\n"
    return Bytes(
        tags, head + b"\r\n\r\n" + first + line_end, second + line_end, last + line_end + end
    )


def _answer_to(port: int, request: bytes, ending: bytes) -> bytes:
    with socket.create_connection((HOST, port), timeout=PATIENCE_S) as sock:
        sock.sendall(request)
        return answer(sock, ending)


def answer(sock: socket.socket, ending: bytes) -> bytes:
    """What comes on a connection, up to an ending. Raises `RuntimeError` if it ends before."""
    found = b""
    while not found.endswith(ending):
        data = sock.recv(65536)
        if not data:
            raise RuntimeError(f"an answer ended too soon: {found!r}")
        found += data
    return found


def machine() -> str:
    """Where this runs, in a line."""
    import platform

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"
