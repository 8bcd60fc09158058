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

OLD_ERRORS = (
    "error:",
    "CUDA error",
    "ROCm error",
    "cudaMalloc failed",
    '"ERR"',
    "error loading model",
    "GGML_ASSERT",
    "Deepseek2 does not support K-shift",
)
ERRORS: dict[Profile, tuple[str, ...]] = {
    "0.13.5": OLD_ERRORS,
    "0.33": (
        *OLD_ERRORS,
        "mlx:",
        "MLX:",
        "panic:",
        "fatal error:",
        "Error:",
        "signal arrived during cgo execution",
        "llama_init_from_model:",
    ),
}
"""The marks of an error in a log. From the first of them on, a line is kept, to be told."""
MOST_KEPT = 8192
"""Bytes of errors that are kept at most: the last lines."""

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
        "llama-server process has terminated: ",
        "timed out waiting for llama-server to start - ",
    ),
    "0.13.5": _Words(
        "llama runner process has terminated: ",
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
    if seconds > patience:
        raise Refusal(500, words.stalled + kept(how.stderr, settings.wire))
    if how.exit is not None:
        raise Refusal(500, terminated(how.exit, how.stderr, settings.wire))
    return seconds


def terminated(status: int, lines: Iterable[str], wire: Profile) -> str:
    """What is told of a runner that ended with a status instead of getting ready."""
    said = kept(lines, wire)
    ended = f"exit status {status}" if status or wire == "0.13.5" else "OK"
    return f"{WORDS[wire].ended}{ended}{': ' if said else ''}{said}"


def kept(lines: Iterable[str], wire: Profile) -> str:
    """What is kept of a runner's log: its lines that look like errors; of old only the last."""
    errors = [error for line in lines if (error := _error(line, wire))]
    if wire == "0.13.5":
        return errors[-1].strip() if errors else ""
    text = "\n".join(errors)
    if len(cut := text.encode()[-MOST_KEPT:]) < len(text.encode()):
        text = cut.partition(b"\n")[2].decode("utf-8", "replace")
    return text


def _error(line: str, wire: Profile) -> str:
    """What of a line is an error; empty for a line that is none."""
    if starts := [line.index(mark) for mark in ERRORS[wire] if mark in line]:
        return line[min(starts) :].rstrip(" \t\r")
    return line.rstrip(" \t\r") if wire != "0.13.5" and out_of_memory(line) else ""


def out_of_memory(message: str) -> bool:
    """Whether a failure is one for want of memory, so that other models make room (6.4)."""
    lower = message.lower()
    return any(mark in lower for mark in MEMORY)
