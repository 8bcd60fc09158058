"""Who stands behind a listener: what it is asked, and what it is told.

It must not import anything but layer 0 and its own package.
"""

from typing import Protocol

from ollama_simulator.acts import How, Reply
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import Request


class Answering(Protocol):
    """One request being answered, by whoever answers."""

    def reply(self, performer: Performer) -> Reply:
        """The acts of the answer. `performer` tells at any time what became of them."""

    async def finish(self, outcome: str) -> None:
        """Called once, however it ended: `complete`, `fin`, `rst`, `left`, `cancelled`, `error`."""

    def failed(self, error: BaseException) -> None:
        """Called when `reply` raised: a bug of ours."""


class Service(Protocol):
    """Who stands behind a listener."""

    def answer(self, request: Request) -> Answering:
        """Begin to answer a request."""

    def connected(self, number: int, peer: str) -> None:
        """A client connected."""

    def disconnected(self, number: int, by: str, how: How) -> None:
        """A connection ended; `by` is `us` or `client`."""

    def failed(self, error: BaseException) -> None:
        """A connection broke by a bug of ours; the others go on."""
