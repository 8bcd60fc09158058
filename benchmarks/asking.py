"""Who asks the servers of a benchmark: sockets, and as little else as possible.

It must not import anything of `tests`.
"""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sides import HOST


@contextmanager
def connected(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many connections to a server."""
    socks: list[socket.socket] = []
    try:
        for _ in range(count):
            sock = socket.create_connection((HOST, port), timeout=10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            socks.append(sock)
        yield socks
    finally:
        for sock in socks:
            sock.close()


def asked(
    socks: Sequence[socket.socket], request: bytes, size: int, seconds: float
) -> tuple[int, float]:
    """Ask on each connection again and again, for so many seconds. Each answer has this `size` in
    bytes. Returns how many answers there were, and the seconds until the last one."""
    ready = selectors.DefaultSelector()
    begun = time.perf_counter()
    missing: dict[object, int] = dict.fromkeys(socks, size)
    for sock in socks:
        ready.register(sock, selectors.EVENT_READ)
        sock.sendall(request)
    count, end, open_ones = 0, begun + seconds, len(socks)
    while open_ones:
        over = time.perf_counter() >= end
        for key, _ in ready.select(10):
            sock = key.fileobj  # type: ignore[assignment]
            data = sock.recv(65536)
            if not data:
                raise RuntimeError("a server ended a connection")
            left = missing[sock] - len(data)
            if left:
                missing[sock] = left
                continue
            count += 1
            if over:
                ready.unregister(sock)
                open_ones -= 1
            else:
                missing[sock] = size
                sock.send(request)
    ready.close()
    return count, time.perf_counter() - begun


def streamed(socks: Sequence[socket.socket], request: bytes, seconds: float) -> tuple[int, float]:
    """Ask for a stream on each connection again and again, for so many seconds. Returns how many
    lines there were, and the seconds until the end of the last stream."""
    ready = selectors.DefaultSelector()
    begun = time.perf_counter()
    for sock in socks:
        ready.register(sock, selectors.EVENT_READ)
        sock.sendall(request)
    count, end, open_ones = 0, begun + seconds, len(socks)
    while open_ones:
        over = time.perf_counter() >= end
        for key, _ in ready.select(10):
            sock = key.fileobj  # type: ignore[assignment]
            data = sock.recv(1 << 18)
            if not data:
                raise RuntimeError("a server ended a connection")
            count += data.count(b"}\n")
            if data.endswith(b"0\r\n\r\n"):
                if over:
                    ready.unregister(sock)
                    open_ones -= 1
                else:
                    sock.send(request)
    ready.close()
    return count, time.perf_counter() - begun
