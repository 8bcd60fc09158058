"""Two sides asked in turn, and what comes of it: the whole of a program, but for what is asked.

It must not import anything of `tests`.
"""

import argparse
import socket
import statistics
from collections.abc import Callable, Sequence

import msgspec
from asking import connected
from baseline import Bytes
from sides import Servers, Side, machine, ours, sample, theirs, to_others

Asks = Callable[[Side], tuple[int, float]]
"""Asks a side for a while. Returns how many units it got, and in how many seconds."""
Asking = Callable[[Sequence[socket.socket], Bytes, float], tuple[int, float]]
"""The same over its connections, for what both sides write, for so many seconds."""


class Turn(msgspec.Struct, frozen=True):
    """What one side came to, in one slice or in several."""

    units: int
    seconds: float
    cpu: float
    """CPU time of its process, in seconds."""

    @property
    def rate(self) -> float:
        """Units in a second."""
        return self.units / self.seconds

    @property
    def per_cpu(self) -> float:
        """Units in a second of its CPU time."""
        return self.units / self.cpu

    @property
    def cost_us(self) -> float:
        """Microseconds of its CPU time for a unit."""
        return self.cpu / self.units * 1e6


def in_turn(sides: Sequence[Side], asks: Asks, slices: int) -> list[list[Turn]]:
    """Ask one side after the other, so many times. Returns the turns of each."""
    turns: list[list[Turn]] = [[] for _ in sides]
    for side in sides:
        asks(side)  # warm up
    for _ in range(slices):
        for side, taken in zip(sides, turns, strict=True):
            before = side.tell().cpu
            units, seconds = asks(side)
            taken.append(Turn(units, seconds, side.tell().cpu - before))
    return turns


def total(turns: Sequence[Turn]) -> Turn:
    """All together."""
    return Turn(
        sum(turn.units for turn in turns),
        sum(turn.seconds for turn in turns),
        sum(turn.cpu for turn in turns),
    )


def cheapest(turns: Sequence[Turn]) -> float:
    """Microseconds of CPU time for a unit, in the slice in which it took least."""
    return min(turn.cost_us for turn in turns)


def compared(unit: str, sides: Sequence[Side], turns: Sequence[Sequence[Turn]]) -> str:
    """A table of two sides, with the ratios of the first to the second: of all, and from the lowest
    to the highest of a slice. `cheapest` is the cost in the slice that was least disturbed."""
    each = f"{unit}/s"
    head = f"{'':6} {each:>12} {unit + '/CPU-s':>14} {'us CPU each':>12} {'cheapest':>9} {'CPU':>6}"
    lines = [head]
    for side, taken in zip(sides, turns, strict=True):
        whole = total(taken)
        lines.append(
            f"{side.name:6} {whole.rate:12,.0f} {whole.per_cpu:14,.0f} {whole.cost_us:12.2f} "
            f"{cheapest(taken):9.2f} {whole.cpu / whole.seconds:6.0%}"
        )
    first, second = map(total, turns)
    pairs = list(zip(*turns, strict=True))
    for words, ratio, ratios in (
        ("by the clock", first.rate / second.rate, [a.rate / b.rate for a, b in pairs]),
        (
            "by CPU time",
            first.per_cpu / second.per_cpu,
            [a.per_cpu / b.per_cpu for a, b in pairs],
        ),
    ):
        lines.append(
            f"ratio {words}: {ratio:.2f} "
            f"(of {len(ratios)} slices: {min(ratios):.2f} to {max(ratios):.2f}, "
            f"median {statistics.median(ratios):.2f})"
        )
    least, most = cheapest(turns[1]), cheapest(turns[0])
    lines.append(f"ratio in the cheapest slices: {least / most:.2f}")
    return "\n".join(lines)


def options(doc: str | None, connections: int) -> argparse.ArgumentParser:
    """The options of a program that is described by its docstring."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--connections", type=int, default=connections)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each side, in all")
    parser.add_argument("--slices", type=int, default=20, help="that each side is asked in")
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    return parser


def play(given: argparse.Namespace, unit: str, servers: Servers, asks: Asking, title: str) -> None:
    """Ask both sides by these options, and print a table, and the profile if it is asked for. The
    `title` may tell how many `bytes` the answer to `GET /api/tags` has."""
    to_others()
    with ours(servers) as one:
        written = sample(one.ports[0])
        with (
            theirs(servers, written) as other,
            connected(one.ports[0], given.connections) as to_one,
            connected(other.ports[0], given.connections) as to_other,
        ):
            sides, socks, seconds = (one, other), {one: to_one, other: to_other}, given.seconds

            def ask(side: Side) -> tuple[int, float]:
                return asks(socks[side], written, seconds / given.slices)

            print(machine())
            print(
                f"{title.format(bytes=len(written.tags))}, {given.connections} connections, "
                f"{given.slices} slices of {seconds / given.slices:g} s each"
            )
            print(compared(unit, sides, in_turn(sides, ask, given.slices)))
            if given.profile:
                one.ask("profile")
                ask(one)
                print(one.ask("profiled"))
