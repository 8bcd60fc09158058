"""How exactly tokens keep their time on the wall clock, and what they cost.

    python benchmarks/pacing.py

starts 100 servers of 10 slots in one process on one core, and 1,000 clients in another that read
1,000 answers at once. After the warm-up it measures for some time, and prints

- the rate of the streams, as their clients see it, beside the 65 tokens a second that are due;
- the lateness of tokens: from the moment when one is due until the kernel has it;
- the CPU time that the servers' process took, in all and for each token.

It does so for servers that take no time of their own (profile `seed`), and for such whose ten slots
share iterations (`ten-slots.toml`).

It must not import anything of `tests`.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import selectors
import socket
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

RATE = 65.0
"""Tokens in a second that are due in each stream."""
PROFILES = ("seed", str(Path(__file__).with_name("ten-slots.toml")))
LONG = 10**6
"""Tokens of an answer: more than anybody waits for."""
SPREAD_S = 2.0
"""Seconds within which the clients start, each at a moment of its own."""


class Measured(msgspec.Struct):
    """What a measured stretch of time came to."""

    seconds: float
    rates: list[float]
    """Of each stream, in tokens a second."""
    tokens: int
    """Those that the servers wrote."""
    p50: float
    p99: float
    most: float
    """Lateness, in seconds."""
    cpu: float
    """CPU time of the servers' process, in seconds."""


# --- the servers ----------------------------------------------------------------------------------


def serve(orders: Connection, profile: str, servers: int, slots: int, core: int | None) -> None:
    """A process of servers. It tells their ports, and then at each order what it has come to."""
    import asyncio

    from ollama_simulator.clock import WallClock
    from ollama_simulator.fleet import Fleet
    from ollama_simulator.net import kernel
    from ollama_simulator.settings import Settings
    from ollama_simulator.terminal import run

    if core is not None:
        os.sched_setaffinity(0, {core})
    kernel.raise_limit()

    async def main() -> None:
        clock = WallClock()
        settings = Settings(num_parallel=slots, profile=profile)
        async with Fleet((0,) * servers, clock=clock, settings=settings, records=10_000) as fleet:
            orders.send(fleet.ports)
            loop = asyncio.get_running_loop()
            while True:
                asked: asyncio.Future[None] = loop.create_future()
                loop.add_reader(orders.fileno(), asked.set_result, None)
                await asked
                loop.remove_reader(orders.fileno())
                if orders.recv() == "end":
                    return
                late, clock.lateness = clock.lateness, type(clock.lateness)()
                orders.send((late, time.process_time()))

    run(main())


# --- the clients ----------------------------------------------------------------------------------


def ask(orders: Connection, ports: tuple[int, ...], streams: int, cores: tuple[int, ...]) -> None:
    """A process of clients. At each order it tells how many tokens each has read, and when."""
    if cores:
        os.sched_setaffinity(0, cores)
    body = json.dumps(
        {
            "model": "test-model:latest",
            "messages": [{"role": "user", "content": "hi"}],
            "options": {"num_predict": LONG},
        }
    ).encode()
    request = (
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )
    chance = random.Random(7)
    begun = time.perf_counter()
    starts = sorted((begun + chance.random() * SPREAD_S, number) for number in range(streams))
    starts.reverse()
    counts = [0] * streams
    ready = selectors.DefaultSelector()
    ready.register(orders, selectors.EVENT_READ)
    while True:
        while starts and starts[-1][0] <= time.perf_counter():
            _, number = starts.pop()
            sock = socket.create_connection(("127.0.0.1", ports[number % len(ports)]))
            sock.sendall(request)
            ready.register(sock, selectors.EVENT_READ, number)
        for key, _ in ready.select(0.001 if starts else None):
            if key.fileobj is orders:
                if orders.recv() == "end":
                    return
                orders.send((time.perf_counter(), list(counts)))
                continue
            data = os.read(key.fd, 65536)
            if not data:
                raise RuntimeError("a stream ended")
            counts[key.data] += data.count(b"}\n")


# --- the measurement ------------------------------------------------------------------------------


def measure(profile: str, servers: int, slots: int, warm_up: float, seconds: float) -> Measured:
    """Play one arrangement."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    spawn = multiprocessing.get_context("spawn")
    server, server_end = spawn.Pipe()
    client, client_end = spawn.Pipe()
    core = cores[-1] if cores else None
    processes = [
        spawn.Process(target=serve, args=(server_end, profile, servers, slots, core), daemon=True)
    ]
    processes[0].start()
    try:
        ports = server.recv()
        processes.append(
            spawn.Process(
                target=ask,
                args=(client_end, ports, servers * slots, tuple(cores[:-1])),
                daemon=True,
            )
        )
        processes[1].start()
        time.sleep(SPREAD_S + warm_up)
        (_, cpu), (when, counts) = _both(server, client)
        time.sleep(seconds)
        (late, cpu_then), (then, counts_then) = _both(server, client)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.send("end")
    finally:
        for process in reversed(processes):
            process.join(5)
            process.kill()
    return Measured(
        then - when,
        [(b - a) / (then - when) for a, b in zip(counts, counts_then, strict=True)],
        late.count,
        late.quantile(0.5),
        late.quantile(0.99),
        late.most,
        cpu_then - cpu,
    )


def _both(*ends: Connection) -> list[Any]:
    for end in ends:
        end.send("tell")
    return [end.recv() for end in ends]


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--servers", type=int, default=100)
    options.add_argument("--slots", type=int, default=10)
    options.add_argument("--warm-up", type=float, default=5.0, metavar="SECONDS")
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--profile", action="append", metavar="NAME|FILE.toml")
    given = options.parse_args()
    print(
        f"{given.servers * given.slots} streams of {RATE:g} tokens a second, "
        f"{given.servers} servers of {given.slots} slots, {given.seconds:g} s"
    )
    print(
        f"{'profile':12} {'rate':>8} {'off':>8} {'slowest':>8} "
        f"{'p50 ms':>7} {'p99 ms':>7} {'max ms':>7} {'CPU':>6} {'us/token':>8}"
    )
    for profile in given.profile or PROFILES:
        found = measure(profile, given.servers, given.slots, given.warm_up, given.seconds)
        mean = sum(found.rates) / len(found.rates)
        print(
            f"{Path(profile).stem:12} {mean:8.3f} {mean / RATE - 1:8.2%} {min(found.rates):8.3f} "
            f"{found.p50 * 1e3:7.2f} {found.p99 * 1e3:7.2f} {found.most * 1e3:7.1f} "
            f"{found.cpu / found.seconds:6.1%} {found.cpu / found.tokens * 1e6:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
