"""How long a connection waits for its client to say something.

Source: Go's net/http, `ReadHeaderTimeout` and `IdleTimeout`.

It must not import anything but `limits`.
"""

import asyncio
from collections.abc import Callable

from ollama_simulator.limits import Limits


class Patience:
    """A timer that goes while nothing is done for a client."""

    def __init__(self, limits: Limits, over: Callable[[], None]) -> None:
        """`over` is called when it runs out."""
        self._limits = limits
        self._over = over
        self._within_head: bool | None = None
        """What is waited for: the rest of a head, the next request, or nothing."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, *, within_head: bool) -> None:
        """Wait for the rest of a head, or for the next request; longer for the same thing does
        not begin anew."""
        if within_head == self._within_head:
            return
        self.end()
        self._within_head = within_head
        seconds = self._limits.head_seconds if within_head else self._limits.idle_seconds
        if seconds > 0:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._over)

    def end(self) -> None:
        """Wait for nothing."""
        self._within_head = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
