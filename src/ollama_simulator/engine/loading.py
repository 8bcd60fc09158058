"""What a runner does while it starts, and the words for its failures.

Source: native specification 6.4 and 6.7.

Rules of this file:

1. A runner whose start is scripted is silent from its last line on, so it can run into the
   time-out. One that starts at the server's pace tells of its progress, and can't.

It must not import anything but layer 0.
"""

import math
from collections.abc import Iterable

import msgspec

from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.model import Abandoned, Origin, Refusal
from ollama_simulator.script import Load
from ollama_simulator.settings import Profile, Settings

ERRORS = (
    "error:",
    "error loading model",
    "CUDA error",
    "ROCm error",
    "cudaMalloc failed",
    "GGML_ASSERT",
)
"""The marks of an error in a log. From the first of them on, a line is kept, to be told."""

MEMORY = (
    "out of memory",
    "out of device memory",
    "cudamalloc failed",
    "hipmalloc failed",
    "failed to allocate",
    "allocation failed",
    "not enough memory",
    "insufficient memory",
    "vk_error_out_of_device_memory",
    "erroroutofmemory",
)
"""The marks, in lower case, of a failure for want of memory."""


class _Words(msgspec.Struct, frozen=True):
    ended: str
    stalled: str


WORDS: dict[Profile, _Words] = {
    "0.33": _Words(
        "llama-server process has terminated: exit status ",
        "timed out waiting for llama-server to start - ",
    ),
    "0.13.5": _Words(
        "llama runner process has terminated: exit status ",
        "timed out waiting for llama runner to start - progress 0.00 - ",
    ),
}


async def load(
    clock: Clock, settings: Settings, how: Load | None, seconds: float, gone: Interrupt
) -> float:
    """Wait until a runner is ready, `seconds` if the script does not say how long.

    Returns how long it took. Raises `Refusal` if it fails, and `Abandoned` when the client leaves.
    """
    how = how or Load()
    words = WORDS[settings.wire]
    if how.stall:
        seconds = math.inf
    elif how.delay_ms is not None:
        seconds = how.delay_ms / 1000
    silent = how.stall or how.delay_ms is not None
    patience = settings.load_timeout if silent and settings.load_timeout > 0 else math.inf
    if not await clock.sleep_until(clock.now() + min(seconds, patience), gone):
        raise Abandoned(499, "request canceled", Origin.HANDLER)
    said = last_error(how.stderr)
    if seconds > patience:
        raise Refusal(500, words.stalled + said)
    if how.exit is not None:
        raise Refusal(500, f"{words.ended}{how.exit}{': ' if said else ''}{said}")
    return seconds


def last_error(lines: Iterable[str]) -> str:
    """What is kept of a runner's log: its last line that looks like an error."""
    kept = ""
    for line in lines:
        if starts := [line.index(mark) for mark in ERRORS if mark in line]:
            kept = line[min(starts) :].strip()
    return kept


def out_of_memory(message: str) -> bool:
    """Whether a failure is one for want of memory, so that other models make room (6.4)."""
    lower = message.lower()
    return any(mark in lower for mark in MEMORY)
