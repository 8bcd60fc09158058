"""How long requests would have waited for their first token under other choices.

A server does one request at a time, in the order in which they come; a request takes as long as
its tokens do. So each choice is a small sum, and the same requests can be handed out in any way.

Rules of this file:

1. Pure functions of the requests. Chance comes from the seed that they are given.

It must not import anything of this package.
"""

import random
from collections.abc import Callable, Sequence
from statistics import fmean

import msgspec

DRAWS = 200
"""Over so many draws the wait under random choice is averaged."""

Choose = Callable[[list[int]], int]
"""The server for a request, by how many each has in progress."""


class Work(msgspec.Struct, frozen=True):
    """A request. Times in seconds."""

    at: float
    """When it is made."""
    takes: float
    """How long a server works at it."""


def least(loads: list[int]) -> int:
    """The first server with the fewest requests in progress."""
    return loads.index(min(loads))


def mean_wait(work: Sequence[Work], servers: int, choose: Choose) -> float:
    """How long a request waits for its server on average."""
    ends: list[list[float]] = [[] for _ in range(servers)]
    waits = []
    for each in work:
        loads = [sum(end > each.at for end in server) for server in ends]
        mine = ends[choose(loads)]
        begins = max(each.at, mine[-1] if mine else 0.0)
        waits.append(begins - each.at)
        mine.append(begins + each.takes)
    return fmean(waits)


def mean_random_wait(work: Sequence[Work], servers: int, seed: int = 0) -> float:
    """The same, where each server is drawn, averaged over many draws."""
    rng = random.Random(seed)
    return fmean(
        mean_wait(work, servers, lambda loads: rng.randrange(len(loads))) for _ in range(DRAWS)
    )
