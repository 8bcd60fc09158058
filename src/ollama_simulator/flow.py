"""Pieces of an answer that come one after another, each at its moment, without a task that waits.

To wake a task for a token costs more than the token. So who says tokens may offer a flow of them:
whoever takes it is called at each moment, and turns to the task again when the flow is over.

Rules of this file:

1. A flow is an offer. Who doesn't take it gets the next piece in the ordinary way.
2. It holds nothing that isn't said in the ordinary way, too, and at the same moments.

It must not import anything of this package but `wheel`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ollama_simulator.wheel import Alarm


class Frame(NamedTuple):
    """What stands around a chunk on its way to the client."""

    before: Mapping[int, bytes]
    """In front of it, by its length in bytes; of any length."""
    behind: bytes


class _Nothing(dict[int, bytes]):
    """In front of any chunk."""

    def __missing__(self, length: int) -> bytes:
        return b""


UNFRAMED = Frame(_Nothing(), b"")
"""Chunks as they are."""


Encode = Callable[[Any], Sequence[bytes]]
"""Makes the chunks of a piece, when it is said."""
EncodeAhead = Callable[[Sequence[str], Sequence[int], Frame], list[bytes] | None]
"""Makes the chunks of texts that will be said at these times of day (in nanoseconds, none of them
before the last one), one for each, in their frame; None if it can't ahead."""


class Batch(NamedTuple):
    """Pieces of one chunk each."""

    chunks: Sequence[bytes]
    """In their frames; there is at least one."""
    dues: Sequence[float]
    """When each is due, in seconds of the clock."""


class Flow(ABC):
    """What comes next, and next, and so on."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        self.over = False
        """Whether what comes next has to be got in the ordinary way."""

    @abstractmethod
    def begin(self, encode: Encode, ahead: EncodeAhead) -> None:
        """Somebody takes it."""

    @abstractmethod
    def frame(self, frame: Frame) -> None:
        """What the chunks of batches stand in, if not `UNFRAMED`. Told before anything is taken."""

    @abstractmethod
    def arm(self, alarm: Alarm) -> None:
        """Have an alarm called when the next piece is due. Not if it is over."""

    @abstractmethod
    def disarm(self, alarm: Alarm) -> None:
        """Don't call it after all."""

    def batch(self) -> Batch | None:
        """The next pieces, if they are known ahead and each is one chunk. Who gets them hands each
        to the kernel when it is due, and then calls `wrote`. None if pieces have to be taken one by
        one."""
        return None

    def wrote(self, times: list[float], *, blocked: bool) -> None:
        """The first pieces of the batch, or all, were handed to the kernel at these moments of the
        clock; for the last of these it had no room if that `blocked`."""
        raise AssertionError("only a flow that has batches is told of them")

    @abstractmethod
    def take(self) -> Sequence[bytes]:
        """The chunks of the piece that is due; none of one that nobody is told of."""

    @abstractmethod
    def taken(self) -> None:
        """They were handed to the kernel."""
