"""Whether this process may open so many files more that a client can be let in.

Each connection is an open file, and a process may only have so many (`ulimit -n`). The last ones
are left for what is no client's: the control API must answer just then.

Rules of this file:

1. While there is no room nobody accepts, and nobody asks again and again: one timer looks for all.
2. Who ran out of room is told once, and when there was room for a while, once more.

It must not import anything but its own package.
"""

import asyncio
import os
from collections.abc import Callable

from ollama_simulator.net import kernel

SPARE = 32
"""Files that are not for clients, at most."""
SHARE = 4
"""At most one in so many of those that may still be opened is not for clients."""
RETRY_S = 0.05
"""Seconds between two looks whether there is room again."""
CALM_S = 1.0
"""Seconds without a want of room after which it is over."""


def _lowest() -> int | None:
    """The number of the next file that is opened; None if none can be."""
    try:
        number = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return None
    os.close(number)
    return number


def _nothing(*_: object) -> None:
    """Tell nobody."""


class Room:
    """The files that clients may have open, of all listeners of a process."""

    def __init__(
        self,
        short: Callable[[str], object] = _nothing,
        eased: Callable[[], object] = _nothing,
    ) -> None:
        """To be made when what is no client's is open already, such as the ports. `short` is told,
        in words, that there is no room any more, `eased` that there is."""
        most, free = kernel.most_files(), _lowest() or 0
        self.top = None if most is None else most - min(SPARE, (most - free) // SHARE)
        """The number that a client's file must not have, as the system gives the lowest that is
        free; None where there is no limit."""
        self.full = False
        """Whether nobody may accept."""
        self._short = short
        self._eased = eased
        self._waiting: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._calm: asyncio.TimerHandle | None = None
        self._told = False

    def taken(self, number: int) -> None:
        """A client's file has this number. If it is too high, it is the last for now."""
        if self.top is not None and number >= self.top:
            self.full = True

    def wait(self, resume: Callable[[], None]) -> None:
        """Call back when there is room. Called by who finds none, full or not."""
        self.full = True
        self._waiting.append(resume)
        if self._calm is not None:
            self._calm.cancel()
            self._calm = None
        if not self._told:
            self._told = True
            only = "" if self.top is None else f" ({kernel.most_files()}: `ulimit -n`)"
            self._short(
                f"this process has as many files open as it may have{only}; who connects waits "
                "until one of them is closed"
            )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(RETRY_S, self._look)

    def forget(self, resume: Callable[[], None]) -> None:
        """Don't call back."""
        if resume in self._waiting:
            self._waiting.remove(resume)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        if self._waiting and not self._there_is():
            self._timer = loop.call_later(RETRY_S, self._look)
            return
        # It is over, too, when nobody waits any more.
        self.full = False
        self._calm = loop.call_later(CALM_S, self._over)
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume()

    def _there_is(self) -> bool:
        number = _lowest()
        return number is not None and (self.top is None or number < self.top)

    def _over(self) -> None:
        self._calm = None
        self._told = False
        self._eased()
