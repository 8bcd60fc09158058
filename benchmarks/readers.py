"""A process of clients that read streams without end, each of which begins at a moment of its own.

It must not import anything of `tests`.
"""

import os
import random
import selectors
import socket
import time
from multiprocessing.connection import Connection

from helper import Helper
from sides import HOST, Servers, chat, to_others

from ollama_simulator.net import kernel

SPREAD_S = 2.0
"""Seconds within which the clients start."""


def _read(orders: Connection, ports: tuple[int, ...], streams: int) -> None:
    """The process. At each order it tells how many tokens each client has read, and when."""
    to_others()
    kernel.raise_limit()
    request = chat(Servers().tokens)
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
            sock = socket.create_connection((HOST, ports[number % len(ports)]))
            sock.sendall(request)
            ready.register(sock, selectors.EVENT_READ, number)
        for key, _ in ready.select(0.001 if starts else None):
            if key.fileobj is orders:
                orders.recv()
                orders.send((time.perf_counter(), list(counts)))
                continue
            data = os.read(key.fd, 65536)
            if not data:
                raise RuntimeError("a stream ended")
            counts[key.data] += data.count(b"}\n")


class Readers(Helper):
    """So many clients, seen from outside."""

    def __init__(self, ports: tuple[int, ...], streams: int) -> None:
        super().__init__("the clients", _read, ports, streams)

    def begun(self) -> None:
        """Wait until every stream has begun."""
        end = time.monotonic() + 120
        while 0 in self.tell()[1]:
            if time.monotonic() > end:
                raise RuntimeError("some streams don't begin")
            time.sleep(0.2)

    def tell(self) -> tuple[float, list[int]]:
        """A moment in seconds, and how many tokens each had read by then."""
        told: tuple[float, list[int]] = self.ask("tell")
        return told
