"""Connections to servers that are kept between requests.

Rules of this file:

1. A connection is kept when its answer was read to its end, and nobody said that it ends.
2. One that its server closed meanwhile is not used again.

It must not import the balancer.
"""

import httptools

from ollama_simulator.interrupt import Interrupt
from ollama_simulator.net.client import Client, End


class Kept(Client):
    """A connection that carries one request after the other."""

    pool: "Pool"
    where: tuple[str, int]
    """Host and port."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        """How many requests it has carried before this one."""

    @property
    def open(self) -> bool:
        """Whether its server has not closed it, as far as is known."""
        return not self._transport.is_closing()

    @property
    def _reusable(self) -> bool:
        said = self._head.header("connection") if self._head is not None else None
        return self._complete and self.open and not self._pieces and said != "close"

    def next_turn(self) -> None:
        """Be ready for the next request."""
        self.turn += 1
        self._parser = httptools.HttpResponseParser(self)
        self._head = None
        self._interim.clear()
        self._complete = False
        if not self.open:
            self._break(End.CUT, "the connection was closed while it was idle")

    def leave_when(self, gone: Interrupt) -> None:
        """Close when an interrupt fires, if the request that it belongs to is still there."""
        turn = self.turn

        def leave() -> None:
            if self.turn == turn and not self._complete:
                self.close()

        gone.wakes(leave)

    async def __aexit__(self, *_: object) -> None:
        if self._reusable:
            self.pool.keep(self)
        else:
            self.close()


class Pool:
    """The connections that nobody uses."""

    make: type[Kept] = Kept

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int], list[Kept]] = {}

    def usable(self, kept: Kept) -> bool:
        """Whether a connection can carry another request."""
        return kept.open

    async def connect(self, host: str, port: int, timeout: float | None) -> Kept:
        """A connection that was kept, or a new one. Raises `Broken` as connecting does."""
        idle = self._idle.get((host, port), [])
        while idle:
            kept = idle.pop()
            if self.usable(kept):
                kept.next_turn()
                return kept
        kept = await self.make.connect(host, port, timeout)
        kept.pool, kept.where = self, (host, port)
        return kept

    def keep(self, kept: Kept) -> None:
        """Have a connection for later."""
        self._idle.setdefault(kept.where, []).append(kept)
