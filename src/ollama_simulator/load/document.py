"""What a play came to, as a document that programs read.

Rules of this file:

1. The form has a version. Fields may be added to it; whatever else changes gets a new number.
2. Times are in seconds, rates in a second.

It must not import the player.
"""

from typing import Literal

import msgspec

from ollama_simulator.load.sample import Limits
from ollama_simulator.load.spread import STEP_S, Spread
from ollama_simulator.load.tally import Tally

VERSION = 1
TOO_LATE_S = 0.02
"""If we were this late with more than one request in a hundred, we were the bottleneck."""


class Times(msgspec.Struct, frozen=True):
    """A distribution; all but the count are None where there is nothing."""

    count: int
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, spread: Spread) -> "Times":
        """The distribution of some times."""
        percentiles = spread.percentiles(50, 90, 95, 99)
        if percentiles is None:
            return cls(0)
        p50, p90, p95, p99 = percentiles
        return cls(spread.count, spread.mean, p50, p90, p95, p99, spread.longest)


class Failure(msgspec.Struct, frozen=True):
    """One kind of error."""

    kind: str
    count: int
    example: str
    """What was said of the first one."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What was played, as it was asked for."""

    url: str
    api: str
    model: str
    workload: str
    loop: Literal["open", "closed"]
    users: int | None
    """Of a closed loop."""
    seed: int
    nonce: str
    """With the same one every text is the same."""
    requests: int
    duration: float
    timeout: float
    in_flight: int


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A play and what came of it."""

    version: int = VERSION
    played: Played
    limits: Limits
    step: float = STEP_S
    """All times of distributions are multiples of this."""
    ended_by: str
    seconds: float
    """To the end of the last answer."""
    requests: int
    complete: int
    failed: int
    good: int
    held_back: int
    not_asked: int
    unfinished: int
    prompt_tokens: int
    answer_tokens: int
    request_rate: float
    """Complete answers."""
    goodput: float
    """Complete answers within the limits."""
    token_rate: float
    """Tokens of all answers."""
    ttft: Times
    ttft_first_turns: Times
    ttft_later_turns: Times
    gap: Times
    end_to_end: Times
    lateness: Times
    """Our own: how long after it was due a request was begun."""
    bottleneck: str | None
    """Why the numbers tell of us rather than of the servers; None if they don't."""
    errors: tuple[Failure, ...]


def document(tally: Tally, played: Played, ended_by: str) -> Document:
    """All that a tally says."""
    seconds = tally.seconds

    def rate(count: int) -> float:
        return count / seconds if seconds > 0 else 0.0

    return Document(
        played=played,
        limits=tally.limits,
        ended_by=ended_by,
        seconds=seconds,
        requests=tally.requests,
        complete=tally.complete,
        failed=tally.errors.total(),
        good=tally.good,
        held_back=tally.held_back,
        not_asked=tally.not_asked,
        unfinished=tally.unfinished,
        prompt_tokens=tally.asked,
        answer_tokens=tally.answered,
        request_rate=rate(tally.complete),
        goodput=rate(tally.good),
        token_rate=rate(tally.answered),
        ttft=Times.of(tally.ttft),
        ttft_first_turns=Times.of(tally.ttft_first),
        ttft_later_turns=Times.of(tally.ttft_later),
        gap=Times.of(tally.gap),
        end_to_end=Times.of(tally.end_to_end),
        lateness=Times.of(tally.late),
        bottleneck=_bottleneck(tally),
        errors=tuple(
            Failure(kind, count, tally.examples[kind]) for kind, count in tally.errors.most_common()
        ),
    )


def _bottleneck(tally: Tally) -> str | None:
    if tally.held_back:
        return (
            f"{tally.held_back} requests had to wait for others of ours to end: "
            "more may be in flight with a higher --in-flight, or with more users of Locust"
        )
    late = tally.late.percentiles(99)
    if late is not None and late[0] > TOO_LATE_S:
        return (
            f"one request in a hundred was begun {late[0]:.3f} s late or later: "
            "this machine is too slow or too busy for the load"
        )
    return None
