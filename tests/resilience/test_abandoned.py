"""Thousands of connections are opened and abandoned: nothing of them is left."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time

import psutil
import pytest

from ollama_simulator.net import kernel
from tests.acceptance.cells import CHAT
from tests.acceptance.program import Program
from tests.acceptance.rawhttp import HOST, ask
from tests.resilience.waiting import until

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no such number of files to look at"
)

MANY = 10_000
"""As many as that, or as this machine lets one process have open."""
SPARE = 300
"""Files that the tests or the simulator need beside."""
ROUNDS = 5
STILL = 1.02
"""How much larger a process may be after a round than after the one before, if nothing is left of
its connections: two bytes in a hundred, some 300 of each connection. What is kept for later is
filled by the first round, and at times by the second one; a leak grows in every one."""
SAID = (
    b"",
    b"GET /api/ta",
    b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
)
"""What a client has said before it goes."""


def abandoned(ports: list[int], count: int) -> None:
    """Open so many connections at once, and leave them all, every other one with a reset."""
    reset = struct.pack("ii", 1, 0)
    clients = []
    try:
        for number in range(count):
            client = socket.create_connection((HOST, ports[number % len(ports)]), timeout=20)
            clients.append(client)
            with contextlib.suppress(ConnectionError):
                client.sendall(SAID[number // 2 % len(SAID)])
    finally:
        for number, client in enumerate(clients):
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            client.close()


def test_nothing_is_left_of_abandoned_connections() -> None:
    """No file, no memory, no request; and the servers answer as ever."""
    kernel.raise_limit()
    most = kernel.most_files()
    count = MANY if most is None else min(MANY, most - SPARE)
    options = ("--control-port", "0", "--server-ports", "0,0,0", "--journal-size", "1000")
    with Program(*options) as program:
        process = psutil.Process(program.process.pid)
        for port in program.ports:
            assert ask(port, CHAT.method, CHAT.path, CHAT.limited(1).body).status == 200
        until(lambda: all(each["active"] == 0 for each in servers(program)), "all is quiet")
        files = process.num_fds()
        sizes: list[int] = []
        while len(sizes) < 2 or sizes[-1] > sizes[-2] * STILL:
            assert len(sizes) < ROUNDS, [f"{size / 1e6:.1f} MB" for size in sizes]
            abandoned(program.ports, count)
            until(lambda: process.num_fds() <= files, "every file is closed", 60)
            sizes.append(process.memory_info().rss)
        assert [each["active"] for each in servers(program)] == [0, 0, 0]
        records = program.accepted("GET", "/journal?kind=Failed,Hindered")["records"]
        assert records == []
        begun = time.monotonic()
        for port in program.ports:
            assert ask(port, CHAT.method, CHAT.path, CHAT.limited(1).body).status == 200
        assert time.monotonic() - begun < 5.0


def servers(program: Program) -> list[dict[str, int]]:
    """How the servers stand."""
    found: list[dict[str, int]] = program.accepted("GET", "/servers")["servers"]
    return found
