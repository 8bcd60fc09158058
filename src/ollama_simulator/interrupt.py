"""What ends a wait early: the client left.

It must not import anything of this package.
"""

import asyncio
from collections.abc import Callable


class Interrupt:
    """A one-shot signal that ends the waits of one job early."""

    def __init__(self) -> None:
        self.fired = False
        self.in_write = False
        """Whether the client left while a write to it was blocked."""
        self.waits: dict[asyncio.Future[bool], None] = {}
        """Those that get the result False when it fires, in their order."""
        self._wake: list[Callable[[], None]] = []

    def fire(self) -> None:
        """Set the signal and wake whoever waits. Firing twice is harmless."""
        if self.fired:
            return
        self.fired = True
        wakes, self._wake = self._wake, []
        for wake in wakes:
            wake()
        for future in tuple(self.waits):
            finish(future, False)

    def wakes(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the signal is set; at once if it is set already."""
        if self.fired:
            callback()
        else:
            self._wake.append(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Undo `wakes`."""
        if callback in self._wake:
            self._wake.remove(callback)

    async def wait(self) -> None:
        """Return when the signal is set."""
        await wait_for(asyncio.get_running_loop().create_future(), self)


NEVER = Interrupt()
"""One that never fires: for jobs that nobody leaves."""


async def wait_for(future: "asyncio.Future[bool]", interrupt: Interrupt) -> bool:
    """Wait until `future` has a result, or give it the result False when `interrupt` fires.

    Returns the future's result, so whoever sets it to True knows that it was heard.
    """
    if interrupt is NEVER:
        return await future
    if interrupt.fired:
        finish(future, False)
    interrupt.waits[future] = None
    try:
        return await future
    finally:
        del interrupt.waits[future]


def finish(future: "asyncio.Future[bool]", result: bool) -> bool:
    """Give a future its result. Returns False if it had one, or was cancelled."""
    if future.done():
        return False
    future.set_result(result)
    return True
