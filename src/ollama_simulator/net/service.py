"""Who stands behind a listener: what it is asked, and what it is told.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Callable
from typing import Protocol

from ollama_simulator.acts import How, Reply
from ollama_simulator.brief import Brief
from ollama_simulator.net.head import Head
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import Request
from ollama_simulator.records import Outcome


class Answering(Protocol):
    """One request being answered, by whoever answers."""

    def reply(self, performer: Performer) -> Reply:
        """The acts of the answer. `performer` tells at any time what became of them."""

    async def finish(self, outcome: str) -> None:
        """Called once, however it ended: `complete`, `fin`, `rst`, `left`, `cancelled`, `error`."""

    def failed(self, error: BaseException) -> None:
        """Called when `reply` raised: a bug of ours."""


class Held(Protocol):
    """One that the kernel has not taken whole."""

    unwatched: bool
    """Whether more has come behind its request, as in `Request`."""

    def leave(self, how: How) -> None:
        """Say that the client left. Only the first time counts."""

    def finish(self, outcome: Outcome) -> None:
        """Called once, when the kernel has taken it (`complete`), or never will."""


class Quick(Protocol):
    """Who answers at once what takes no wait."""

    def at_once(self, head: Head, connection: int) -> Brief | None:
        """Answer a request without a body, if that takes no wait; the bytes are at most
        `net.connection.PIECE`, and the connection goes on behind them. None to be asked in the
        ordinary way."""

    def taken(self, brief: Brief) -> None:
        """Called once for what was answered at once, when the kernel has taken it whole."""

    def holds(self, brief: Brief, abort: Callable[[], None]) -> Held:
        """Called in place of `taken`, if the kernel didn't. `abort` resets the connection."""


class Service(Protocol):
    """Who stands behind a listener."""

    @property
    def quick(self) -> Quick | None:
        """Who is asked first; None if there is nobody who answers at once."""

    def answer(self, request: Request) -> Answering:
        """Begin to answer a request."""

    def connected(self, number: int, peer: str) -> None:
        """A client connected."""

    def disconnected(self, number: int, by: str, how: How) -> None:
        """A connection ended; `by` is `us` or `client`."""

    def failed(self, error: BaseException) -> None:
        """A connection broke by a bug of ours; the others go on."""
