"""Whether memory stays what it is while two servers are asked for long, one of them with faults.

    python benchmarks/soak.py --seconds 600

asks two servers of one process 5,000 times a second, one as often as the other, for lists of
models, versions, and short chats in one piece and as streams. Of the first some requests meet
errors, resets, cut answers and silence that their clients leave; the second has no rule, and
answers at once who only looks. Each second it looks at the memory of the process. Last it tells
the mean of the second minute (or of the second tenth of a shorter run) and of the last one.

It must not import anything of `tests`.
"""

import argparse
import random
import selectors
import socket
import statistics
import time
from collections import Counter, deque
from collections.abc import Sequence

from sides import HOST, TAGS, Servers, Side, chat, machine, ours, to_others

from ollama_simulator import AbruptClose, FailMidStream, Hang, HttpError, Rule, WrongLength

RULES = (
    Rule(fault=HttpError(status_code=503, message="server busy"), probability=0.02),
    Rule(fault=AbruptClose(bytes_before_close=10), probability=0.01),
    Rule(fault=FailMidStream(tokens_before_fail=2), path="/api/chat", probability=0.05),
    Rule(fault=WrongLength(), probability=0.005),
    Rule(fault=Hang(), probability=0.0005),
)
VERSION = b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n"
WHOLE, STREAMED = (b"}",), (b'"}', b"0\r\n\r\n")
"""With what the answers end."""
REQUESTS = (
    *[(TAGS, WHOLE)] * 16,
    *[(VERSION, WHOLE)] * 2,
    (chat(3, stream=False), WHOLE),
    (chat(3), STREAMED),
)
"""What is asked, one as often as the other."""
PATIENCE_S = 2.0
"""Seconds after which a client leaves that gets no answer."""
MINUTE_S = 60


class Clients:
    """Connections to servers, of which each asks one thing at a time."""

    def __init__(self, ports: Sequence[int], count: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self._ready = selectors.DefaultSelector()
        self._free = deque(self._connect(ports[at % len(ports)]) for at in range(count))
        self._asked: dict[socket.socket, tuple[float, tuple[bytes, ...]]] = {}
        """When those that wait for an answer asked, and with what it ends."""
        self._chance = random.Random(7)

    def _connect(self, port: int) -> socket.socket:
        sock = socket.create_connection((HOST, port), timeout=10)
        self._ready.register(sock, selectors.EVENT_READ, port)
        return sock

    def ask(self) -> bool:
        """Ask something on a free connection. Returns False if none is free."""
        if not self._free:
            return False
        sock = self._free.popleft()
        request, endings = self._chance.choice(REQUESTS)
        self._asked[sock] = time.monotonic(), endings
        self.outcomes["asked"] += 1
        try:
            sock.send(request)
        except OSError:
            self._over(sock, "ended")
        return True

    def look(self, seconds: float) -> None:
        """Read what comes within so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self._ready.select(left):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                try:
                    data = sock.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    self._over(sock, "ended")
                elif sock in self._asked and data.endswith(self._asked[sock][1]):
                    self.outcomes["answered"] += 1
                    del self._asked[sock]
                    self._free.append(sock)

    def leave(self) -> None:
        """Leave those servers that don't answer."""
        late = time.monotonic() - PATIENCE_S
        for sock in [sock for sock, (asked, _) in self._asked.items() if asked < late]:
            self._over(sock, "left")

    def _over(self, sock: socket.socket, outcome: str) -> None:
        self.outcomes[outcome] += 1
        self._asked.pop(sock, None)
        if sock in self._free:
            self._free.remove(sock)
        port = self._ready.unregister(sock).data
        sock.close()
        self._free.append(self._connect(port))


def play(side: Side, rate: float, connections: int, seconds: float) -> tuple[list[int], Clients]:
    """Ask for so many seconds. Returns the memory at each, in bytes."""
    clients = Clients(side.ports, connections)
    memory: list[int] = []
    begun = time.monotonic()
    due, asked = 0.0, 0
    while (now := time.monotonic() - begun) < seconds:
        due = min(now * rate, asked + rate)  # who is late by more than a second gives the rest up
        while asked < due and clients.ask():
            asked += 1
        clients.look(0.002)
        if now >= len(memory) + 1:
            memory.append(side.tell().memory)
            clients.leave()
    return memory, clients


def compared(memory: Sequence[int]) -> str:
    """The second minute beside the last one, or the second tenth beside the last one."""
    part = min(MINUTE_S, max(1, len(memory) // 10))
    second, last = (statistics.mean(each) for each in (memory[part : 2 * part], memory[-part:]))
    return (
        f"memory from second {part} to {2 * part}: {second / 1e6:.1f} MB; in the last {part} s: "
        f"{last / 1e6:.1f} MB ({last / second - 1:+.1%}); at most {max(memory) / 1e6:.1f} MB"
    )


def main() -> None:
    """Ask for long, and print what became of the memory."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--rate", type=float, default=5000.0, help="requests in a second")
    options.add_argument("--connections", type=int, default=200)
    given = options.parse_args()
    to_others()
    with ours(Servers(count=2, slots=8, rate=None, rules=RULES)) as side:
        print(machine())
        before = side.tell().cpu
        memory, clients = play(side, given.rate, given.connections, given.seconds)
        cpu = (side.tell().cpu - before) / given.seconds
        told = (f"{count:,} {name}" for name, count in clients.outcomes.items())
        print(
            f"{clients.outcomes['asked'] / given.seconds:,.0f} requests a second for "
            f"{given.seconds:g} s: {', '.join(told)}; CPU of the server {cpu:.0%}"
        )
        print(compared(memory))


if __name__ == "__main__":
    main()
