"""How exactly tokens keep their time on the wall clock, and what they cost, beside bare servers.

    python benchmarks/pacing.py

starts 100 servers of 10 slots in one process on one core, and 1,000 clients in another that read
1,000 answers at once. After the warm-up it measures for some time, and prints

- the rate of the streams, as their clients see it, beside the 65 tokens a second that are due;
- the lateness of tokens: from the moment when one is due until the kernel has it;
- the CPU time that the servers' process took, in all and for each token.

It does so for servers that take no time of their own (profile `seed`), for such whose ten slots
share iterations (`ten-slots.toml`), and for bare ones (`baseline.py`) that write the same bytes;
then for all of them again, as often as there are rounds, so that whatever else the machine does
hits them alike.

    python benchmarks/pacing.py --find

looks for the most servers that are on time (p99 of the lateness below 10 ms), of each kind: it
begins with few, doubles them until they are late, and halves what is between. Who was late is tried
once more, as it may be something else that the machine did.

It must not import anything of `tests`.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import msgspec
from readers import SPREAD_S, Readers
from sides import Servers, Side, machine, ours, sample, theirs

RATE = 65.0
"""Tokens in a second that are due in each stream."""
PROFILES = ("seed", str(Path(__file__).with_name("ten-slots.toml")))
BARE = "bare"
ON_TIME_S = 0.01
"""What 99 % of the tokens of those that are on time are less late than."""
FEW = 4
"""Servers with which a search begins."""
EXACT = 16
"""A search ends when it is known to a part of so many."""


class Measured(msgspec.Struct):
    """What a measured stretch of time came to."""

    seconds: float
    rates: list[float]
    """Of each stream, in tokens a second."""
    tokens: int
    """Those that were read."""
    lateness: tuple[float, float, float] | None
    """p50, p99 and the most, in seconds; None if nobody looked."""
    cpu: float
    """CPU time of the servers' process, in seconds."""


def measure(name: str, servers: int, slots: int, warm_up: float, seconds: float) -> Measured:
    """Play one arrangement: that of a profile, or the bare servers."""
    arranged = Servers(count=servers, slots=slots, rate=RATE)
    with (
        ours(Servers() if name == BARE else msgspec.structs.replace(arranged, profile=name)) as one,
        theirs(arranged, sample(one.ports[0])) if name == BARE else nullcontext(one) as side,
        Readers(side.ports, servers * slots) as readers,
    ):
        time.sleep(SPREAD_S + warm_up)
        return _measured(side, readers, seconds)


def _measured(side: Side, readers: Readers, seconds: float) -> Measured:
    before, (when, counts) = side.tell(), readers.tell()
    time.sleep(seconds)
    after, (then, counts_then) = side.tell(), readers.tell()
    passed, late = then - when, after.late
    found = (late.quantile(0.5), late.quantile(0.99), late.most)
    return Measured(
        passed,
        [(b - a) / passed for a, b in zip(counts, counts_then, strict=True)],
        sum(counts_then) - sum(counts),
        found if late.count else None,
        after.cpu - before.cpu,
    )


def together(rounds: list[Measured]) -> Measured:
    """Several rounds as one. Their lateness is that of the worst one."""
    late = [each.lateness for each in rounds if each.lateness]
    return Measured(
        sum(each.seconds for each in rounds),
        [sum(rates) / len(rounds) for rates in zip(*(each.rates for each in rounds), strict=True)],
        sum(each.tokens for each in rounds),
        (max(p50 for p50, _, _ in late), max(p99 for _, p99, _ in late), max(m for _, _, m in late))
        if late
        else None,
        sum(each.cpu for each in rounds),
    )


HEAD = (
    f"{'profile':12} {'rate':>8} {'off':>8} {'slowest':>8} "
    f"{'p50 ms':>7} {'p99 ms':>7} {'max ms':>7} {'CPU':>6} {'us/token':>8}"
)
"""The columns of a table."""


def line(name: str, found: Measured) -> str:
    """A line of the table."""
    mean = sum(found.rates) / len(found.rates)
    late = f"{'-':>7} {'-':>7} {'-':>7}"
    if found.lateness is not None:
        p50, p99, most = (seconds * 1e3 for seconds in found.lateness)
        late = f"{p50:7.2f} {p99:7.2f} {most:7.1f}"
    return (
        f"{name:12} {mean:8.3f} {mean / RATE - 1:8.2%} {min(found.rates):8.3f} "
        f"{late} {found.cpu / found.seconds:6.1%} {found.cpu / found.tokens * 1e6:8.2f}"
    )


def most_that(holds: Callable[[int], bool], first: int) -> int:
    """The largest number for which something holds, to a part of `EXACT`; 0 if not even for the
    `first` one. What holds for a number is taken to hold for all below."""
    good, bad = 0, first
    while holds(bad):
        good, bad = bad, bad * 2
    while bad - good > max(1, good // EXACT) and good:
        middle = (good + bad) // 2
        if holds(middle):
            good = middle
        else:
            bad = middle
    return good


def find(name: str, slots: int, warm_up: float, seconds: float) -> int:
    """The most streams of a profile, or of bare servers, that are on time. Tells of each try."""

    def on_time(servers: int) -> bool:
        for _ in range(2):
            found = measure(name, servers, slots, warm_up, seconds)
            print(f"{servers * slots:7} {line(Path(name).stem, found)}", flush=True)
            if found.lateness is not None and found.lateness[1] < ON_TIME_S:
                return True
        return False

    return most_that(on_time, FEW) * slots


def search(names: Sequence[str], slots: int, warm_up: float, seconds: float) -> None:
    """Look for the most streams of each that are on time, and print a table."""
    print(f"streams {HEAD}")
    most = {name: find(name, slots, warm_up, seconds) for name in names}
    for name, streams in most.items():
        of_bare = f", {streams / most[BARE]:.2f} of the bare servers'" if most[BARE] else ""
        print(
            f"{Path(name).stem}: {streams} streams on time (p99 below {ON_TIME_S * 1e3:g} ms)"
            + (of_bare if name != BARE else "")
        )


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--servers", type=int, default=100)
    options.add_argument("--slots", type=int, default=10)
    options.add_argument("--warm-up", type=float, default=5.0, metavar="SECONDS")
    options.add_argument("--seconds", type=float, default=20.0, help="for each, in all")
    options.add_argument("--rounds", type=int, default=2, help="that these are measured in")
    options.add_argument("--profile", action="append", metavar="NAME|FILE.toml")
    options.add_argument(
        "--find", action="store_true", help="how many streams there can be, --seconds for each try"
    )
    given = options.parse_args()
    names = [*(given.profile or PROFILES), BARE]
    print(machine())
    if given.find:
        search(names, given.slots, given.warm_up, given.seconds)
        return
    print(
        f"{given.servers * given.slots} streams of {RATE:g} tokens a second, "
        f"{given.servers} servers of {given.slots} slots, {given.seconds:g} s"
    )
    print(HEAD)
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            seconds = given.seconds / given.rounds
            found[name].append(measure(name, given.servers, given.slots, given.warm_up, seconds))
    all_of_it = {name: together(rounds) for name, rounds in found.items()}
    for name, each in all_of_it.items():
        print(line(Path(name).stem, each))
    cost = {name: each.cpu / each.tokens * 1e6 for name, each in all_of_it.items()}
    for name in names[:-1]:
        ratio, more = cost[name] / cost[BARE], cost[name] - cost[BARE]
        print(f"{Path(name).stem}: {ratio:.2f} times the CPU of bare servers, {more:+.2f} us/token")


if __name__ == "__main__":
    main()
