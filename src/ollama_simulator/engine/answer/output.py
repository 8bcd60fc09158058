"""What a model's runner puts out while it answers, piece by piece.

Source: native specification 5 and 7.

It must not import anything but layer 0.
"""

from enum import Enum, auto

import msgspec

from ollama_simulator.engine.answer.parsers.native import CallPart
from ollama_simulator.model import Logprob


class Piece(msgspec.Struct, frozen=True):
    """A token, as the runner tells it."""

    text: str = ""
    thinking: str = ""
    calls: tuple[CallPart, ...] = ()
    """Thinking and calls are told apart by the runners of the path `native` alone."""
    logprobs: tuple[Logprob, ...] = ()
    verbatim: bool = False
    """Whether it is told whatever the request's stop strings and limits are."""
    tokens: int = 1
    """How many tokens it takes the time of, and counts as."""


NO_PIECE = Piece(tokens=0)


class Pause(msgspec.Struct, frozen=True):
    """Nothing, for some time."""

    seconds: float


class Kind(Enum):
    """How a runner fails."""

    CRASH = auto()
    """It dies. The text is the last error that it logged."""
    RESET = auto()
    """Its connection breaks."""
    MALFORMED = auto()
    """It tells what nobody can read. The text is the reader's complaint."""
    REPORTED = auto()
    """It tells of an error of its own, which the path `native` passes on. The text is that."""
    TOLD = auto()
    """It fails as its user wants it to. The text is the message."""


class Failure(msgspec.Struct, frozen=True):
    """The end of an answer that failed."""

    kind: Kind
    text: str = ""
    status: int = 500


class End(msgspec.Struct, frozen=True):
    """The end of an answer. What isn't known of its cost is worked out."""

    reason: str | None
    """`stop`, `length`, or None for an end without a word."""
    prompt_tokens: int | None = None
    tokens: int | None = None
    prompt_s: float | None = None
    generation_s: float | None = None
    last: Piece = NO_PIECE
    """What comes with it."""


Output = Piece | Pause | Failure | End
