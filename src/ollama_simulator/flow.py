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
        """What the chunks stand in that are `due`, if not `UNFRAMED`. Told before `arm`."""

    @abstractmethod
    def arm(self, alarm: Alarm) -> None:
        """Have an alarm called when the next piece is due. Not if it is over."""

    @abstractmethod
    def disarm(self, alarm: Alarm) -> None:
        """Don't call it after all."""

    def due(self) -> Sequence[bytes]:
        """The chunks of the next pieces that are due, in their frames, if each is one chunk and
        known ahead. Else none, and pieces are taken one by one. Who writes some of them calls
        `wrote`."""
        return ()

    def wrote(self, times: Sequence[float], alarm: Alarm, *, blocked: bool) -> None:
        """Of the chunks that are `due` the first ones were handed to the kernel, at these moments
        of the clock, and for the last one it had no room if that `blocked`. Otherwise `arm` for
        the next piece, unless it is over."""
        raise AssertionError("only a flow that says what is due is told of it")

    @abstractmethod
    def take(self) -> Sequence[bytes]:
        """The chunks of the piece that is due; none of one that nobody is told of."""

    @abstractmethod
    def taken(self, alarm: Alarm) -> None:
        """They were handed to the kernel: `arm` for the next piece, unless it is over."""
