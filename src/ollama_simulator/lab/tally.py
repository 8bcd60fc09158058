"""What became of all requests of a trial, in columns.

Rules of this file:

1. A row is added when a request is over, in the order in which they end.

It must not import anything but its own package.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ollama_simulator.lab.request import COMPLETE, Request

TTFT_LIMIT_S = 2.0
GAP_LIMIT_S = 0.05
"""A request is good that is answered to its end, begins within the first and goes on at least at
the pace of the second (engine model, 6.4)."""


class Row(NamedTuple):
    """One request. Times in seconds."""

    asked_at: float
    ttft: float
    """`nan` if no token came."""
    over_at: float
    gap: float
    """The mean one between two tokens; 0 where there are not two."""
    prompt: int
    """Tokens, if it was read."""
    cached: int
    ideal: int
    """Tokens of the prompt that one cache without limits would have had."""
    turn: int
    client: int
    server: int
    """-1 for none."""
    outcome: int


class Tally:
    """A row for each request."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, request: Request, ideal: int, now: float) -> None:
        """A request is over."""
        first, made, asked = request.first_at, request.made, request.asked
        self.rows.append(
            Row(
                request.asked_at,
                first - request.asked_at if made else math.nan,
                now,
                (request.last_at - first) / (made - 1) if made > 1 else 0.0,
                asked.prompt.size if made else 0,
                request.cached if made else 0,
                ideal if made else 0,
                asked.number,
                request.client,
                request.server,
                request.outcome,
            )
        )

    def complete(self) -> Iterator[Row]:
        """The requests that were answered to their end."""
        return (row for row in self.rows if row.outcome == COMPLETE)

    def ttfts(self, wanted: Callable[[int], bool] = lambda turn: True) -> list[float]:
        """The times to the first token of complete requests whose turn is wanted, sorted."""
        return sorted(row.ttft for row in self.complete() if wanted(row.turn))


def good(row: Row) -> bool:
    """Whether a request was answered as it should be."""
    return row.outcome == COMPLETE and row.ttft <= TTFT_LIMIT_S and row.gap <= GAP_LIMIT_S
