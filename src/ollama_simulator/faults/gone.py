"""What faults share that take a server away for a while, like a process that was killed."""

from typing import Annotated

from msgspec import Meta

from ollama_simulator.acts import Door, Stance

Duration = Annotated[int, Meta(ge=1, le=10**10)]
"""Milliseconds, and not none."""

GONE = Stance(Door.SHUT, ended=True)


def milliseconds(age: float) -> int:
    """Whole milliseconds of an age. One that is a rounding error before a moment is at it: else
    whoever looks at that moment would be told to look again at once."""
    return int(age * 1000 + 1e-3)


def until(ms: int, *, gone: bool) -> Stance:
    """A stance that lasts until so many milliseconds after the fault was set."""
    return Stance(GONE.door if gone else Door.OPEN, ended=gone, until=ms / 1000)
