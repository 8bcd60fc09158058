"""The scores of one trial.

Source: engine model, 6.4.

Rules of this file:

1. Every error, refusal and client that left is a request that was not good: to answer fewer
   requests must not look like speed.
2. Times to the first token are those of complete requests, from the moment they were asked: the
   wait at the balancer, queue, load and prompt are in them.
3. The network takes no time here, so there is no added latency to score.

It must not import anything but its own package.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from statistics import median

import msgspec

from ollama_simulator.lab.request import FAILED, LEFT, REFUSED
from ollama_simulator.lab.tally import Row, good
from ollama_simulator.lab.trial import Outcome

LEAST_ROWS = 10
"""Requests that a client needs to have its own percentile."""
WINDOW_S = 60.0
STEP_S = 5.0
"""A fleet has recovered when in so long a window, moved on by such steps, it does well again."""
WELL = 0.9
"""... that is, when the share of good requests is so much of what it was before."""


class Times(msgspec.Struct, frozen=True):
    """Times to the first token, in seconds; `nan` without a request."""

    mean: float
    p50: float
    p90: float
    p99: float


class Score(msgspec.Struct, frozen=True):
    """What came of one trial."""

    policy: str
    seed: int
    requests: int
    errors: int
    refused: int
    left: int
    throughput: float
    """Complete requests in a second."""
    hit_ratio: float
    """Share of the tokens of prompts that were not read, being cached."""
    ideal_ratio: float
    """The same of one cache for all servers, without limits."""
    ttft: Times
    ttft_first: Times
    """Of first turns."""
    ttft_later: Times
    goodput: float
    """Good requests in a second."""
    good_share: float
    balance: float
    """Jain's index of the servers' busy times, each weighted by its speed: 1 if all are as long
    busy, 1/n if one does everything."""
    worst_client: float
    """The 90th percentile of the time to the first token of the client with the longest, divided
    by the median one; `nan` where clients ask too little to tell."""
    utilisation: float
    """Mean share of the time that servers were busy."""
    loads: float
    """Of models, for 1,000 requests, beyond those at the start."""
    evictions: float
    reloads: float
    wasted_tokens: int
    """Tokens that were generated for clients that had left."""
    wasted_prompt: int
    recovery_s: tuple[float, ...]
    """For each incident, how long from then on fewer requests were good than 90 % of the share
    before the first one; `inf` for to the end."""


def score(outcome: Outcome) -> Score:
    """Work the scores out."""
    trial, rows = outcome.trial, outcome.tally.rows
    complete = list(outcome.tally.complete())
    fine = sum(map(good, rows))
    prompt = sum(row.prompt for row in rows) or 1
    thousands = len(rows) / 1000 or 1.0
    ended = {kind: sum(row.outcome == kind for row in rows) for kind in (FAILED, REFUSED, LEFT)}
    counts = outcome.counts
    first = min((incident.at for incident in trial.incidents), default=0.0)
    speeds = [machine.settings.speed for machine in trial.machines]
    return Score(
        policy=trial.policy,
        seed=trial.seed,
        requests=len(rows),
        errors=ended[FAILED],
        refused=ended[REFUSED],
        left=ended[LEFT],
        throughput=len(complete) / outcome.ended_at,
        hit_ratio=sum(row.cached for row in rows) / prompt,
        ideal_ratio=sum(row.ideal for row in rows) / prompt,
        ttft=times([row.ttft for row in complete]),
        ttft_first=times([row.ttft for row in complete if not row.turn]),
        ttft_later=times([row.ttft for row in complete if row.turn]),
        goodput=fine / outcome.ended_at,
        good_share=fine / (len(rows) or 1),
        balance=jain(outcome.busy_s, speeds),
        worst_client=worst_client(complete),
        utilisation=sum(outcome.busy_s) / len(speeds) / outcome.ended_at,
        loads=sum(each.loads for each in counts) / thousands,
        evictions=sum(each.evictions for each in counts) / thousands,
        reloads=sum(each.reloads for each in counts) / thousands,
        wasted_tokens=sum(each.wasted_tokens for each in counts),
        wasted_prompt=sum(each.wasted_prompt for each in counts),
        recovery_s=tuple(recovery(rows, each.at, first) for each in trial.incidents),
    )


def times(found: Sequence[float]) -> Times:
    """The mean and the percentiles of some times."""
    if not found:
        return Times(math.nan, math.nan, math.nan, math.nan)
    ordered = sorted(found)
    return Times(math.fsum(ordered) / len(ordered), *(percentile(ordered, p) for p in (50, 90, 99)))


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent are not above (the nearest rank)."""
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def jain(values: Sequence[float], weights: Sequence[float]) -> float:
    """Jain's index of fairness: 1 for equal values."""
    total = sum(weight * value for weight, value in zip(weights, values, strict=True))
    squares = sum(weight * value**2 for weight, value in zip(weights, values, strict=True))
    return total**2 / (sum(weights) * squares) if squares else 1.0


def worst_client(rows: Sequence[Row]) -> float:
    """How much worse the worst client fares than the one in the middle."""
    by_client: defaultdict[int, list[float]] = defaultdict(list)
    for row in rows:
        by_client[row.client].append(row.ttft)
    found = [
        percentile(sorted(ttfts), 90) for ttfts in by_client.values() if len(ttfts) >= LEAST_ROWS
    ]
    return max(found) / median(found) if found and median(found) else math.nan


def recovery(rows: Sequence[Row], since: float, first: float) -> float:
    """Seconds since an incident until as many requests are good as before the first one."""
    ordered = sorted(rows, key=lambda row: row.asked_at)
    asked = [row.asked_at for row in ordered]
    fine = [0, *accumulate(good(row) for row in ordered)]
    until = bisect_left(asked, first)
    if not until:
        return math.nan
    enough = WELL * fine[until] / until
    start = since
    while start + WINDOW_S <= asked[-1]:
        first, last = bisect_left(asked, start), bisect_left(asked, start + WINDOW_S)
        if last > first and (fine[last] - fine[first]) / (last - first) >= enough:
            return start - since
        start += STEP_S
    return math.inf
