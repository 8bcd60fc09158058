"""From what was measured to the numbers of a profile.

Source: engine model, 2.1 and 2.4.

Rules of this file:

1. Pure functions. What a measurement can't tell is None, and never a guess.
2. A cost that comes out below 0, or so small that it is lost in the irregularity of the others, is
   0.

It must not import anything but its own package.
"""

import math
from typing import NamedTuple

from ollama_simulator.calibrate.findings import (
    Copied,
    Findings,
    Interrupted,
    Prompted,
    Stream,
)

SEEN = 0.005
"""A cost that is a smaller part of what was measured can't be told from nothing."""
NOISE_S = 1e-3
"""What a request by itself takes more or less, however regular the server is."""
SNAP = 0.15
"""How far from a power of two a batch may come out that is taken for it."""
USUAL_BATCHES = ((32_768, 2048), (4_096, 1024))
"""Of the engine `current` by the context of all slots; else, and of `legacy`, 512."""
FIXED_S = 0.5
"""What a load takes beside reading: two loads of one file can't tell it."""
LARGEST_BATCH = 2**14


class Decode(NamedTuple):
    """Seconds of an iteration, and for each token of context."""

    step: float
    per_context: float


class Prefill(NamedTuple):
    """Seconds for a token of a prompt, and for each token before it."""

    per_token: float
    per_position: float


class Crowd(NamedTuple):
    """Seconds for a second slot, and how that grows; None for what was not seen."""

    second: float | None
    power: float | None


class Load(NamedTuple):
    """Seconds beside reading, and bytes in a second."""

    fixed: float
    disk: float | None
    """None if the file was in the page cache all the time."""
    pagecache: float


def decode(shallow: Stream, deep: Stream) -> Decode:
    """From answers at two depths."""
    per_context = (deep.gap - shallow.gap) / (deep.contexts - shallow.contexts)
    if per_context * deep.contexts <= SEEN * deep.gap:
        return Decode((shallow.gap + deep.gap) / 2, 0.0)
    return Decode(max(shallow.gap - per_context * shallow.contexts, 0.0), per_context)


def prefill(short: Prompted, long: Prompted, step: float, batch: int) -> Prefill:
    """From prompts of two lengths: n / r + q n (n - 1) / 2 beside the steps."""

    def reading(of: Prompted) -> float:
        # Where a step takes longer than all, the prompt was not read in iterations of this size.
        return max(of.seconds - math.ceil(of.tokens / batch) * step, of.seconds / 100)

    a, b = reading(short) / short.tokens, reading(long) / long.tokens
    per_position = 2 * (b - a) / (long.tokens - short.tokens)
    if per_position * long.tokens**2 / 2 <= SEEN * long.seconds:
        return Prefill((reading(short) + reading(long)) / (short.tokens + long.tokens), 0.0)
    per_token = a - per_position * (short.tokens - 1) / 2
    if per_token <= 0:
        return Prefill(a, 0.0)
    return Prefill(per_token, per_position)


def crowd(crowds: tuple[Stream, ...], found: Decode) -> Crowd:
    """From two and more answers at a time: b (G - 1)^g."""
    extra = [
        (each.slots, each.gap - found.step - found.per_context * each.contexts) for each in crowds
    ]
    if not extra:
        return Crowd(None, None)
    second = max(extra[0][1], 0.0)
    if len(extra) < 2 or not second or extra[1][1] <= 0:
        return Crowd(second, None)
    return Crowd(second, max(math.log(extra[1][1] / second) / math.log(extra[1][0] - 1), 0.0))


def beside(seen: Interrupted, size: int, step: Decode, read: Prefill, engine: str) -> float:
    """The gap of an answer while a prompt is read in batches of this size: an iteration with one
    token of the answer, and in the engine `legacy` one more, which is the prompt's alone."""
    iterations = 2 if engine == "legacy" else 1
    each = read.per_token + read.per_position * seen.prompt / 2
    tokens = iterations * size - 1
    return iterations * step.step + step.per_context * seen.context + tokens * each


def batch(found: Findings, seen: Interrupted, step: Decode) -> int:
    """The size of a batch that makes such a gap."""
    low, high = 1, LARGEST_BATCH
    while low < high:
        size = (low + high) // 2
        read = prefill(found.short, found.long, step.step, size)
        if beside(seen, size, step, read, found.about.engine) < seen.gap:
            low = size + 1
        else:
            high = size
    power = 2 ** round(math.log2(low))
    return power if abs(low - power) <= SNAP * power else low


def usual_batch(engine: str, context: int, slots: int) -> int:
    """What Ollama takes if nobody says how large a batch is."""
    if engine == "legacy":
        return 512
    return next((size for above, size in USUAL_BATCHES if context * slots > above), 512)


def iterations(found: Findings, step: Decode) -> tuple[Prefill, int, bool]:
    """How prompts are read, the size of a batch, and whether that was seen."""
    seen = found.interrupted
    if seen is None:
        size = usual_batch(found.about.engine, found.context, found.slots)
    else:
        size = batch(found, seen, step)
    return prefill(found.short, found.long, step.step, size), size, seen is not None


def load(found: Findings) -> Load | None:
    """From two loads; None if the size of the file isn't known."""
    size = found.about.size
    cold, warm = (max(s - found.request_s, 1e-3) for s in (found.cold_s, found.warm_s))
    fixed = min(FIXED_S, warm / 2)
    if not size:
        return None
    disk = size / (cold - fixed) if cold > 1.05 * warm else None
    return Load(fixed, disk, size / (warm - fixed))


def per_token(found: Findings) -> float:
    """Seconds for each token of a prompt before it is evaluated."""
    long = found.long_request
    extra = long.seconds - found.request_s
    return extra / long.tokens if extra > max(SEEN * long.seconds, NOISE_S) else 0.0


def copying(copied: Copied, found: Findings, kv_bytes: int) -> float | None:
    """Bytes in a second between a slot and the host; None if nothing took time."""
    usual = found.request_s + per_token(found) * copied.asked.tokens
    seconds = copied.asked.seconds - usual
    if not kv_bytes or seconds < max(0.1 * usual, NOISE_S):
        return None
    return copied.tokens * kv_bytes / seconds
