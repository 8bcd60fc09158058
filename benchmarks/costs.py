"""What a token, a request, a connection and a server cost, with few of them and with many.

    python benchmarks/costs.py

measures each with 10, 100, 1,000 and 10,000 in one process on one core, as far as the machine
allows:

- a token: CPU time of so many paced streams, for each token;
- a request: CPU time of `GET /api/tags` over so many connections, for each request;
- a connection: memory of so many idle connections, and CPU time to take and end them, for each;
- a server: memory and idle CPU time of so many servers that nobody asks, for each.

With `--kinds` it measures instead what one request of each kind costs, over ten connections.

`--profile` shows in which functions the time of tokens and of requests goes.

It must not import anything of `tests`.
"""

import argparse
import json
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from asking import asked, connected
from readers import Readers
from sides import TAGS, Servers, Side, answer, chat, machine, ours, sample, to_others

from ollama_simulator import HttpError, Rule
from ollama_simulator.net import kernel

SIZES = (10, 100, 1_000, 10_000)
SLOTS = 10
RATE = 65.0
"""Tokens of a stream in a second, at most."""
TOKENS_PER_S = 20_000.0
"""Of all streams together, at most: the cost of one is asked for, not how many there can be."""
SPARE = 200
"""Descriptors that a process needs for other things."""
KINDS_AT = 10
"""Connections on which kinds of requests are asked for."""
KINDS = {
    "GET /api/tags": (TAGS, b"]}"),
    "GET /api/ps": (TAGS.replace(b"tags", b"ps"), b"]}"),
    "chat of 3 tokens in one piece": (chat(3, stream=False), b"}"),
    "chat of 3 tokens as a stream": (chat(3), b"0\r\n\r\n"),
    "chat of 30 tokens as a stream": (chat(30), b"0\r\n\r\n"),
}
"""A request of each kind, and with what its answer ends."""
RARE = tuple(Rule(fault=HttpError(status_code=500, message=""), probability=1e-9) for _ in range(5))
"""Rules that fit each request, and strike none."""
WARM_S = 0.1
"""Seconds for which something is asked before it is measured."""
SETTLES_S = 1.0
"""Seconds that pass before it is looked at what something costs."""


Told = dict[str, float]
"""What each costs, by what it is and in which unit."""


def possible(sizes: Sequence[int]) -> list[int]:
    """Those for which a process may have enough descriptors."""
    if sys.platform == "win32":
        return list(sizes)
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return [size for size in sizes if size + SPARE <= limit]


def tokens(side: Side, readers: Readers, seconds: float) -> Told:
    """What tokens cost that come in the next seconds."""
    before, (_, counts) = side.tell(), readers.tell()
    time.sleep(seconds)
    after, (_, counts_then) = side.tell(), readers.tell()
    return {"token, us CPU": (after.cpu - before.cpu) / (sum(counts_then) - sum(counts)) * 1e6}


def streaming(size: int, seconds: float, profile: bool) -> Told:
    """What tokens of so many streams cost."""
    rate = min(RATE, TOKENS_PER_S / size)
    with (
        ours(Servers(count=max(1, size // SLOTS), slots=SLOTS, rate=rate)) as side,
        Readers(side.ports, size) as readers,
    ):
        readers.begun()
        time.sleep(SETTLES_S)
        told = tokens(side, readers, seconds)
        if profile:
            side.ask("profile")
            time.sleep(seconds)
            print(f"{size:,} streams", side.ask("profiled"))
        return told


def asking(size: int, seconds: float, profile: bool) -> Told:
    """What requests cost over so many connections, and what the connections do."""
    with ours(Servers()) as side:
        length = len(sample(side.ports[0]).tags)
        time.sleep(SETTLES_S)
        bare = side.tell()
        with connected(side.ports[0], size) as socks:
            asked(socks[-1:], TAGS, length, 0.0)  # which comes when all are accepted
            time.sleep(SETTLES_S)
            there = side.tell()
            asked(socks, TAGS, length, 0.0)
            before = side.tell().cpu
            count, _ = asked(socks, TAGS, length, seconds)
            spent = side.tell().cpu - before
            if profile:
                side.ask("profile")
                asked(socks, TAGS, length, seconds)
                print(f"{size:,} connections", side.ask("profiled"))
            ends = side.tell().cpu
        time.sleep(SETTLES_S)
        ended = side.tell().cpu - ends
        return {
            "request, us CPU": spent / count * 1e6,
            "connection, KB": (there.memory - bare.memory) / size / 1e3,
            "connection, us CPU": (there.cpu - bare.cpu + ended) / size * 1e6,
        }


def idling(size: int, seconds: float, empty: int) -> Told:
    """What so many servers take that nobody asks; `empty` is the memory without one, in bytes."""
    with ours(Servers(count=size)) as side:
        time.sleep(SETTLES_S)
        before = side.tell()
        time.sleep(seconds)
        after = side.tell()
        return {
            "server, KB": (after.memory - empty) / size / 1e3,
            "server, us CPU/s": (after.cpu - before.cpu) / seconds / size * 1e6,
        }


def kinds(seconds: float, profile: bool) -> dict[str, float]:
    """CPU time of a request of each kind, in microseconds."""
    found: dict[str, float] = {}
    for rules, name in (((), ""), (RARE, ", five rules in vain")):
        servers = Servers(slots=KINDS_AT, rate=None, rules=rules)
        with ours(servers) as side, connected(side.ports[0], KINDS_AT) as socks:
            for what, (request, endings) in KINDS.items():
                asked_until(socks, request, endings, WARM_S)
                before = side.tell().cpu
                count = asked_until(socks, request, endings, seconds)
                found[what + name] = (side.tell().cpu - before) / count * 1e6
                if profile:
                    side.ask("profile")
                    asked_until(socks, request, endings, seconds)
                    print(what + name, side.ask("profiled"))
    return found


def asked_until(
    socks: Sequence[socket.socket], request: bytes, ending: bytes, seconds: float
) -> int:
    """Ask on all connections, again and again, for so many seconds. Returns how often."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for sock in socks:
            sock.sendall(request)
        for sock in socks:
            answer(sock, ending)
        count += len(socks)
    return count


def tell_kinds(found: dict[str, float]) -> None:
    """Print what each kind of request costs."""
    print(f"{'a request':52}  us CPU")
    for what, cost in found.items():
        print(f"{what:52}{cost:8.0f}")


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options.add_argument("--seconds", type=float, default=3.0, help="for which each is measured")
    options.add_argument("--kinds", action="store_true", help="what each kind of request costs")
    options.add_argument("--profile", action="store_true", help="where the time goes")
    options.add_argument("--json", type=Path, metavar="FILE", help="also write the table there")
    given = options.parse_args()
    kernel.raise_limit()
    to_others()
    if given.kinds:
        print(machine())
        tell_kinds(kinds(given.seconds, given.profile))
        return
    sizes = possible(given.sizes)
    with ours(Servers(count=0)) as side:
        empty = side.tell().memory
    found: dict[str, dict[int, float]] = {}
    for size in sizes:
        told = {
            **streaming(size, given.seconds, given.profile),
            **asking(size, given.seconds, given.profile),
            **idling(size, given.seconds, empty),
        }
        for what, cost in told.items():
            found.setdefault(what, {})[size] = cost
    print(machine())
    print(f"a process without servers has {empty / 1e6:.1f} MB")
    print(f"{'each':22}" + "".join(f"{size:>10,}" for size in sizes))
    for what, costs in found.items():
        print(f"{what:22}" + "".join(f"{costs[size]:10.2f}" for size in sizes))
    for left_out in sorted(set(given.sizes) - set(sizes)):
        print(f"{left_out:,} were left out: this process may not have so many sockets open")
    if given.json:
        given.json.write_text(json.dumps({"empty_mb": empty / 1e6, "costs": found}, indent=1))


if __name__ == "__main__":
    main()
