"""Shows a running fleet on a terminal, until it is ended.

Rules of this file:

1. The terminal is as it was when the view ends, however it ends.
2. Drawing is left to another thread, and only done when something looks different: servers have
   to be on time meanwhile.

It must not import the servers' insides.
"""

import asyncio
import contextlib
import io
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live

from ollama_simulator.clock import WallClock
from ollama_simulator.console.draw import drawn
from ollama_simulator.console.look import Stand, Watch
from ollama_simulator.directory import Directory

PAUSE_S = 0.25
"""Seconds between two looks, at least."""
SHARE = 5
"""A pause is at least so many times as long as drawing took."""


Stands = Callable[[], Awaitable[Sequence[Stand]]]
"""Asks how servers stand that are in other processes."""


async def show(
    fleet: Directory[Any], control: str, stop: asyncio.Event, stands: Stands | None = None
) -> None:
    """Show the fleet until the end. `control` is the URL of the control API; `stands` is for one
    whose servers are in other processes."""
    console = Console()
    clock = WallClock()  # people live in real time, whatever the fleet does
    watch = Watch(fleet, clock.now())
    before = None
    with _complaints_later(), _screen(console) as live:
        while not stop.is_set():
            began = clock.now()
            others = None if stands is None else await stands()
            look, size = watch.look(began, others), console.size
            if (look, size) != before:
                before = look, size
                view = drawn(look, control, size.width, size.height)
                await asyncio.to_thread(live.update, view, refresh=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(PAUSE_S, SHARE * (clock.now() - began))):
                    await stop.wait()


def _screen(console: Console) -> Live:
    return Live(
        console=console,
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )


@contextlib.contextmanager
def _complaints_later() -> Iterator[None]:
    """Keeps what is printed to standard error meanwhile, and prints it when the screen is back."""
    kept = io.StringIO()
    try:
        with contextlib.redirect_stderr(kept):
            yield
    finally:
        sys.stderr.write(kept.getvalue())
