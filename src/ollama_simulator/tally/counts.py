"""What is counted of a fleet's records.

Rules of this file:

1. A number is an entry in `COUNTS` or `HISTOGRAMS`: its name, a sentence, and how a record of
   its kind changes it.

It must not import anything of this package but `records`.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from ollama_simulator import records
from ollama_simulator.records import GAPS_S, Record

WAITS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""The bounds, in seconds, between which waits are counted."""


class Count(msgspec.Struct, frozen=True):
    """Something that is added up."""

    name: str
    says: str
    """What it is, in a sentence."""
    of: type[Record]
    """The kind of record that adds to it."""
    adds: Callable[[Any], float] | None = None
    """How much a record adds; None for one."""
    by: tuple[str, ...] = ()
    """Fields of the record by whose values it is told apart."""


class Buckets:
    """How many things of which size there were."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many were at most as large as each bound and larger than the one before; then
        those that were larger than the last."""
        self.sum = 0.0

    def add(self, size: float) -> None:
        """One more."""
        self.counts[bisect_left(self._bounds, size)] += 1
        self.sum += size

    def pour(self, counts: Sequence[int], total: float) -> None:
        """Several more, which are sorted already."""
        for index, count in enumerate(counts):
            self.counts[index] += count
        self.sum += total


class Histogram(msgspec.Struct, frozen=True):
    """Something that is counted by its size."""

    name: str
    says: str
    of: type[Record]
    bounds: tuple[float, ...]
    fold: Callable[[Buckets, Any], None]
    """Adds a record."""
    by: tuple[str, ...] = ()


COUNTS = (
    Count("connections_opened", "Connections that were made.", records.Opened),
    Count("requests", "Requests whose head was read.", records.Asked),
    Count(
        "requests_finished",
        "Requests that ended, by how they ended and by the status that was sent.",
        records.Finished,
        by=("outcome", "status"),
    ),
    Count(
        "response_body_bytes",
        "Bytes of bodies handed to the kernel.",
        records.Finished,
        attrgetter("body_bytes"),
    ),
    Count("clients_left", "Clients that left before their end.", records.Left, by=("how",)),
    Count("faults_struck", "Answers that a fault changed.", records.Struck, by=("fault",)),
    Count("jobs_queued", "Jobs that had to wait.", records.Queued, by=("waits_for",)),
    Count("jobs_admitted", "Jobs that got a slot.", records.Admitted, by=("model",)),
    Count("prompts_evaluated", "Prompts that were evaluated.", records.Evaluated),
    Count(
        "prompt_tokens",
        "Tokens of evaluated prompts, those in the KV cache included.",
        records.Evaluated,
        attrgetter("prompt"),
    ),
    Count(
        "cached_prompt_tokens",
        "Tokens of evaluated prompts that were in the KV cache.",
        records.Evaluated,
        attrgetter("cached"),
    ),
    Count(
        "cache_hits",
        "Evaluated prompts of which at least one token was in the KV cache.",
        records.Evaluated,
        lambda record: record.cached > 0,
    ),
    Count(
        "prompt_evaluation_seconds",
        "Time for which prompts were evaluated.",
        records.Evaluated,
        attrgetter("seconds"),
    ),
    Count(
        "generated_tokens",
        "Tokens of answers, aborted ones included.",
        records.Generated,
        attrgetter("tokens"),
        by=("model",),
    ),
    Count(
        "wasted_tokens",
        "Tokens that were generated for clients that had left.",
        records.Released,
        attrgetter("wasted_tokens"),
        by=("model",),
    ),
    Count(
        "wasted_prompt_tokens",
        "Tokens of prompts that were evaluated for clients that had left.",
        records.Released,
        attrgetter("wasted_prompt"),
        by=("model",),
    ),
    Count("model_loads", "Models brought into memory.", records.ModelLoaded, by=("model",)),
    Count(
        "model_load_seconds",
        "Time for which models were loaded, those that failed not counted.",
        records.ModelLoaded,
        attrgetter("seconds"),
        by=("model",),
    ),
    Count(
        "model_unloads",
        "Models that left memory, by why they did.",
        records.ModelUnloaded,
        by=("model", "why"),
    ),
    Count(
        "cache_moves",
        "Copies of KV state to the host's memory (saved) and back (restored).",
        records.CacheMoved,
        by=("model", "how"),
    ),
    Count(
        "cache_moved_bytes",
        "Bytes of KV state in these copies.",
        records.CacheMoved,
        attrgetter("size"),
        by=("model", "how"),
    ),
    Count(
        "cache_move_seconds",
        "Time for which every slot waited for these copies.",
        records.CacheMoved,
        attrgetter("seconds"),
        by=("model", "how"),
    ),
    Count("restarts", "Restarts that are over.", records.Restarted),
    Count("internal_errors", "Bugs of the simulator itself.", records.Failed),
)
HISTOGRAMS = (
    Histogram(
        "slot_wait_seconds",
        "From when a job wanted a slot until it had one.",
        records.Admitted,
        WAITS_S,
        lambda buckets, record: buckets.add(record.waited),
        by=("model",),
    ),
    Histogram(
        "time_to_first_token_seconds",
        "From when a job came until its first token was made: queue, load and prompt.",
        records.FirstToken,
        WAITS_S,
        lambda buckets, record: buckets.add(record.seconds),
        by=("model",),
    ),
    Histogram(
        "inter_token_gap_seconds",
        "From one token of an answer to the next.",
        records.Generated,
        GAPS_S,
        lambda buckets, record: buckets.pour(record.gaps, record.seconds),
        by=("model",),
    ),
)
