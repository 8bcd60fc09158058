"""What is kept of a large head."""

from __future__ import annotations

import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.fleet import Fleet
from ollama_simulator.net.recorded import LARGEST, MOST, recorded
from ollama_simulator.records import Asked
from tests.net.loops import on_each_loop
from tests.net.peers import Peer

Headers = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("target", "headers", "kept"),
    [
        ("/", [("A", "x" * 20_000)], [("A", "x" * (LARGEST - 2)), ("", "3618 bytes more")]),
        ("/" * 20_000, [("A", "b")], [("", "3618 bytes more")]),
        ("/", [("A", "b")] * (MOST + 3), [*[("A", "b")] * MOST, ("", "6 bytes more")]),
        ("/", [("A", "b")] * MOST, [("A", "b")] * MOST),
    ],
    ids=["value", "target", "number", "nothing"],
)
def test_the_beginning_is_kept(target: str, headers: Headers, kept: Headers) -> None:
    """And the rest is counted."""
    assert recorded(target, headers) == (target[:LARGEST], tuple(kept))


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize(("size", "cut"), [(15_000, False), (900_000, True)])
@on_each_loop
async def test_a_large_head_is_read_whole_and_recorded_in_part(
    size: int, cut: bool, pieces: int
) -> None:
    """However it comes, and only if it is large."""
    head = f"GET /api/version HTTP/1.1\r\nHost: localhost\r\nX-A: {'a' * size}\r\n\r\n".encode()
    async with Fleet(clock=WallClock()) as fleet:
        async with await Peer.connect(fleet.ports[0]) as peer:
            for at in range(pieces):
                await peer.send(head[at * len(head) // pieces : (at + 1) * len(head) // pieces])
            assert (await peer.until(b"}")).startswith(b"HTTP/1.1 200 OK")
        (asked,) = fleet.journal.where(Asked)
    value = dict(asked.headers)["X-A"]
    assert value == "a" * (min(size, LARGEST - 28))
    assert asked.headers[2:] == ((("", f"{size - len(value)} bytes more"),) if cut else ())
