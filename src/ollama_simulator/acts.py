"""What can be done to a connection: the alphabet that every answer is spelled in.

Rules of this file:

1. An act is a frozen value. It says what to do; `net.perform` alone does it.
2. The set is closed: whoever matches on it ends in `assert_never`.
3. The transport's verbs (`Hangup`) are acts like any other, so a fault that resets
   a connection needs no special case anywhere.

It must not import anything of this package but `flow`.
"""

from collections.abc import AsyncIterator
from enum import Enum

import msgspec

from ollama_simulator.flow import Flow


class How(Enum):
    """How a connection is ended."""

    FIN = "fin"
    """The sending side is shut down: the peer reads an end of file."""
    RST = "rst"
    """The connection is reset: the peer's next read or write fails (RFC 9293, 3.10.7)."""


class Framing(Enum):
    """How the end of a body is told (RFC 9112, section 6)."""

    AUTO = "auto"
    """As Ollama does: `Content-Length` for a whole body of at most 2,048 bytes, else chunked."""
    CHUNKED = "chunked"
    """Chunked at once, before the first byte of the body exists."""
    CLOSE = "close"
    """The end of the connection ends the body (RFC 9112, 6.3, rule 8)."""
    NONE = "none"
    """No header says how long the body is: for an answer that has none (to HEAD)."""


class Head(msgspec.Struct, frozen=True):
    """Status line and headers.

    The performer adds `Date`, the framing header and `Connection`. With `Framing.AUTO` and
    no `length` the head is held back until the first flushed byte or the end.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    framing: Framing = Framing.AUTO
    length: int | None = None
    """A declared `Content-Length`, in bytes; what is really sent may be less. It takes the place of
    one among the headers."""
    blank_line: bool = True
    """False leaves out the empty line that ends the head, so that it never completes."""
    reason: str | None = None
    """The reason phrase; None for Go's."""


class Body(msgspec.Struct, frozen=True):
    """Bytes of the body. One flushed `Body` is one chunk on a chunked answer."""

    data: bytes
    flush: bool = True


class Idle(msgspec.Struct, frozen=True):
    """How a connection that was kept alive ends behind an answer, though nothing announced it."""

    how: How
    seconds: float | None = None
    """After so long without a request. None: when the next request is there, which is then neither
    read nor answered."""


class End(msgspec.Struct, frozen=True):
    """The answer is complete: what was held back goes out, with its terminator."""

    then: Idle | None = None
    """How the connection ends behind it; None if it goes on as long as its client likes."""


class Raw(msgspec.Struct, frozen=True):
    """Bytes that go to the connection as they are: no head of ours, no framing, no terminator.

    An interim answer before a `Head`, an odd answer in place of one, or what no framing of ours
    would write behind one. Since nobody knows what a peer makes of them, the connection ends with
    the answer, whether `End` or `Hangup` ends that.
    """

    data: bytes


class Tick(msgspec.Struct, frozen=True):
    """One unit of progress (a token, or a whole answer without tokens). Writes nothing.

    It makes token faults universal: an answer that is sent in one piece still ticks
    once for each token, so "after five tokens" happens at the right moment.
    """


class Wait(msgspec.Struct, frozen=True):
    """Do nothing for a while."""

    seconds: float


class Hold(msgspec.Struct, frozen=True):
    """Do nothing until the client leaves."""


class Hangup(msgspec.Struct, frozen=True):
    """End the connection here, whatever was promised."""

    how: How


class Throttle(msgspec.Struct, frozen=True):
    """Hand all bytes from here on to the kernel little by little, head and framing included.

    Two of them hold both: what the later one lets through goes through the earlier one.
    """

    size: int
    """Bytes in one write at most."""
    per_byte: float = 0.0
    """Seconds that each byte takes before it is written, like a line of that bandwidth."""
    pause: float = 0.0
    """Seconds between one write and the next."""


class Stream(msgspec.Struct, frozen=True):
    """Do as a flow says that was begun: a `Tick` for each piece, and a flushed `Body` for each of
    its chunks, at its moment.

    Only behind a `Body` that was flushed. Faults never meet it: who bends acts is not offered any.
    """

    flow: Flow


Act = Head | Body | Raw | End | Tick | Wait | Hold | Hangup | Throttle | Stream
Reply = AsyncIterator[Act]


class Door(Enum):
    """The state of a server's listening socket, mildest first."""

    OPEN = "open"
    DEAF = "deaf"
    """The kernel drops whoever knocks: connecting takes until the client gives up."""
    FROZEN = "frozen"
    """The process is stopped: connections are made by the kernel, nothing is read or written."""
    SHUT = "shut"
    """Nobody listens: the kernel refuses."""


class Stance(msgspec.Struct, frozen=True):
    """Where something wants a server's door, and for how long."""

    door: Door = Door.OPEN
    ended: bool = False
    """Whether the server's process is gone: its connections are reset, the kernel refuses, and
    what was in memory is lost. It is started anew when nothing wants it gone any more."""
    until: float | None = None
    """Seconds after the fault was set; None for ever."""


SEVERITY = {door: number for number, door in enumerate(Door)}
"""How bad a door is: of several wishes the worst one counts."""
